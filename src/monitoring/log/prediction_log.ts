import type { PredictionEntry, PredictionSink } from '../../serving/prediction_sink.ts';
import type { Database } from '../../storage/database.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { type ExcludedNames, exclusion } from './exclusion.ts';
import { openJournal } from './journal.ts';
import { moveLog, tidyLog } from './move_log.ts';
import type { Retention } from './retention.ts';
import { startThreadMover, type ThreadMover } from './thread_mover.ts';

/** How often a process moves what it journaled to the database. */
const moveIntervalMs = 1000;
/** How often a process that answers nothing looks for what has expired. */
const tidyIntervalMs = 60_000;

export interface PredictionLog extends PredictionSink {
  /** Moves every journal of the directory: after it, a reader of the database misses nothing answered before. */
  flush(): Promise<void>;
  /** Moves what is left, then stops. */
  close(): Promise<void>;
}

/** From this many calls or bytes a second on, moving them gets a thread of its own. */
const busyCalls = 100;
const busyBytes = 256 * 1024;
/** Heavier merges are a thread's: this one takes a few milliseconds. */
const lightWeight = 1024;

const keepAll: Retention = { maxAgeMs: undefined, maxBytes: undefined };

export function openPredictionLog(options: {
  database: Database;
  databaseUrl?: string | undefined;
  directory: string;
  logger: Logger;
  retention?: Retention | undefined;
  exclude?: ExcludedNames | undefined;
}): PredictionLog {
  const { database, databaseUrl, directory, logger, retention = keepAll } = options;
  const without = exclusion(options.exclude ?? []);
  const journal = openJournal(directory);
  let appended = 1; // the first round looks for journals that a killed process left behind
  let appendedBytes = 0;
  let moving: Promise<void> = Promise.resolve();
  let tidying: Promise<void> | undefined;
  let waiting: { entry: PredictionEntry; resolve(): void; reject(error: unknown): void }[] = [];
  let thread: ThreadMover | undefined;
  let closed = false;

  /** Calls that were answered together (of one run, or of one read of the input) share a write. */
  const writeWaiting = () => {
    const written = waiting;
    waiting = [];
    try {
      appendedBytes += journal.append(written.map(({ entry }) => without(entry)));
      appended += written.length;
      for (const { resolve } of written) resolve();
    } catch (error) {
      for (const { reject } of written) reject(error);
    }
  };

  const withThread = () => {
    thread ??= startThreadMover({ directory, databaseUrl, retention });
    return thread;
  };
  const endThread = async () => {
    const ended = thread;
    thread = undefined;
    await ended?.close();
  };

  const move = async () => {
    const [moved, movedBytes] = [appended, appendedBytes];
    if (!closed && (moved > busyCalls || movedBytes > busyBytes)) withThread();
    let unreadable: number;
    try {
      unreadable = await (thread?.move(journal.finished()) ?? moveLog(database, directory, journal));
    } catch (error) {
      // It may be gone, or have a connection that never comes back: the next move begins with a new one.
      await endThread();
      throw error;
    }
    appended -= moved;
    appendedBytes -= movedBytes;
    if (unreadable > 0)
      logger.warn('journal lines could not be read and were left out', { lines: unreadable });
  };
  /** One move at a time in this process; whoever asks gets one that began after the asking. */
  const flush = () => {
    moving = moving.catch(() => undefined).then(move);
    return moving;
  };

  const tidy = async () => {
    if (thread !== undefined) return thread.tidy();
    const isHeavyLeft = await tidyLog(database, retention, { now: Date.now, maxWeight: lightWeight });
    if (isHeavyLeft && !closed) await withThread().tidy();
  };
  /** Nobody waits for it, and a round that was left out is made up for by the next. */
  const startTidying = () => {
    tidying ??= tidy()
      .catch((error: unknown) => {
        if (!closed) logger.warn('the prediction log could not be tidied', { error });
      })
      .finally(() => {
        tidying = undefined;
      });
  };

  const moveTimer = setInterval(() => {
    if (appended > 0)
      flush()
        .then(startTidying)
        .catch((error: unknown) =>
          logger.warn('predictions wait in the journal: the database is away', { error }),
        );
  }, moveIntervalMs).unref();
  const tidyTimer = setInterval(startTidying, tidyIntervalMs).unref();

  return {
    append: (entry) =>
      new Promise((resolve, reject) => {
        waiting.push({ entry, resolve, reject });
        if (waiting.length === 1) process.nextTick(writeWaiting);
      }),
    flush,
    async close() {
      closed = true;
      clearInterval(moveTimer);
      clearInterval(tidyTimer);
      await moving.catch(() => undefined);
      await endThread();
      await tidying;
      appended = 0;
      journal.finish();
      await flush().catch((error: unknown) =>
        logger.warn('predictions stay in the journal until the next start', { error }),
      );
    },
  };
}
