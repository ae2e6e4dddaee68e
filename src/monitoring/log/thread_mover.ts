import { Worker } from 'node:worker_threads';
import { ModelYardError } from '../../errors.ts';
import type { Retention } from './retention.ts';

export interface ThreadOptions {
  directory: string;
  databaseUrl: string | undefined;
  retention: Retention;
}

export type ThreadRequest =
  | { id: number; task: 'move' /** Journals of this process that are written no more. */; finished: string[] }
  | { id: number; task: 'tidy' };

export interface ThreadAnswer {
  id: number;
  /** Lines that could not be read. */
  unreadable: number;
  failure: string | undefined;
}

export interface ThreadMover {
  /** Moves what is in the journals now. @returns lines that could not be read. @throws STORAGE_UNAVAILABLE */
  move(finished: string[]): Promise<number>;
  /** Merges small segments, however heavy, and deletes expired ones. @throws STORAGE_UNAVAILABLE */
  tidy(): Promise<void>;
  /** Ends the thread; what it was doing is done by the next who tries. */
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
  let lastId = 0;
  const waiting = new Map<number, { resolve(unreadable: number): void; reject(error: Error): void }>();
  const fail = (id: number, reason: string) => {
    const failed = waiting.get(id);
    waiting.delete(id);
    failed?.reject(
      new ModelYardError(
        'STORAGE_UNAVAILABLE',
        `The logged predictions could not be moved to the database (${reason}).`,
        'They wait in the journal; try again shortly.',
      ),
    );
  };
  const failAll = (reason: string) => {
    for (const id of [...waiting.keys()]) fail(id, reason);
  };
  thread.on('message', ({ id, unreadable, failure }: ThreadAnswer) => {
    if (failure !== undefined) return fail(id, failure);
    const done = waiting.get(id);
    waiting.delete(id);
    done?.resolve(unreadable);
  });
  thread.on('error', (error) => failAll(error.message));
  thread.on('exit', () => {
    ended = true;
    failAll('the thread ended');
  });
  const ask = (request: ThreadRequest) =>
    new Promise<number>((resolve, reject) => {
      waiting.set(request.id, { resolve, reject });
      if (ended) fail(request.id, 'the thread ended');
      else thread.postMessage(request);
    });
  return {
    move: (finished) => ask({ id: ++lastId, task: 'move', finished }),
    async tidy() {
      await ask({ id: ++lastId, task: 'tidy' });
    },
    async close() {
      await thread.terminate();
    },
  };
}
