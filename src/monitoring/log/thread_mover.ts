import { Worker } from 'node:worker_threads';
import { ModelYardError } from '../../errors.ts';

export interface ThreadOptions {
  directory: string;
  databaseUrl: string | undefined;
}

export interface MoveAnswer {
  /** Lines that could not be read. */
  unreadable: number;
  failure: string | undefined;
}

export interface ThreadMover {
  /** Moves what is in the journals now; one move at a time. @throws STORAGE_UNAVAILABLE */
  move(): Promise<number>;
  /** Ends the thread; what it was moving is moved by the next who tries. */
  close(): Promise<void>;
}

/** The compiled thread; a server that runs from its TypeScript sources (the tests) uses the built one. */
const threadFile = new URL(
  import.meta.url.endsWith('.ts') ? '../../../dist/src/monitoring/log/mover_thread.js' : './mover_thread.js',
  import.meta.url,
);

export function startThreadMover(options: ThreadOptions): ThreadMover {
  const thread = new Worker(threadFile, { workerData: options });
  thread.unref();
  let ended = false;
  let waiting: { resolve(unreadable: number): void; reject(error: Error): void } | undefined;
  const fail = (reason: string) => {
    const failed = waiting;
    waiting = undefined;
    failed?.reject(
      new ModelYardError(
        'STORAGE_UNAVAILABLE',
        `The logged predictions could not be moved to the database (${reason}).`,
        'They wait in the journal; try again shortly.',
      ),
    );
  };
  thread.on('message', ({ unreadable, failure }: MoveAnswer) => {
    if (failure !== undefined) return fail(failure);
    const moved = waiting;
    waiting = undefined;
    moved?.resolve(unreadable);
  });
  thread.on('error', (error) => fail(error.message));
  thread.on('exit', () => {
    ended = true;
    fail('the thread ended');
  });
  return {
    move: () =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        if (ended) fail('the thread ended');
        else thread.postMessage('move');
      }),
    async close() {
      await thread.terminate();
    },
  };
}
