import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ModelYardError } from '../../errors.ts';
import { readToolList } from '../../tool_list.ts';
import type { HttpAnswer, HttpRequest } from '../../transports/streamable_http.ts';
import { errorHandler } from '../error_handler.ts';
import type { HttpContext } from '../http_context.ts';
import { HttpRefusal } from '../http_error.ts';
import { liveSessions } from './live_sessions.ts';

/** How often it is looked what other processes did to the sessions that are answered here, milliseconds. */
const lookMs = 400;

/** The headers that the SDK looks at. */
const protocolHeaders = ['accept', 'content-type', 'mcp-session-id', 'mcp-protocol-version', 'last-event-id'];

const sessionForm = /^[0-9a-f-]{36}$/;

/** MCP over Streamable HTTP: the same tools as over standard input, for each session those that its token may call. */
export function mcpRoutes(app: FastifyInstance, context: HttpContext): void {
  const { settings, logger, clock, stopping } = context;
  app.setErrorHandler(errorHandler(context, jsonRpcError));

  const opened = context.services().then(({ sessions, monitoring, access }) => {
    const live = liveSessions({
      catalogue: async () => context.catalogue,
      toolList: readToolList,
      services: context.services,
      askTimeoutMs: settings.askTimeoutMs,
      roots: settings.allowedRoots,
      toolsets: settings.toolsets,
      logger,
      sessions,
      async isAdmitted(owner) {
        await access.tokens.refresh();
        return access.tokens.isAdmitted(owner === '' ? null : owner);
      },
      clock,
    });
    monitoring.subscribeToAlerts(live.tell);
    return live;
  });
  const timer = setInterval(() => void opened.then((live) => live.look()), lookMs).unref();
  stopping.addEventListener('abort', () => void opened.then((live) => live.closeStreams()));
  app.addHook('onClose', async () => {
    clearInterval(timer);
    await (await opened).close();
  });

  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const caller = context.requirePermission(request, 'READ');
    const visitor = { caller, owner: caller.token ?? '' };
    const live = await opened;
    const sessionId = request.headers['mcp-session-id'];
    if (sessionId === undefined) {
      const begun = await live.begin(visitor, requestOf(request, reply), request.body);
      if (begun === undefined) throw noSession();
      return send(reply, begun);
    }
    const answered = sessionForm.test(String(sessionId))
      ? await live.answer(String(sessionId), visitor, requestOf(request, reply), request.body)
      : undefined;
    if (answered === undefined) throw endedSession();
    return send(reply, answered);
  };

  const config = { permission: 'READ', operation: 'mcp', takesQuery: true } as const;
  app.post('/mcp', { config }, answer);
  app.delete('/mcp', { config }, answer);
  app.get('/mcp', { config: { ...config, isStream: true }, exposeHeadRoute: false }, answer);
  app.route({
    method: ['HEAD', 'PUT', 'PATCH'],
    url: '/mcp',
    config,
    handler: () => {
      throw new HttpRefusal(405, 'INVALID_INPUT', 'MCP has GET, POST and DELETE.', 'Use an MCP client.', {
        headers: { allow: 'GET, POST, DELETE' },
      });
    },
  });
}

function requestOf({ method, headers }: FastifyRequest, { raw }: FastifyReply): HttpRequest {
  const given = protocolHeaders.flatMap((name): [string, string][] => {
    const value = headers[name];
    return typeof value === 'string' ? [[name, value]] : [];
  });
  return {
    method,
    headers: Object.fromEntries(given),
    whenGone(listener) {
      if (raw.closed) listener();
      else raw.once('close', listener);
    },
  };
}

function send(reply: FastifyReply, { status, headers, body }: HttpAnswer): FastifyReply {
  reply.code(status).headers(headers);
  if (body === null || typeof body === 'string') return reply.send(body ?? undefined);
  if (headers['content-type'] !== 'text/event-stream') return reply.send(body);
  // Headers go out with the first bytes, and the first event may be far off.
  const opening = new TransformStream<Uint8Array, Uint8Array>({
    start: (controller) => controller.enqueue(Buffer.from(': open\n\n')),
  });
  return reply.send(body.pipeThrough(opening));
}

function noSession(): HttpRefusal {
  return new HttpRefusal(
    400,
    'INVALID_INPUT',
    'The request names no session (Mcp-Session-Id) and does not begin one.',
    'Send initialize first, as MCP 2025-11-25 has it; its answer names the session.',
  );
}

function endedSession(): HttpRefusal {
  return new HttpRefusal(
    404,
    'INVALID_INPUT',
    'There is no such session, or no longer.',
    'Begin a new one with initialize.',
  );
}

/** An error as JSON-RPC has it, where it belongs to no request that could be read. */
function jsonRpcError({ code, message, hint }: ModelYardError, status: number): object {
  return {
    jsonrpc: '2.0',
    error: { code: status === 404 ? sessionNotFound : serverError, message: `${code}: ${message} ${hint}` },
    id: null,
  };
}

/** As the SDK numbers them. */
const sessionNotFound = -32001;
const serverError = -32000;
