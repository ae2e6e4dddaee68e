import cluster from 'node:cluster';
import { mkdirSync } from 'node:fs';
import { hasTokens } from './access/tokens.ts';
import { SettingsError } from './errors.ts';
import { isLoopback } from './http/access/addresses.ts';
import type { HttpContext } from './http/http_context.ts';
import { createHttpServer } from './http/http_server.ts';
import { protocols } from './http/protocols.ts';
import type { ServeOptions } from './http/serve_options.ts';
import { readTlsFiles, requireValidAt, type TlsMaterial } from './http/tls_files.ts';
import { fixPorts, isStopMessage, superviseWorkers, tellListening } from './http/workers.ts';
import { openServices } from './services.ts';
import type { Settings } from './settings.ts';
import { openDatabase } from './storage/database.ts';
import { createLogger } from './telemetry/logger.ts';

/** How long calls that are under way have to end, milliseconds: a prediction has 30 s by default. */
const endMs = 35_000;

/**
 * Serves HTTP until a signal comes, in this process or in several that share the port.
 * @returns the exit code, once all has ended
 * @throws SettingsError where others than this machine would be served without tokens, or the files of TLS are of no use
 */
export async function serveHttp(settings: Settings, options: ServeOptions): Promise<number> {
  const tls = options.tls && readTlsFiles(options.tls);
  if (cluster.isWorker) return serveHere(settings, options, tls, tellListening);
  // Only at the start: a worker that takes another one's place serves on with what the others have.
  if (options.tls !== undefined && tls !== undefined) requireValidAt(tls, options.tls.certFile, Date.now());
  const haveTokens = await requireTokens(settings, options);
  const tell = (ports: readonly number[]) =>
    process.stderr.write(`modelyard: ${greeting(settings, options, ports, haveTokens)}\n`);
  if (options.workers === 1) return serveHere(settings, options, tls, tell);
  const { host, port, grpcPort, workers } = options;
  await fixPorts(host, { '--port': port, ...(grpcPort !== undefined && { '--grpc-port': grpcPort }) });
  return superviseWorkers(
    workers,
    createLogger({ directory: settings.directory, level: settings.logLevel }),
    tell,
  );
}

async function requireTokens(settings: Settings, { host }: ServeOptions): Promise<boolean> {
  mkdirSync(settings.directory, { recursive: true, mode: 0o700 });
  const { database, close } = await openDatabase(settings);
  try {
    const found = await hasTokens(database);
    if (!found && !isLoopback(host))
      throw new SettingsError(
        `--host=${host} would serve other machines, and the store has no token: make one with modelyard token create first.`,
      );
    return found;
  } finally {
    await close();
  }
}

/** Where it is, what it serves, and who may call. */
function greeting(
  { directory, databaseUrl }: Settings,
  { host, tls }: ServeOptions,
  [port, grpcPort]: readonly number[],
  haveTokens: boolean,
) {
  const shown = host.includes(':') ? `[${host}]` : host;
  const who = haveTokens
    ? 'callers need a token'
    : 'this machine may read and predict without a token (modelyard token create makes one)';
  return `serving on ${tls === undefined ? 'http' : 'https'}://${shown}:${port};${grpcPort === undefined ? '' : ` gRPC on ${shown}:${grpcPort};`} the store is in ${databaseUrl === undefined ? directory : `PostgreSQL, its files in ${directory}`}; ${who}`;
}

/** Serves in this process. @param listening is told the ports */
async function serveHere(
  settings: Settings,
  options: ServeOptions,
  tls: TlsMaterial | undefined,
  listening: (ports: readonly number[]) => void,
): Promise<number> {
  // A word that comes before it listens holds too.
  const stopping = stopWanted();
  const logger = createLogger({ directory: settings.directory, level: settings.logLevel });
  const [services, { catalogue }] = await Promise.all([
    openServices(settings, logger),
    import('../tools/index.ts'),
  ]);
  const server = createHttpServer({
    settings,
    options,
    tls,
    services,
    logger,
    clock: Date.now,
    catalogue,
    protocols,
  });
  const { port } = await server.listen();
  const grpcPort = await listenForGrpc(server.context, tls);
  listening(grpcPort === undefined ? [port] : [port, grpcPort]);
  // A log line that nobody reads is no reason to fail.
  process.stderr.on('error', () => undefined);
  const { drains } = await stopping;
  await server.close(drains ? options.drainMs : 0, endMs);
  await services.close();
  await logger.close();
  process.exit(0);
}

/** Serves gRPC where that is wanted, until HTTP ends; what it needs is loaded only then. @returns its port */
async function listenForGrpc(
  context: HttpContext,
  tls: TlsMaterial | undefined,
): Promise<number | undefined> {
  const { host, grpcPort } = context.options;
  if (grpcPort === undefined) return undefined;
  const { createGrpcServer } = await import('./http/open_inference/grpc_server.ts');
  const server = createGrpcServer(context, {
    host,
    port: grpcPort,
    tls,
  });
  const { port } = await server.listen();
  context.onClose(() => server.close(endMs));
  return port;
}

/** Waits for a signal or the word of the process that started this one. A second signal does not wait. */
function stopWanted(): Promise<{ drains: boolean }> {
  return new Promise((resolve) => {
    let stopping = false;
    const begin = (drains: boolean) => {
      stopping = true;
      resolve({ drains });
    };
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
      process.on(signal, () => {
        // A worker gets a terminal's Ctrl-C besides the word of its primary.
        if (stopping && !cluster.isWorker) process.exit(0);
        begin(signal === 'SIGTERM');
      });
    if (!cluster.isWorker) return;
    process.on('message', (message) => {
      if (isStopMessage(message)) begin(message.drains);
    });
    process.on('disconnect', () => begin(false));
  });
}
