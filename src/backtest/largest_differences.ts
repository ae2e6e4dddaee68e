import { valueAt } from '../prediction_log/column.ts';
import type { PairedRows } from './paired_rows.ts';
import type { LargestDifference } from './report.ts';

/** Rows that are kept, and features that are shown of each. */
const mostRows = 20;
const mostFeatures = 12;

/** Keeps the rows on which two versions are furthest apart: those with different answers before others. */
export function largestDifferences(features: readonly string[]) {
  let kept: { rank: number; shown: LargestDifference }[] = [];
  let least = 0;
  return {
    add({ batch, rows, agrees, distance, numbers, valuesOf }: PairedRows): void {
      for (let index = 0; index < rows.length; index++) {
        const apart = distance[index] ?? Number.NaN;
        const rank =
          (Number.isNaN(apart) ? 0 : apart) + (agrees[index] === 0 && numbers === undefined ? 2 : 0);
        if (!(rank > least)) continue;
        const row = rows[index] ?? 0;
        const shown = features.slice(0, mostFeatures).flatMap((name) => {
          const column = batch.columns.get(name);
          return column === undefined ? [] : [[name, valueAt(column, row)] as const];
        });
        const difference = Number.isNaN(apart) ? null : apart;
        const actual = batch.outcomes === undefined ? null : valueAt(batch.outcomes, row);
        kept.push({
          rank,
          shown: {
            row: batch.nameOf(row),
            features: Object.fromEntries(shown),
            ...valuesOf(index),
            difference,
            actual,
          },
        });
        if (kept.length < 2 * mostRows) continue;
        kept = largest(kept);
        least = kept.at(-1)?.rank ?? 0;
      }
    },
    finish: (): LargestDifference[] => largest(kept).map(({ shown }) => shown),
  };
}

function largest<Ranked extends { rank: number }>(kept: readonly Ranked[]): Ranked[] {
  return kept.toSorted((a, b) => b.rank - a.rank).slice(0, mostRows);
}
