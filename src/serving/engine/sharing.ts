import { fitTogether, sameOutputs } from './batching.ts';
import type { Job } from './job.ts';

/** What one run may carry when calls coalesce. */
const maxBatchRows = 1024;
/** A shared run takes about so long at most: nobody's call is slow for its company. */
const sharedRunMs = 250;

/**
 * How many of the calls that wait go into the next run, from the first on.
 * @param msPerRow what a row of the last run took; 0 where it is not known
 */
export function countOfBatch(queue: readonly Job[], maxCalls: number, msPerRow: number): number {
  const [first] = queue;
  let rows = first?.rows;
  if (first === undefined || rows === undefined) return Math.min(queue.length, 1);
  const maxRows = Math.min(maxBatchRows, msPerRow === 0 ? maxBatchRows : sharedRunMs / msPerRow);
  let taken = 1;
  for (; taken < Math.min(queue.length, maxCalls); taken++) {
    const next = queue[taken];
    if (next?.rows === undefined || rows + next.rows > maxRows) break;
    if (!fitTogether(first.tensors, next.tensors) || !sameOutputs(first.outputs, next.outputs)) break;
    rows += next.rows;
  }
  return taken;
}

export function rowsOf(batch: readonly Job[]): number {
  return batch.reduce((sum, { rows = 0 }) => sum + rows, 0);
}

/** A run that is expected to take `ms` takes no longer than so many milliseconds, unless something is wrong. */
export function expectedWithin(ms: number): number {
  return Math.max(2_000, 20 * ms);
}

/**
 * How long a shared run may take before its calls are run apart: so short that each has most of its time left,
 * whichever of them it is that runs on.
 * @param expectedMs undefined where it is not known
 */
export function sharedLimit(timeoutMs: number, expectedMs: number | undefined): number {
  return Math.min(timeoutMs / 4, expectedWithin(expectedMs ?? timeoutMs));
}
