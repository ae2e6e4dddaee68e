import { isMainThread, workerData } from 'node:worker_threads';

/**
 * Some native code (libsql's is of that kind) ends the whole process when the thread that it runs in is ended: it may make
 * no more values of JavaScript then, and aborts. So a thread tells when it is inside such code, in memory that it shares
 * with who may end it, and is kept out before it is ended. That goes for the end of the process too, which ends its threads.
 */
const insideAt = 0;
const keptOutAt = 1;

/** How long the end of the process waits for a thread to come out, milliseconds. */
const patienceMs = 10_000;

/** How often it is looked whether a thread has come out, milliseconds. */
const lookEveryMs = 2;

/** The side of who starts a thread. */
export interface NativeCalls {
  /** Must be the thread's workerData. */
  shared: SharedArrayBuffer;
  /** Resolves when the thread is outside and stays there: from then on it may be ended. */
  keepOut(): Promise<void>;
  /** The thread has ended. */
  forget(): void;
}

const threads = new Set<Int32Array>();

export function watchNativeCalls(): NativeCalls {
  const shared = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
  const words = new Int32Array(shared);
  if (threads.size === 0) process.on('exit', keepAllOut);
  threads.add(words);
  return {
    shared,
    async keepOut() {
      Atomics.store(words, keptOutAt, 1);
      while (Atomics.load(words, insideAt) === 1)
        await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    },
    forget() {
      threads.delete(words);
      // What ended by itself in the middle of a call never left it.
      leave(words);
      if (threads.size === 0) process.off('exit', keepAllOut);
    },
  };
}

/** The event loop is at its end: this waits with the thread. */
function keepAllOut(): void {
  for (const words of threads) Atomics.store(words, keptOutAt, 1);
  for (const words of threads) Atomics.wait(words, insideAt, 1, patienceMs);
}

const own =
  isMainThread || !(workerData instanceof SharedArrayBuffer) ? undefined : new Int32Array(workerData);

/** Runs native code that must not be ended in the middle. A thread that is kept out stays here until it is ended. */
export function inNativeCode<Result>(call: () => Result): Result {
  if (own === undefined) return call();
  // Each side writes its own word before it reads the other's, so that one of the two sees the other.
  Atomics.store(own, insideAt, 1);
  if (Atomics.load(own, keptOutAt) === 1) {
    leave(own);
    Atomics.wait(own, keptOutAt, 1);
  }
  try {
    return call();
  } finally {
    leave(own);
  }
}

function leave(words: Int32Array): void {
  Atomics.store(words, insideAt, 0);
  Atomics.notify(words, insideAt);
}
