import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Tool } from '../../tools/define_tool.ts';
import { lackingTools } from '../access/known_tools.ts';
import { type Caller, may, type Permission } from '../access/roles.ts';
import { requirePermission } from '../call_error.ts';
import type { CallOrder } from '../call_order.ts';
import { CallCancelling } from '../cancelling.ts';
import { messageOf, SettingsError } from '../errors.ts';
import { callTool, carryOut } from '../pipeline.ts';
import type { Services } from '../services.ts';
import type { Settings } from '../settings.ts';
import type { Logger } from '../telemetry/logger.ts';
import { traceIdOf } from '../telemetry/trace_context.ts';
import { isLoopback } from './access/addresses.ts';
import { authenticate } from './access/authenticate.ts';
import { checkRequest, preflightHeaders } from './access/check_request.ts';
import { rateLimit } from './access/rate_limit.ts';
import { refuseUnheededParts } from './access/unheeded_parts.ts';
import { bodyTime } from './body_time.ts';
import { errorHandler, plainError } from './error_handler.ts';
import type { HttpContext } from './http_context.ts';
import { HttpRefusal } from './http_error.ts';
import { addJsonParser } from './json_body.ts';
import { processMetrics } from './metrics/process_metrics.ts';
import { workerMetrics } from './metrics/worker_metrics.ts';
import type { Route } from './open_api/document.ts';
import type { ServeOptions } from './serve_options.ts';
import type { TlsMaterial } from './tls_files.ts';
import { underWay } from './under_way.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the caller must be allowed; `none`: anybody may, without a token. Every route says it. */
    permission?: Permission | 'none';
    /** As the log and the audit trail name what the route does. */
    operation?: string;
    /** The protocol, as metrics name it. */
    front?: string;
    /** Held open as long as the client wants: the end of the server does not wait for it. */
    isStream?: boolean;
    /** Whether the address may have a query: it is read, or nobody expects that it is. */
    takesQuery?: boolean;
    /** Whether bodies may be packed, as Content-Encoding says. */
    unpacksBodies?: boolean;
    /** How long the body may take to come in, milliseconds. */
    bodyTimeoutMs?: number;
  }
  interface FastifyRequest {
    caller: Caller | undefined;
  }
}

/** A protocol adds its routes to a scope of its own: its error handler and its parsers of bodies hold there only. */
export type Protocol = (app: FastifyInstance, context: HttpContext) => void;

export interface HttpServerDependencies {
  settings: Settings;
  options: ServeOptions;
  /** undefined: plain HTTP. */
  tls: TlsMaterial | undefined;
  services: Services;
  logger: Logger;
  clock: () => number;
  catalogue: readonly Tool[];
  protocols: readonly Protocol[];
}

export interface HttpServer {
  context: HttpContext;
  listen(): Promise<{ port: number }>;
  /**
   * Says that it is not ready, and answers on until nothing is under way or `drainMs` have passed; then takes no more
   * calls and ends those under way, within `endMs`.
   */
  close(drainMs: number, endMs: number): Promise<void>;
}

/** How long headers may take to come in, and the largest body at all, milliseconds. */
const headersMs = 10_000;
const longestBodyMs = 3_600_000;
/** How long a connection is kept for the next call, milliseconds: longer than load balancers keep theirs. */
const keepAliveMs = 75_000;

/** How often connections that have become idle are looked for while the server ends, milliseconds. */
const sweepMs = 100;

/** Calls of different clients have no order. */
const noOrder: CallOrder = { change: (_, change) => change(), use: (_, use) => use() };

const nobodyWatches = () => undefined;

