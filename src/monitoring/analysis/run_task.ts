import { Worker } from 'node:worker_threads';
import { type ErrorCode, ModelYardError } from '../../errors.ts';
import type { TaskName, TaskOrder, Tasks } from './tasks.ts';
import { memoryOf } from './transfer.ts';

export type TaskAnswer<Output> =
  | { output: Output }
  | { refused: { code: ErrorCode; message: string; hint: string } }
  | { failure: string };

/** Threads at once: each may hold hundreds of megabytes. */
const mostThreads = 2;
let running = 0;
/** Tasks that wait for a thread to end. */
const waiting: (() => void)[] = [];

/** The compiled thread; a server that runs from its TypeScript sources (the tests) uses the built one. */
const threadFile = new URL(
  import.meta.url.endsWith('.ts')
    ? '../../../dist/src/monitoring/analysis/task_thread.js'
    : './task_thread.js',
  import.meta.url,
);

/**
 * Carries out a task: in a thread of its own, or in place where it is surely a matter of milliseconds. The memory of
 * the input's typed arrays goes to the thread: they are empty afterwards.
 * @throws whatever the task throws; CANCELLED when the signal is aborted
 */
export async function runTask<Name extends TaskName>(
  order: TaskOrder<Name>,
  isQuick: boolean,
  signal?: AbortSignal,
): Promise<Tasks[Name]['output']> {
  if (isQuick) {
    const { carryOut } = await import('./tasks.ts');
    // Taken here too, so that a caller who goes on with the memory is wrong with little data already.
    return carryOut(structuredClone(order, { transfer: memoryOf(order) }));
  }
  // Who ends hands its place to the next.
  if (running >= mostThreads) await new Promise<void>((resolve) => waiting.push(resolve));
  else running++;
  try {
    return await inThread(order, signal);
  } finally {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
}

function inThread<Name extends TaskName>(
  order: TaskOrder<Name>,
  signal: AbortSignal | undefined,
): Promise<Tasks[Name]['output']> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(cancelled());
    // The process's own flags may be none that a thread takes, and what it writes must not get among the
    // messages of the protocol.
    const thread = new Worker(threadFile, {
      workerData: order,
      transferList: memoryOf(order),
      execArgv: [],
      stdout: true,
    });
    const stop = () => {
      reject(cancelled());
      void thread.terminate();
    };
    signal?.addEventListener('abort', stop, { once: true });
    thread.on('message', (answer: TaskAnswer<Tasks[Name]['output']>) => {
      if ('output' in answer) resolve(answer.output);
      else if ('refused' in answer) {
        const { code, message, hint } = answer.refused;
        reject(new ModelYardError(code, message, hint));
      } else reject(new Error(`The task ${order.name} failed: ${answer.failure}`));
    });
    thread.on('error', reject);
    thread.on('exit', (code) => {
      signal?.removeEventListener('abort', stop);
      reject(new Error(`The thread of the task ${order.name} ended with code ${code}.`));
    });
  });
}

function cancelled(): ModelYardError {
  return new ModelYardError('CANCELLED', 'The call was cancelled.', 'Call again if the answer is wanted.');
}
