import { rmSync } from 'node:fs';
import type { Tool } from '../tools/define_tool.ts';
import { may } from './access/roles.ts';
import { defaultDirectory } from './default_directory.ts';
import { ModelYardError } from './errors.ts';
import { lastJournaled } from './prediction_log/journal_directory.ts';
import { createServer, tellAlert } from './server.ts';
import type { Services } from './services.ts';
import type { Settings } from './settings.ts';
import { createLogger } from './telemetry/logger.ts';
import { readToolList } from './tool_list.ts';
import { stdioTransport } from './transports/stdio.ts';

/** How long a signal leaves calls that are under way, milliseconds. The end of input leaves them all their time. */
const signalGraceMs = 3000;

/** A server that was used within this time starts a host before it knows whether one is needed, milliseconds. */
const latelyMs = 3_600_000;

/** How long a client may take to list or call tools until what calls need is loaded without, milliseconds. */
const patienceMs = 500;

/**
 * Serves MCP on standard input and output until the client is gone or a signal comes; then answers what is
 * under way, closes everything and ends the process. The handshake and the list of tools are answered first: tools
 * and services load after them.
 */
export async function serveStdio(settings: Settings): Promise<void> {
  const logger = createLogger({ directory: settings.directory, level: settings.logLevel });
  let hostStarts: () => void = () => undefined;
  const hostStarted = new Promise<void>((resolve) => {
    hostStarts = resolve;
  });
  const catalogue = once<readonly Tool[]>(async () => {
    // A host starts in a process of its own while the tools are loaded here, which holds everything else up.
    await hostStarted;
    return (await import('../tools/index.ts')).catalogue;
  });
  const services = once<Services>(async () => {
    try {
      const hostAhead = hasPredictedLately(settings)
        ? (await import('./serving/engine/host_ahead.ts')).startHostAhead(settings.engineMemoryBytes)
        : undefined;
      const { openServices } = await import('./services.ts');
      const opened = await openServices(settings, logger, { hostAhead, hostStarts });
      if (settings.directory === defaultDirectory())
        // Not through the logger, which is loaded with its first line.
        process.stderr.write(
          `modelyard: the store is in ${settings.directory}; MODEL_REGISTRY_DIR in the client's env block names another place\n`,
        );
      // Whichever process finds them.
      opened.monitoring.subscribeToAlerts((message) => tellAlert(server, message, logger));
      return opened;
    } finally {
      hostStarts();
    }
  });
  const transport = stdioTransport(process.stdin, process.stdout);
  const inputEnded = new AbortController();
  void transport.ended.then(() => inputEnded.abort());
  let isNeeded = false;
  const needed = () => {
    if (isNeeded) return;
    isNeeded = true;
    clearTimeout(timer);
    prepare().catch(() => undefined);
    services().catch((error: unknown) => {
      if (error instanceof ModelYardError)
        logger.error(`the store could not be opened: ${error.message} ${error.hint}`);
      else logger.error('the store could not be opened', { error });
    });
  };
  // A client that neither lists nor calls tools has a server that watches its models all the same.
  const timer = setTimeout(needed, patienceMs);
  const { server, directCalls, prepare } = createServer({
    catalogue,
    toolList: readToolList,
    services,
    needed,
    caller: { role: settings.role, readOnly: settings.readOnly },
    roots: settings.allowedRoots,
    toolsets: settings.toolsets,
    askTimeoutMs: settings.askTimeoutMs,
    inputEnded: inputEnded.signal,
    logger,
  });

  let stopping = false;
  const stop = async (grace: Promise<unknown>) => {
    if (stopping) return;
    stopping = true;
    clearTimeout(timer);
    await Promise.race([transport.idle(), grace]);
    await server.close();
    await services.ifStarted()?.then(
      (opened) => opened.close(),
      () => undefined,
    );
    await logger.close();
    if (settings.ephemeral) rmSync(settings.directory, { recursive: true, force: true, maxRetries: 5 });
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

  transport.directCalls = directCalls;
  await server.connect(transport);
}

/** Whether the model that was called last is about to be loaded: the store tells for certain, once it is open. */
function hasPredictedLately(settings: Settings): boolean {
  const since = may(settings, 'PREDICT') ? lastJournaled(settings.directory) : undefined;
  return since !== undefined && Date.now() - since < latelyMs;
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
