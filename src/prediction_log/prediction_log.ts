import { setTimeout } from 'node:timers/promises';
import { ModelYardError } from '../errors.ts';
import type { CallerIds } from '../serving/caller_ids.ts';
import type { BlockLog, PredictionSink } from '../serving/prediction_sink.ts';
import type { Database } from '../storage/database.ts';
import { storageError } from '../storage/storage_error.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Threads } from '../threads/index.ts';
import { blockLog } from './block_log.ts';
import { callerIds } from './caller_ids.ts';
import { type ExcludedNames, exclusion } from './exclusion.ts';
import { journalLine, openJournal } from './journal.ts';
import { type ListedPredictions, listPredictions, type PredictionQuery } from './list.ts';
import { moveJournals } from './move_journals.ts';
import { type MoverTasks, openMover } from './mover.ts';
import type { Retention } from './retention.ts';
import { tidyLog } from './tidy_log.ts';
import { type WindowReader, windowReader } from './window_reader.ts';

/** How often a process moves its journal to the database. */
const moveIntervalMs = 1000;
/** How often a process without calls deletes what has expired. */
const tidyIntervalMs = 60_000;

export interface PredictionLog extends PredictionSink, BlockLog {
  /** Moves every journal of the directory; afterwards a reader of the database sees everything answered before. */
  flush(): Promise<void>;
  /**
   * Like flush, but gives up where the database accepts no changes (a full disk) or is busy for too long, so that a
   * reader can go on.
   *
   * @param patienceMs longest wait, milliseconds; by default until it is done or refused
   * @returns warnings for its answer
   */
  flushForReading(patienceMs?: number): Promise<string[]>;
  /**
   * A page of logged predictions, including those answered just now.
   *
   * @throws as {@link listPredictions}
   */
  list(query: PredictionQuery): Promise<ListedPredictions & { warnings: string[] }>;
  /** What was moved, as columns. */
  readWindow: WindowReader;
  /** What callers' own ids were used for. */
  callerIds: CallerIds;
  /** Answered calls that this process has not moved yet, and for how long the first of them has waited, milliseconds. */
  waiting(): { waitingCalls: number; lagMs: number };
  /** Moves what is left, then stops. */
  close(): Promise<void>;
}

/** From this many calls or bytes a second on, moving is done in a thread. */
const busyCalls = 100;
const busyBytes = 256 * 1024;
/** Heavier merges are done in a thread; one of this weight takes a few milliseconds. */
const lightWeight = 1024;

/** How long closing waits for others that hold the database, milliseconds; what is not moved stays in the journal. */
const closePatienceMs = 2000;

const keepAll: Retention = { maxAgeMs: undefined, maxBytes: undefined };

