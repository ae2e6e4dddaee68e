import type { Database } from '../../storage/database.ts';
import type { Journal } from './journal.ts';
import { mergeSegments } from './merge_segments.ts';
import { moveJournals } from './move_journals.ts';
import { applyRetention, type Retention } from './retention.ts';
import { takeOverRows } from './take_over.ts';

/**
 * Brings everything that was answered into segments of the log.
 * @returns the number of journal lines that could not be read.
 */
export async function moveLog(
  database: Database,
  directory: string,
  journal: Pick<Journal, 'isFinished'>,
): Promise<number> {
  const unreadable = await moveJournals(database, directory, journal);
  await takeOverRows(database);
  return unreadable;
}

/**
 * Merges small segments and deletes those that have expired.
 * @param maxWeight heavier merges are left to others.
 * @returns whether heavier merges are left.
 */
export async function tidyLog(
  database: Database,
  retention: Retention,
  options: { now: () => number; maxWeight: number },
): Promise<boolean> {
  await applyRetention(database, retention, options.now());
  return mergeSegments(database, options);
}
