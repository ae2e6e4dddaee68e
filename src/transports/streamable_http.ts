import { randomUUID } from 'node:crypto';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  type InitializeRequest,
  InitializeRequestSchema,
  isJSONRPCErrorResponse,
  isJSONRPCNotification,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type JSONRPCMessage,
  JSONRPCMessageSchema,
  type JSONRPCRequest,
  type JSONRPCResponse,
  LATEST_PROTOCOL_VERSION,
  type RequestId,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/sdk/types.js';
import type { DirectCalls } from './direct_calls.ts';
import { isRequest, withoutEmpty } from './given_message.ts';

/** One process's side of a session of MCP over HTTP. */
export interface StreamableHttpTransport extends Transport {
  /** Takes calls of tools before the SDK sees them: those that neither report progress nor ask anybody. */
  directCalls?: DirectCalls;
  /** Brings the server that is connected to the state in which the client's initialize left the session. */
  restore(session: RestoredSession): Promise<void>;
  /**
   * Answers an HTTP request of the session.
   * @param body of a POST, from JSON
   */
  handle(request: HttpRequest, body: unknown): Promise<HttpAnswer>;
  /** @returns false: the message concerns nothing that this process does for the session */
  deliver(message: string): boolean;
  /** Ends the stream that GET opened, if there is one. */
  closeStream(): void;
  /** When what is under way for the client began, milliseconds of the clock; undefined: nothing is. */
  busySince(): number | undefined;
}

/** What is known of a session besides its id. */
export interface RestoredSession {
  client: { name: string; version: string };
  protocolVersion: string;
  canAsk: boolean;
}

export interface HttpRequest {
  method: string;
  headers: Record<string, string>;
  /** Calls back once the client is gone, at once where it is. */
  whenGone(listener: () => void): void;
}

export interface HttpAnswer {
  status: number;
  headers: Record<string, string>;
  /** A stream of events, or text. */
  body: ReadableStream<Uint8Array> | string | null;
}

/** What a session needs of those around it. */
export interface SessionSurroundings {
  sessionId: string;
  /** Takes a message that concerns nothing here: another process may wait for it. */
  passOn(message: string): Promise<void>;
  /** The client ended the session. */
  ended(): Promise<void>;
  clock: () => number;
}

/** The requests of one POST, whose answers share a stream. */
interface Post {
  readonly open: Set<RequestId>;
  readonly began: number;
  isCancelled: boolean;
  /** Ends the answer to the POST, where one of its requests was cancelled and gets none. */
  end(): void;
}

/**
 * MCP's Streamable HTTP, by the SDK's transport, for a session that several processes answer. The SDK numbers a server's
 * questions from 0 in each process: here they bear a mark of the process, so that no answer is taken for another's. Of a
 * cancelled request the SDK keeps the stream open for ever: here it ends.
 */
