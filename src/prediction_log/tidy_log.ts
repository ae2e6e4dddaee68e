import type { Database } from '../storage/database.ts';
import { mergeSegments } from './merge_segments.ts';
import { applyRetention, type Retention } from './retention.ts';

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
