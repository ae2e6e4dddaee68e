import { Worker } from 'node:worker_threads';
import { ModelYardError } from '../../errors.ts';
import type { Evidence, EvidenceRequest } from './evidence.ts';

export interface EvidenceThreadOptions {
  directory: string;
  databaseUrl: string | undefined;
}

export type EvidenceAnswer = { evidence: Evidence } | { failure: string };

export interface EvidenceGatherer {
  /** One at a time. @throws STORAGE_UNAVAILABLE, or INTERNAL when it took too long or too much memory. */
  gather(request: EvidenceRequest): Promise<Evidence>;
  close(): Promise<void>;
}

/** The compiled thread; a server that runs from its TypeScript sources (the tests) uses the built one. */
const threadFile = new URL(
  import.meta.url.endsWith('.ts')
    ? '../../../dist/src/monitoring/alerts/evidence_thread.js'
    : './evidence_thread.js',
  import.meta.url,
);

/** What drift reports over the log may take; a thread that takes more is ended and the server goes on. */
const memoryMb = 2048;
const longestMs = 300_000;

/** Gathers in a thread of its own, which is started by the first request. */
export function createEvidenceGatherer(options: EvidenceThreadOptions): EvidenceGatherer {
  let thread: Worker | undefined;
  let failWaiting: (reason: string) => void = () => undefined;

  const end = async (reason: string) => {
    const ended = thread;
    thread = undefined;
    failWaiting(reason);
    await ended?.terminate();
  };

  const start = (): Worker => {
    const started = new Worker(threadFile, {
      workerData: options,
      execArgv: [],
      stdout: true,
      resourceLimits: { maxOldGenerationSizeMb: memoryMb },
    });
    const fail = (reason: string) => {
      if (thread === started) void end(reason);
    };
    started.on('error', (error) => fail(error.message));
    started.on('exit', () => fail('the thread ended'));
    started.unref();
    return started;
  };

  return {
    gather: (request) =>
      new Promise((resolve, reject) => {
        thread ??= start();
        const asked = thread;
        const timer = setTimeout(() => void end(`it took longer than ${longestMs} ms`), longestMs).unref();
        const settle = () => {
          clearTimeout(timer);
          asked.removeAllListeners('message');
          failWaiting = () => undefined;
          asked.unref();
        };
        const fail = (reason: string) => {
          settle();
          reject(
            new ModelYardError(
              'INTERNAL',
              `The evidence for alerts could not be gathered (${reason}).`,
              'It is tried again at the next interval; the log has more.',
            ),
          );
        };
        failWaiting = fail;
        asked.on('message', (answer: EvidenceAnswer) => {
          if ('failure' in answer) return fail(answer.failure);
          settle();
          resolve(answer.evidence);
        });
        asked.postMessage(request);
      }),
    close: () => end('the server ends'),
  };
}
