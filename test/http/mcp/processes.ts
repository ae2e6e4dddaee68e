import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema, type ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import type { Caller } from '../../../src/access/roles.ts';
import { describeTools } from '../../../src/describe_tools.ts';
import { type LiveSessions, liveSessions } from '../../../src/http/mcp/live_sessions.ts';
import { openServices, type Services } from '../../../src/services.ts';
import { readSettings } from '../../../src/settings.ts';
import type { Logger } from '../../../src/telemetry/logger.ts';
import { defineTool, type Tool } from '../../../tools/define_tool.ts';
import { catalogue } from '../../../tools/index.ts';

/** One process of a store that answers MCP over HTTP, without the HTTP. */
export interface Process {
  live: LiveSessions;
  services: Services;
  close(): Promise<void>;
}

const silent: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  close: async () => undefined,
};

const hints = { readOnly: true, destructive: false, idempotent: true, openWorld: false };
const output = z.looseObject({});

/** What calls of the test's own tools do meanwhile. */
export interface Doings {
  begun(name: string): void;
  ended(name: string, aborted: boolean): void;
}

/** Tools that do what real ones do too seldom: wait until they are taken back, and ask a person. */
export function testTools({ begun, ended }: Doings): Tool[] {
  const wait = async (name: string, signal: AbortSignal) => {
    begun(name);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve());
    });
    ended(name, signal.aborted);
    return {};
  };
  return [
    defineTool({
      name: 'wait',
      title: 'Wait',
      description: 'Waits until it is taken back.',
      permission: 'READ',
      hints,
      input: z.strictObject({}),
      output,
      async handle(_, __, { signal, progress }) {
        progress(1, 2, 'waiting');
        return wait('wait', signal);
      },
    }),
    defineTool({
      name: 'wait_shortly',
      title: 'Wait',
      description: 'The same, by the short way.',
      permission: 'PREDICT',
      hints,
      input: z.strictObject({}),
      output,
      handle: async (_, __, { signal }) => wait('wait_shortly', signal),
    }),
    defineTool({
      name: 'ask',
      title: 'Ask',
      description: 'Asks the person at the client.',
      permission: 'WRITE',
      hints,
      input: z.strictObject({ question: z.string() }),
      output,
      handle: async (_, { question }, { ask }) => ({ answer: (await ask?.(question)) ?? 'cannot ask' }),
    }),
    defineTool({
      name: 'link',
      title: 'Link',
      description: 'Answers with a link to a file.',
      permission: 'READ',
      hints,
      input: z.strictObject({ uri: z.string() }),
      output,
      links: ({ uri }) => [{ uri: String(uri), name: 'rows.csv', mimeType: 'text/csv' }],
      handle: async (_, { uri }) => ({ uri }),
    }),
  ];
}

export async function startProcess(
  directory: string,
  tools: readonly Tool[],
  more: { clock?: () => number; isAdmitted?: (owner: string) => Promise<boolean> } = {},
): Promise<Process> {
  const all = [...catalogue, ...tools];
  const services = await openServices(readSettings({ MODEL_REGISTRY_DIR: directory }), silent);
  const live = liveSessions({
    catalogue: async () => all,
    roots: [],
    toolList: async () => describeTools(all),
    services: async () => services,
    askTimeoutMs: 20_000,
    logger: silent,
    sessions: services.sessions,
    isAdmitted: async () => true,
    clock: Date.now,
    ...more,
  });
  return {
    live,
    services,
    async close() {
      await live.close();
      await services.close();
    },
  };
}

export interface Connection {
  client: Client;
  transport: StreamableHTTPClientTransport;
  /** What was sent, in words: `POST tools/call → 0`, by the number of the process that took it. */
  way: string[];
  /** Whether the last answer to each kind of request is open still. */
  answers: Map<string, 'open' | 'ended'>;
}

export interface ConnectingOptions {
  caller?: Caller;
  owner?: string;
  /** Which process takes a request: its number, by `POST tools/call`, `POST answer`, `GET`, `DELETE`. */
  choose: (what: string) => number;
  /** What the person answers. */
  person?: (message: string) => Promise<ElicitResult>;
}

/** The SDK's client, whose requests reach the processes that the test chooses. */
export async function connect(
  processes: readonly Process[],
  { caller = { role: 'operator', readOnly: false }, owner = '', choose, person }: ConnectingOptions,
): Promise<Connection> {
  const way: string[] = [];
  const answers: Connection['answers'] = new Map();
  const send = async (address: string | URL, init: RequestInit = {}): Promise<Response> => {
    const request = new Request(address, init);
    const body: unknown = request.method === 'POST' ? await request.json() : undefined;
    const what = `${request.method} ${methodIn(body)}`.trim();
    const number = choose(what);
    way.push(`${what} → ${number}`);
    const answerer = processes[number];
    if (answerer === undefined) throw new Error(`there is no process ${number}`);
    const given = {
      method: request.method,
      headers: Object.fromEntries(request.headers),
      whenGone: (listener: () => void) => request.signal.addEventListener('abort', listener),
    };
    const visitor = { caller, owner };
    const sessionId = request.headers.get('mcp-session-id');
    const answer =
      sessionId === null
        ? await answerer.live.begin(visitor, given, body)
        : await answerer.live.answer(sessionId, visitor, given, body);
    if (answer === undefined) return new Response('no such session', { status: 404 });
    const { status, headers, body: content } = answer;
    answers.set(what, 'open');
    const ended = () => answers.set(what, 'ended');
    if (content === null || typeof content === 'string') {
      ended();
      return new Response(content, { status, headers });
    }
    const watched = content.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({ flush: () => void ended() }),
    );
    return new Response(watched, { status, headers });
  };
  const transport = new StreamableHTTPClientTransport(new URL('http://127.0.0.1/mcp'), { fetch: send });
  const client = new Client(
    { name: 'test', version: '1' },
    { capabilities: person === undefined ? {} : { elicitation: {} } },
  );
  if (person !== undefined)
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => person(params.message));
  await client.connect(transport);
  return { client, transport, way, answers };
}

function methodIn(body: unknown): string {
  if (typeof body !== 'object' || body === null) return '';
  return 'method' in body ? String(body.method) : 'answer';
}
