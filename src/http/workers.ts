import cluster, { type Worker } from 'node:cluster';
import { createServer } from 'node:net';
import { z } from 'zod';
import type { Logger } from '../telemetry/logger.ts';
import { relayMetrics } from './metrics/worker_metrics.ts';

/** What a worker is told when it is to end. */
const stopMessage = z.object({ modelyard: z.literal('stop'), drains: z.boolean() });

/** What a worker tells once it listens. */
const listeningMessage = z.object({ modelyard: z.literal('listening'), ports: z.array(z.int()) });

/** In a worker: tells the primary that it listens. A name may stand for several addresses: one port is told of each front. */
export function tellListening(ports: readonly number[]): void {
  process.send?.({ modelyard: 'listening', ports });
}

export function isStopMessage(message: unknown): message is z.output<typeof stopMessage> {
  return stopMessage.safeParse(message).success;
}

/**
 * Has the workers take ports that were free a moment ago where any would do: each that is started later, after all others
 * died too, listens where the first ones did.
 *
 * @param flags the flags of `modelyard serve` that name ports, with the ports; of flags given twice the last one counts
 */
export async function fixPorts(host: string, flags: Readonly<Record<string, number>>): Promise<void> {
  const args: string[] = [];
  for (const [flag, port] of Object.entries(flags))
    if (port === 0) args.push(flag, String(await freePort(host)));
  cluster.setupPrimary({ args: [...process.argv.slice(2), ...args] });
}

function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen({ host, port: 0 }, () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

/** A worker that ran for less has not begun well: the next one waits, milliseconds. */
const shortLifeMs = 5000;
const longestPauseMs = 30_000;
/** Beyond what workers take to end by themselves, milliseconds. */
const longestEndMs = 3_700_000;

/**
 * Keeps `count` workers running, which share the port, until a signal comes: then has them end, each with its calls.
 *
 * @param listening is told the ports when all workers listen for the first time
 * @returns the exit code: of a worker that could not even begin, else 0
 */
export function superviseWorkers(
  count: number,
  logger: Logger,
  listening: (ports: readonly number[]) => void,
): Promise<number> {
  // The workers accept for themselves. Where the primary does and hands connections on, one that is on its way to a worker that
  // is killed stays open in the primary, and its client waits for ever.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  return new Promise((resolve) => {
    relayMetrics();
    let stopping = false;
    let pauseMs = 100;
    let begun = 0;
    let exitCode = 0;
    const running = new Map<Worker, { startedAt: number; listens: boolean }>();
    const pauses = new Set<NodeJS.Timeout>();

    const start = () => {
      const worker = cluster.fork();
      // What cluster itself wants to tell one that is being killed cannot be sent: without a listener that would end the primary.
      worker.on('error', (error: Error) => {
        if (worker.process.pid === undefined) ended(worker, error.message, 1);
      });
      running.set(worker, { startedAt: performance.now(), listens: false });
    };
    const stop = (drains: boolean) => {
      stopping = true;
      for (const pause of pauses) clearTimeout(pause);
      for (const [worker, { listens }] of running) {
        // One that does not listen yet does not hear the word either, and has nothing to end.
        if (!listens) worker.process.kill('SIGTERM');
        else if (worker.isConnected()) worker.send({ modelyard: 'stop', drains });
      }
      // One that hangs must not keep the others' end from being told.
      setTimeout(() => {
        for (const worker of running.keys()) worker.process.kill('SIGKILL');
      }, longestEndMs).unref();
      endIfDone();
    };
    const endIfDone = () => {
      if (stopping && running.size === 0) void logger.close().then(() => resolve(exitCode));
    };

    cluster.on('message', (worker, message: unknown) => {
      const told = listeningMessage.safeParse(message);
      const state = running.get(worker);
      if (!told.success || state === undefined) return;
      state.listens = true;
      begun += 1;
      if (begun === count) listening(told.data.ports);
    });
    const ended = (worker: Worker, how: string, code: number) => {
      const state = running.get(worker);
      running.delete(worker);
      if (stopping) return endIfDone();
      if (state?.listens !== true && begun === 0) {
        // It has said why, and the others would say the same.
        exitCode = code === 0 ? 1 : code;
        return stop(false);
      }
      logger.warn(`the worker ${worker.process.pid} ended (${how}): another one is started`);
      const ranMs = performance.now() - (state?.startedAt ?? 0);
      pauseMs = ranMs < shortLifeMs ? Math.min(pauseMs * 2, longestPauseMs) : 100;
      const pause = setTimeout(
        () => {
          pauses.delete(pause);
          start();
        },
        ranMs < shortLifeMs ? pauseMs : 0,
      );
      pauses.add(pause);
    };
    cluster.on('exit', (worker, code, signal) => ended(worker, signal ?? `exit code ${code}`, code));
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
      process.on(signal, () => {
        if (!stopping) return stop(signal === 'SIGTERM');
        for (const worker of running.keys()) worker.process.kill('SIGKILL');
        process.exit(0);
      });
    for (let started = 0; started < count; started += 1) start();
  });
}