export function openPredictionLog(options: {
  database: Database;
  databaseUrl?: string | undefined;
  /** @throws when moved rows would be lost because the database file was replaced or deleted */
  requireIntact?: (() => void) | undefined;
  directory: string;
  logger: Logger;
  retention?: Retention | undefined;
  exclude?: ExcludedNames | undefined;
}): PredictionLog {
  const { database, databaseUrl, directory, logger, retention = keepAll } = options;
  const without = exclusion(options.exclude ?? []);
  const journal = openJournal(directory);
  const log = { address: { directory, databaseUrl }, retention };
  let appended = 1; // the first round looks for journals that a killed process left behind
  let appendedBytes = 0;
  /** The first round's look is no call. */
  let uncounted = 1;
  /** When the first call that is not moved was appended, by performance.now(). */
  let oldestAt: number | undefined;
  let moving: Promise<void> = Promise.resolve();
  /** A requested move that has not begun. */
  let nextMove: Promise<void> | undefined;
  let tidying: Promise<void> | undefined;
  let waiting: { line: string; resolve(): void; reject(error: unknown): void }[] = [];
  let thread: Threads<MoverTasks> | undefined;
  let closed = false;

  /** Calls that were answered together (in one run, or from one read of the input) are written at once. */
  const writeWaiting = () => {
    const written = waiting;
    waiting = [];
    try {
      appendedBytes += journal.append(written.map(({ line }) => line));
      appended += written.length;
      oldestAt ??= performance.now();
      for (const { resolve } of written) resolve();
    } catch (error) {
      for (const { reject } of written) reject(error);
    }
  };

  const write = (line: string) =>
    new Promise<void>((resolve, reject) => {
      waiting.push({ line, resolve, reject });
      if (waiting.length === 1) process.nextTick(writeWaiting);
    });

  const withThread = () => {
    thread ??= openMover();
    return thread;
  };
  const endThread = async () => {
    const ended = thread;
    thread = undefined;
    await ended?.close();
  };

  const move = async () => {
    options.requireIntact?.();
    const [moved, movedBytes] = [appended, appendedBytes];
    const began = performance.now();
    if (!closed && (moved > busyCalls || movedBytes > busyBytes)) withThread();
    let unreadable: number;
    try {
      unreadable = await (thread?.run('move', { ...log, finished: journal.finished() }) ??
        moveJournals(database, directory, journal));
    } catch (error) {
      // After a defect the next move starts a new thread. Not on a full disk or while the database is away: starting
      // one would take longer than readers wait.
      if (!(error instanceof ModelYardError)) await endThread();
      throw error;
    }
    appended -= moved;
    if (moved > 0) uncounted = 0;
    oldestAt = appended > 0 ? began : undefined;
    appendedBytes -= movedBytes;
    if (unreadable > 0)
      logger.warn('journal lines could not be read and were left out', { lines: unreadable });
  };
  /**
   * One move at a time in this process. A caller gets a move that begins after its request, shared with all who ask
   * before it begins.
   */
  const flush = () => {
    if (nextMove !== undefined) return nextMove;
    const next = moving
      .catch(() => undefined)
      .then(() => {
        nextMove = undefined;
        return move();
      });
    nextMove = next;
    moving = next;
    return next;
  };

  const flushForReading = async (patienceMs?: number): Promise<string[]> => {
    const patience = new AbortController();
    const { signal } = patience;
    try {
      const flushed = flush().then(() => true);
      const late =
        patienceMs === undefined ? flushed : setTimeout(patienceMs, false, { signal }).catch(() => false);
      if (!(await Promise.race([flushed, late])))
        return [
          'Others write to the database, and the newest predictions may be missing here: they wait in the journal, and come with the next calls.',
        ];
      return [];
    } catch (error) {
      const reason = storageError(error);
      if (!(reason instanceof ModelYardError) || reason.code !== 'STORAGE_UNAVAILABLE') throw error;
      return [
        'The database takes no changes at the moment (health_check says more): the newest predictions wait in the journal and are missing here.',
      ];
    } finally {
      patience.abort();
    }
  };

  const tidy = async () => {
    if (thread !== undefined) return thread.run('tidy', log);
    const isHeavyLeft = await tidyLog(database, retention, { now: Date.now, maxWeight: lightWeight });
    if (isHeavyLeft && !closed) await withThread().run('tidy', log);
  };
  /** Runs in the background; a round that fails is made up for by the next. */
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
        .catch((error: unknown) => {
          // Closing reports its own failures.
          if (!closed) logger.warn('predictions wait in the journal: the database is away', { error });
        });
  }, moveIntervalMs).unref();
  const tidyTimer = setInterval(startTidying, tidyIntervalMs).unref();

  return {
    append: (entry) => write(journalLine(without(entry))),
    begin(start) {
      const begun = JSON.stringify(without(start));
      return (end) => write(`${begun.slice(0, -1)},${JSON.stringify(end).slice(1)}`);
    },
    blocks: () =>
      blockLog(directory, without, (calls, bytes) => {
        appended += calls;
        oldestAt ??= performance.now();
        appendedBytes += bytes;
      }),
    flush,
    flushForReading,
    async list(query) {
      const warnings = await flushForReading();
      return { ...(await listPredictions(database, query)), warnings };
    },
    readWindow: windowReader({ database, ...log.address }),
    callerIds: callerIds(database, flush),
    waiting: () => ({
      waitingCalls: Math.max(0, appended - uncounted),
      lagMs: oldestAt === undefined ? 0 : performance.now() - oldestAt,
    }),
    async close() {
      closed = true;
      clearInterval(moveTimer);
      clearInterval(tidyTimer);
      const patience = new AbortController();
      const { signal } = patience;
      const late = setTimeout(closePatienceMs, false, { signal }).catch(() => false);
      await Promise.race([Promise.allSettled([moving, tidying]), late]);
      await endThread();
      appended = 0;
      journal.close();
      const last = flush().then(
        () => true,
        () => false,
      );
      if (!(await Promise.race([last, late])))
        logger.warn('predictions stay in the journal until the next start');
      patience.abort();
    },
  };
}
