import { rmSync } from 'node:fs';
import type { Tool } from '../tools/define_tool.ts';
import { createServer, tellAlerts } from './server.ts';
import type { Services } from './services.ts';
import type { Settings } from './settings.ts';
import { createLogger } from './telemetry/logger.ts';
import { stdioTransport } from './transports/stdio.ts';

/** How long a signal leaves calls that are under way, milliseconds. The end of input leaves them all their time. */
const signalGraceMs = 3000;

/**
 * Serves MCP on standard input and output until the client is gone or a signal comes; then answers what is
 * under way, closes everything and ends the process. The handshake is answered first: tools and services
 * load after it.
 */
export async function serveStdio(settings: Settings): Promise<void> {
  const logger = createLogger({ directory: settings.directory, level: settings.logLevel });
  const catalogue = once<readonly Tool[]>(async () => (await import('../tools/index.ts')).catalogue);
  const services = once<Services>(async () => {
    const opened = await (await import('./services.ts')).openServices(settings, logger);
    tellAlerts(server, opened, logger);
    return opened;
  });
  const transport = stdioTransport(process.stdin, process.stdout);
  const inputEnded = new AbortController();
  void transport.ended.then(() => inputEnded.abort());
  const server = createServer({
    catalogue,
    services,
    caller: { role: settings.role, readOnly: settings.readOnly },
    askTimeoutMs: settings.askTimeoutMs,
    inputEnded: inputEnded.signal,
    logger,
  });

  let stopping = false;
  const stop = async (grace: Promise<unknown>) => {
    if (stopping) return;
    stopping = true;
    await Promise.race([transport.idle(), grace]);
    await server.close();
    await services.ifStarted()?.then(
      (opened) => opened.close(),
      () => undefined,
    );
    await logger.close();
    if (settings.ephemeral) rmSync(settings.directory, { recursive: true, force: true });
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.on(signal, () => {
      // A second signal does not wait.
      if (stopping) process.exit(0);
      void stop(new Promise((resolve) => setTimeout(resolve, signalGraceMs)));
    });
  // A log line that nobody reads is no reason to fail.
  process.stderr.on('error', () => undefined);
  void transport.ended.then(() => stop(new Promise(() => undefined)));

  await server.connect(transport);
  setImmediate(() => {
    catalogue().catch(() => undefined);
    services().catch((error: unknown) => logger.error('the store could not be opened', { error }));
  });
}

/** Runs `make` at the first call and shares its result; a failure is forgotten, so that the next call tries again. */
function once<T>(make: () => Promise<T>): { (): Promise<T>; ifStarted(): Promise<T> | undefined } {
  let made: Promise<T> | undefined;
  const get = () => {
    if (made === undefined) {
      const making = make();
      made = making;
      making.catch(() => {
        made = undefined;
      });
    }
    return made;
  };
  return Object.assign(get, { ifStarted: () => made });
}
