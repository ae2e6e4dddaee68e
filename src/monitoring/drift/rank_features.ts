import { jointRanks } from '../../statistics/joint_ranks.ts';
import type { ComparedColumn } from '../rows/compared_column.ts';
import type { MultivariateResult } from './multivariate_result.ts';

/** The numeric features of both sides that can be compared together. */
export interface RankedFeatures {
  names: string[];
  /** One array a feature: the reference's rows, then the current ones. */
  ranks: Float64Array[];
  skipped: MultivariateResult['skipped'];
  /** Share of the values that are missing. */
  imputed: number;
}

/**
 * Ranks the rows drawn from both sides together, feature by feature; says which features cannot take part.
 *
 * @param needed values that a feature must have on either side
 */
export function rankFeatures(
  reference: readonly ComparedColumn[],
  current: readonly ComparedColumn[],
  referenceRows: Uint32Array,
  currentRows: Uint32Array,
  needed: number,
): RankedFeatures {
  const now = new Map(current.map((column) => [column.name, column]));
  const ranked: RankedFeatures = { names: [], ranks: [], skipped: [], imputed: 0 };
  let missing = 0;
  for (const column of reference) {
    if (column.kind !== 'numeric') continue;
    const skip = (reason: string) => ranked.skipped.push({ feature: column.name, reason });
    const other = now.get(column.name);
    if (other?.kind !== 'numeric') {
      skip(other === undefined ? 'absent in the current rows' : `${other.kind} in the current rows`);
      continue;
    }
    const one = takeRows(column.values, referenceRows);
    const two = takeRows(other.values, currentRows);
    const gaps = [one, two].map((values) => values.length - values.filter(Number.isFinite).length);
    const [gapsBefore = 0, gapsNow = 0] = gaps;
    if (Math.min(one.length - gapsBefore, two.length - gapsNow) < needed) {
      skip('too few values');
      continue;
    }
    const pooled = new Float64Array(one.length + two.length);
    pooled.set(one);
    pooled.set(two, one.length);
    const ranks = jointRanks(pooled);
    if (ranks === undefined) {
      skip('constant');
      continue;
    }
    ranked.names.push(column.name);
    ranked.ranks.push(ranks);
    missing += gapsBefore + gapsNow;
  }
  const values = ranked.names.length * (referenceRows.length + currentRows.length);
  return { ...ranked, imputed: values === 0 ? 0 : missing / values };
}

function takeRows(values: Float64Array, rows: Uint32Array): Float64Array {
  return Float64Array.from(rows, (row) => values[row] ?? Number.NaN);
}