export function streamableHttpTransport(surroundings: SessionSurroundings): StreamableHttpTransport {
  const { sessionId, passOn, ended, clock } = surroundings;
  const sdk = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: () => sessionId,
    onsessionclosed: ended,
  });
  const jsonHeaders = { 'content-type': 'application/json', 'mcp-session-id': sessionId };
  const mark = randomUUID();
  const posts = new Map<RequestId, Post>();
  const questions = new Map<string, number>();

  const begin = (ids: readonly RequestId[], end: () => void) => {
    const post: Post = { open: new Set(ids), began: clock(), isCancelled: false, end };
    for (const id of ids) posts.set(id, post);
  };
  const settle = (id: RequestId) => {
    const post = posts.get(id);
    posts.delete(id);
    post?.open.delete(id);
    // Questions that the call asked are taken back first.
    if (post?.isCancelled && post.open.size === 0) setImmediate(post.end);
  };

  /** The same message with the number that the server gave its question; undefined: no question of this process. */
  const ownAnswer = (message: unknown): JSONRPCMessage | undefined => {
    if (!isResponse(message)) return undefined;
    const number = typeof message.id === 'string' ? questions.get(message.id) : undefined;
    return number === undefined ? undefined : { ...message, id: number };
  };

  /** Whether nothing here is concerned by a message that concerns something. */
  const isStray = (message: unknown): boolean => {
    if (isResponse(message)) return ownAnswer(message) === undefined;
    const cancelled = cancelledBy(message);
    return cancelled !== undefined && !posts.has(cancelled);
  };

  const receive: NonNullable<Transport['onmessage']> = (message, extra) => {
    if (isStray(message)) return;
    const answer = ownAnswer(message);
    if (answer !== undefined && 'id' in message) questions.delete(String(message.id));
    transport.onmessage?.(answer ?? message, extra);
    const cancelled = cancelledBy(message);
    if (cancelled === undefined) return;
    transport.directCalls?.cancel(cancelled);
    const post = posts.get(cancelled);
    if (post !== undefined) post.isCancelled = true;
    // What is cancelled gets no answer.
    settle(cancelled);
  };

  const takeDirectly = (body: unknown): Promise<HttpAnswer> | undefined => {
    const { directCalls } = transport;
    if (directCalls === undefined || !isRequest(body) || body.method !== 'tools/call') return undefined;
    if (wantsProgress(body)) return undefined;
    const { id } = body;
    let resolve: (answer: HttpAnswer) => void = () => undefined;
    const promise = new Promise<HttpAnswer>((settled) => {
      resolve = settled;
    });
    const isTaken = directCalls.take(body, (members) => {
      settle(id);
      resolve({
        status: 200,
        headers: jsonHeaders,
        body: `{${members},"jsonrpc":"2.0","id":${JSON.stringify(id)}}`,
      });
    });
    if (!isTaken) return undefined;
    // An answer comes in a later turn.
    begin([id], () => resolve({ status: 202, headers: {}, body: null }));
    return promise;
  };

  const transport: StreamableHttpTransport = {
    start: () => sdk.start(),
    async close() {
      transport.directCalls?.close();
      for (const { end } of posts.values()) end();
      posts.clear();
      await sdk.close();
    },
    async send(message, given) {
      const options =
        given?.relatedRequestId === undefined ? {} : { relatedRequestId: given.relatedRequestId };
      if (isJSONRPCRequest(message)) {
        const id = `${mark}:${message.id}`;
        questions.set(id, Number(message.id));
        return sdk.send({ ...message, id }, options);
      }
      const withdrawn = cancelledBy(message);
      if (withdrawn !== undefined && isJSONRPCNotification(message)) {
        const requestId = `${mark}:${withdrawn}`;
        questions.delete(requestId);
        return sdk.send({ ...message, params: { ...message.params, requestId } }, options);
      }
      if (!isResponse(message)) return sdk.send(message, options);
      // A client that has gone away waits for no answer.
      await sdk.send(message, options).catch(() => undefined);
      if (message.id !== undefined) settle(message.id);
    },
    async restore({ client, protocolVersion, canAsk }) {
      const initialize: InitializeRequest & { jsonrpc: '2.0'; id: number } = {
        jsonrpc: '2.0',
        id: 0,
        method: 'initialize',
        params: {
          protocolVersion,
          clientInfo: client,
          capabilities: canAsk ? { elicitation: { form: {} } } : {},
        },
      };
      const response = await sdk.handleRequest(webRequest({ method: 'POST', headers: usualHeaders }), {
        parsedBody: initialize,
      });
      await response.text();
    },
    async handle(request, given) {
      const body = withoutEmpty(given);
      const direct = isUsual(request.headers) ? takeDirectly(body) : undefined;
      if (direct !== undefined) return direct;
      const messages: unknown[] = Array.isArray(body) ? body : [body];
      const strays = messages.filter(isStray);
      const ids = messages.filter(isJSONRPCRequest).map(({ id }) => id);
      begin(ids, () => {
        for (const id of ids) sdk.closeSSEStream(id);
      });
      const response = await sdk.handleRequest(webRequest(request), { parsedBody: body });
      if (response.ok) for (const stray of strays) await passOn(JSON.stringify(stray));
      else for (const id of ids) settle(id);
      const { status, headers, body: stream } = response;
      return { status, headers: Object.fromEntries(headers), body: stream };
    },
    deliver(text) {
      const message = JSONRPCMessageSchema.parse(JSON.parse(text));
      if (isStray(message)) return false;
      receive(message);
      return true;
    },
    closeStream: () => sdk.closeStandaloneSSEStream(),
    busySince() {
      if (questions.size > 0) return 0;
      let first: number | undefined;
      for (const { began } of posts.values()) first = Math.min(first ?? began, began);
      return first;
    },
  };
  sdk.onmessage = receive;
  sdk.onerror = (error) => transport.onerror?.(error);
  sdk.onclose = () => transport.onclose?.();
  return transport;
}

/** What a client says of itself; undefined: the body is no initialize that can be read. */
export function initializeIn(body: unknown): RestoredSession | undefined {
  const { data } = InitializeRequestSchema.safeParse(withoutEmpty(body));
  if (data === undefined) return undefined;
  const { clientInfo, protocolVersion, capabilities } = data.params;
  return {
    client: { name: clientInfo.name, version: clientInfo.version },
    protocolVersion: SUPPORTED_PROTOCOL_VERSIONS.includes(protocolVersion)
      ? protocolVersion
      : LATEST_PROTOCOL_VERSION,
    canAsk: capabilities.elicitation?.form !== undefined,
  };
}

/** What the SDK asks of the headers of a POST. */
const usualHeaders = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' };

/** Whether the SDK would have nothing to say about the headers of a POST. */
function isUsual({
  accept = '',
  'content-type': type = '',
  'mcp-protocol-version': version,
}: HttpRequest['headers']) {
  return (
    accept.includes('application/json') &&
    accept.includes('text/event-stream') &&
    type.startsWith('application/json') &&
    (version === undefined || SUPPORTED_PROTOCOL_VERSIONS.includes(version))
  );
}

/** The SDK looks at method and headers; the address is the front's matter. */
function webRequest({ method, headers }: Pick<HttpRequest, 'method' | 'headers'>): Request {
  return new Request('http://localhost/mcp', { method, headers });
}

/** Progress needs a stream. */
function wantsProgress({ params }: JSONRPCRequest): boolean {
  return params?._meta?.progressToken !== undefined;
}

function isResponse(message: unknown): message is JSONRPCResponse {
  return isJSONRPCResultResponse(message) || isJSONRPCErrorResponse(message);
}

/** The request that a message takes back. */
function cancelledBy(message: unknown): RequestId | undefined {
  if (!isJSONRPCNotification(message) || message.method !== 'notifications/cancelled') return undefined;
  const requestId = message.params?.requestId;
  return typeof requestId === 'string' || typeof requestId === 'number' ? requestId : undefined;
}
