import type { PredictionEntry, PredictionSink } from '../../serving/prediction_sink.ts';
import type { Database } from '../../storage/database.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { openJournal } from './journal.ts';
import { moveJournals } from './move_journals.ts';
import { startThreadMover, type ThreadMover } from './thread_mover.ts';

/** How often a process moves what it journaled to the database. */
const moveIntervalMs = 1000;

export interface PredictionLog extends PredictionSink {
  /** Moves every journal of the directory: after it, a reader of the database misses nothing answered before. */
  flush(): Promise<void>;
  /** Moves what is left, then stops. */
  close(): Promise<void>;
}

/** From this many calls a second on, moving them gets a thread of its own. */
const busyCalls = 100;

export function openPredictionLog(options: {
  database: Database;
  databaseUrl?: string | undefined;
  directory: string;
  logger: Logger;
}): PredictionLog {
  const { database, databaseUrl, directory, logger } = options;
  const journal = openJournal(directory);
  let appended = 1; // the first round looks for journals that a killed process left behind
  let moving: Promise<void> = Promise.resolve();
  let waiting: { entry: PredictionEntry; resolve(): void; reject(error: unknown): void }[] = [];
  let thread: ThreadMover | undefined;

  /** Calls that were answered together (of one run, or of one read of the input) share a write. */
  const writeWaiting = () => {
    const written = waiting;
    waiting = [];
    try {
      journal.append(written.map(({ entry }) => entry));
      appended += written.length;
      for (const { resolve } of written) resolve();
    } catch (error) {
      for (const { reject } of written) reject(error);
    }
  };

  const move = async () => {
    const moved = appended;
    if (moved > busyCalls) thread ??= startThreadMover({ directory, databaseUrl });
    let unreadable: number;
    try {
      unreadable = await (thread?.move() ?? moveJournals(database, directory, journal));
    } catch (error) {
      // It may be gone, or have a connection that never comes back: the next move begins with a new one.
      await thread?.close();
      thread = undefined;
      throw error;
    }
    appended -= moved;
    if (unreadable > 0)
      logger.warn('journal lines could not be read and were left out', { lines: unreadable });
  };
  /** One move at a time in this process; whoever asks gets one that began after the asking. */
  const flush = () => {
    moving = moving.catch(() => undefined).then(move);
    return moving;
  };
  const timer = setInterval(() => {
    if (appended > 0)
      flush().catch((error: unknown) =>
        logger.warn('predictions wait in the journal: the database is away', { error }),
      );
  }, moveIntervalMs).unref();

  return {
    append: (entry) =>
      new Promise((resolve, reject) => {
        waiting.push({ entry, resolve, reject });
        if (waiting.length === 1) process.nextTick(writeWaiting);
      }),
    flush,
    async close() {
      clearInterval(timer);
      await moving.catch(() => undefined);
      await thread?.close();
      thread = undefined;
      appended = 0;
      journal.finish();
      await flush().catch((error: unknown) =>
        logger.warn('predictions stay in the journal until the next start', { error }),
      );
    },
  };
}
