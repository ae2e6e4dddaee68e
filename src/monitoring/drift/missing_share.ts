import { chiSquareTail } from '../../statistics/chi_square_distribution.ts';
import { logChoose } from '../../statistics/stirling.ts';

/** Rows of one side: how many there are, and how many of them have no value. */
export interface MissingRows {
  rows: number;
  missing: number;
}

/** Share of rows without a value; 0 when there are no rows. */
export function missingShare({ rows, missing }: MissingRows): number {
  return rows === 0 ? 0 : missing / rows;
}

/**
 * Two-sided p-value of "both sides miss values equally often".
 *
 * The two-proportion z-test (χ² of the 2×2 table, no continuity correction) where every cell is expected to
 * hold five rows; otherwise Fisher's exact test, the one-sided tail doubled.
 *
 * @param reference at least one row
 * @param current at least one row
 */
export function missingSharePValue(reference: MissingRows, current: MissingRows): number {
  const total = reference.rows + current.rows;
  const missing = reference.missing + current.missing;
  if (missing === 0 || missing === total) return 1;
  const thinnest = (Math.min(missing, total - missing) * Math.min(reference.rows, current.rows)) / total;
  if (thinnest < 5) return Math.min(1, 2 * exactTail(total, missing, current));
  const pooled = missing / total;
  const difference = missingShare(reference) - missingShare(current);
  const variance = pooled * (1 - pooled) * (1 / reference.rows + 1 / current.rows);
  return chiSquareTail((difference * difference) / variance, 1);
}

/** The hypergeometric tail from the observed count away from the expected one. */
function exactTail(total: number, missing: number, current: MissingRows): number {
  const present = total - missing;
  const direction = current.missing * total >= missing * current.rows ? 1 : -1;
  let count = current.missing;
  let term = Math.exp(
    logChoose(missing, count) + logChoose(present, current.rows - count) - logChoose(total, current.rows),
  );
  let tail = 0;
  while (term > tail * Number.EPSILON) {
    tail += term;
    const rest = current.rows - count;
    term *=
      direction === 1
        ? ((missing - count) * rest) / ((count + 1) * (present - rest + 1))
        : (count * (present - rest)) / ((missing - count + 1) * (rest + 1));
    count += direction;
  }
  return tail;
}
