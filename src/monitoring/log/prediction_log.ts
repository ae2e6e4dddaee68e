import type { PredictionSink } from '../../serving/prediction_sink.ts';
import type { Database } from '../../storage/database.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { openJournal } from './journal.ts';
import { moveJournals } from './move_journals.ts';

/** How often a process moves what it journaled to the database. */
const moveIntervalMs = 1000;

export interface PredictionLog extends PredictionSink {
  /** Moves every journal of the directory: after it, a reader of the database misses nothing answered before. */
  flush(): Promise<void>;
  /** Moves what is left, then stops. */
  close(): Promise<void>;
}

export function openPredictionLog(options: {
  database: Database;
  directory: string;
  logger: Logger;
}): PredictionLog {
  const { database, directory, logger } = options;
  const journal = openJournal(directory);
  let appended = true; // the first round looks for journals that a killed process left behind
  let moving: Promise<void> = Promise.resolve();

  const move = async () => {
    appended = false;
    try {
      const unreadable = await moveJournals(database, directory, journal);
      if (unreadable > 0)
        logger.warn('journal lines could not be read and were left out', { lines: unreadable });
    } catch (error) {
      appended = true;
      throw error;
    }
  };
  /** One move at a time in this process; whoever asks gets one that began after the asking. */
  const flush = () => {
    moving = moving.catch(() => undefined).then(move);
    return moving;
  };
  const timer = setInterval(() => {
    if (appended)
      flush().catch((error: unknown) =>
        logger.warn('predictions wait in the journal: the database is away', { error }),
      );
  }, moveIntervalMs).unref();

  return {
    append(entry) {
      journal.append(entry);
      appended = true;
    },
    flush,
    async close() {
      clearInterval(timer);
      journal.finish();
      await flush().catch((error: unknown) =>
        logger.warn('predictions stay in the journal until the next start', { error }),
      );
    },
  };
}