export function createHttpServer(dependencies: HttpServerDependencies): HttpServer {
  const { settings, options, tls, services, logger, clock, catalogue, protocols } = dependencies;
  const boundBodyTime = bodyTime();
  const app: FastifyInstance = fastify({
    ...(tls && { https: { ...tls, minVersion: 'TLSv1.2' as const } }),
    logger: false,
    bodyLimit: options.maxBodyBytes,
    keepAliveTimeout: keepAliveMs,
    requestTimeout: longestBodyMs,
    http: { headersTimeout: headersMs, connectionsCheckingInterval: 2000 },
    return503OnClosing: false,
    routerOptions: { maxParamLength: 1000 },
    // An address that leads nowhere: no route's own form of errors holds.
    frameworkErrors(error, request, reply) {
      boundBodyTime(request, reply);
      errorHandler(context, plainError)(error, request, reply);
    },
  });
  const { tokens } = services.access;
  const authentication = { tokens, loopbackOnly: isLoopback(options.host), readOnly: settings.readOnly };
  const limit = options.maxRate === undefined ? undefined : rateLimit(options.maxRate);
  const stopping = new AbortController();
  const closings: (() => Promise<void>)[] = [];
  const load = underWay(() => performance.now());
  const lacking = new Map<string, readonly string[]>();
  const lackingOf = (caller: Caller): readonly string[] => {
    const key = `${caller.role} ${caller.readOnly}`;
    const known = lacking.get(key) ?? lackingTools(catalogue, caller);
    lacking.set(key, known);
    return known;
  };

  const admitted = (authorization: string | undefined, address: string): Caller => {
    const caller = authenticate(authentication, authorization);
    const waitMs = limit?.take(caller.token ?? address, performance.now()) ?? 0;
    if (waitMs > 0) throw tooMany(waitMs);
    return caller;
  };

  const metrics = processMetrics(() => ({ pools: services.serving.pools(), log: services.log.waiting() }));
  services.serving.observe(metrics.calls);

  const routes: Route[] = [];
  const context: HttpContext = {
    routes,
    settings,
    options,
    services: async () => services,
    logger,
    clock,
    isReady: () => !stopping.signal.aborted,
    stopping: stopping.signal,
    underWay: load,
    onClose: (close) => closings.push(close),
    metricsOfAll: workerMetrics(() => metrics.registry.getMetricsAsJSON()),
    async admit(authorization, address) {
      await tokens.refresh(authorization);
      return admitted(authorization, address);
    },
    requirePermission(request, permission) {
      const caller = callerOf(request);
      requirePermission({ name: operationOf(request), permission }, caller);
      return caller;
    },
    callOf: (request, reply) => ({
      caller: callerOf(request),
      // Nobody sits at the other end of a plain request: what needs a person's word becomes a request for modelyard approve.
      ask: undefined,
      progress: nobodyWatches,
      cancelling: cancelledWhenGone(reply),
      traceId: traceIdOf(request.headers.traceparent),
      front: request.routeOptions.config.front,
    }),
    carryOut: (operation, given, call, handle) =>
      carryOut(
        { services: context.services, logger, lacking: lackingOf(call.caller) },
        operation,
        given,
        call,
        handle,
      ),
    catalogue,
    tool(name) {
      const found = catalogue.find((tool) => tool.name === name);
      if (found === undefined) throw new Error(`there is no tool ${name}`);
      return found;
    },
    callTool: (tool, given, call) =>
      callTool(
        { services: context.services, order: noOrder, logger, lacking: lackingOf(call.caller) },
        tool,
        given,
        call,
      ),
  };

  app.addHook('onResponse', (request, reply, done) => {
    const { url = '(none)', config } = request.routeOptions;
    if (!config.isStream) metrics.responded(request.method, url, reply.statusCode, reply.elapsedTime);
    done();
  });
  app.decorateRequest('caller', undefined);
  app.addHook('onRoute', ({ config, method, url }) => {
    if (config?.permission === undefined) throw new Error(`the route ${url} does not say who may call it`);
    // Fastify answers HEAD where there is GET.
    for (const one of [method].flat())
      if (one !== 'HEAD' && one !== 'OPTIONS')
        routes.push({ method: one, url, permission: config.permission, operation: config.operation });
  });
  app.addHook('onRequest', async (request, reply) => {
    const { permission = 'READ', isStream = false } = request.routeOptions.config;
    if (!isStream) {
      load.begin();
      reply.raw.once('close', load.end);
    }
    boundBodyTime(request, reply);
    if (stopping.signal.aborted) reply.header('connection', 'close');
    checkRequest(request, reply, options, permission === 'none');
    if (permission === 'none') return;
    const { authorization } = request.headers;
    if (!tokens.isFresh(authorization)) await tokens.refresh(authorization);
    const caller = admitted(authorization, request.ip);
    request.caller = caller;
    // Before the body is read. Refused changes stand in the audit trail, which the common way of calls sees to.
    if (!may(caller, permission))
      await context.carryOut(
        { name: operationOf(request), permission },
        () => ({}),
        { caller, cancelling: new CallCancelling() },
        async () => undefined,
      );
    if (!request.is404) refuseUnheededParts(request);
  });
  app.removeAllContentTypeParsers();
  addJsonParser(app);
  app.setErrorHandler(errorHandler(context, plainError));
  app.setNotFoundHandler((request) => {
    throw new HttpRefusal(
      404,
      'INVALID_INPUT',
      `There is no ${request.method} ${request.url.split('?', 1)[0]?.slice(0, 200)} here.`,
      'The guide of the HTTP server, docs/HTTP_GUIDE.md, has all addresses.',
    );
  });
  // Browsers ask before they call from a page of another server; that of others was refused by now.
  app.options('*', { config: { permission: 'none', operation: 'preflight' } }, (_, reply) => {
    void reply.code(204).headers(preflightHeaders).send();
  });
  for (const protocol of protocols)
    void app.register(async (scope) => {
      protocol(scope, context);
    });

  return {
    context,
    async listen() {
      const { host, port } = options;
      await app.listen({ host, port }).catch((error: unknown) => {
        throw new SettingsError(`--host=${host} --port=${port} cannot be listened on: ${messageOf(error)}.`);
      });
      const address = app.server.address();
      return { port: typeof address === 'object' && address !== null ? address.port : options.port };
    },
    async close(drainMs, endMs) {
      stopping.abort();
      await load.untilQuiet(drainMs);
      // A request that was refused before its body had come in keeps its connection open: nobody waits for the rest of it.
      const answered = Promise.race([app.close(), load.untilQuiet(endMs)]);
      const closed = Promise.allSettled([answered, ...closings.map((close) => close())]);
      // A connection whose last answer goes out from now on would be kept for a next call that nobody takes.
      const sweeping = setInterval(() => app.server.closeIdleConnections(), sweepMs);
      await within(endMs, (done) => void closed.then(done, done));
      clearInterval(sweeping);
      app.server.closeAllConnections();
    },
  };
}

/** Waits for a call of `done`, no longer than `ms`. */
function within(ms: number, begin: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    begin(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** The caller of a request whose route needs one. */
function callerOf({ caller }: FastifyRequest): Caller {
  if (caller === undefined) throw new Error('a route that anybody may call asked who calls');
  return caller;
}

function operationOf({ method, routeOptions }: FastifyRequest): string {
  return routeOptions.config.operation ?? `${method} ${routeOptions.url ?? ''}`;
}

function cancelledWhenGone({ raw }: FastifyReply): CallCancelling {
  const cancelling = new CallCancelling();
  raw.once('close', () => {
    if (!raw.writableFinished) cancelling.abort();
  });
  return cancelling;
}

function tooMany(waitMs: number): HttpRefusal {
  return new HttpRefusal(
    429,
    'LIMIT_EXCEEDED',
    'More calls came than one caller may make here (--max-rate).',
    'Wait as long as Retry-After says, then go on more slowly.',
    { headers: { 'retry-after': String(Math.ceil(waitMs / 1000)) }, retryable: true },
  );
}
