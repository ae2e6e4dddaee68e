import { type LogColumn, rowsOf, valueAt } from '../prediction_log/column.ts';
import { quantile } from '../statistics/quantile.ts';
import { studentTail } from '../statistics/student.ts';
import type { DisagreementRange } from './report.ts';

/** How the values of a feature are divided: by few values, or the ranges between quintiles. */
export interface Ranges {
  names: string[];
  of(column: LogColumn): (row: number) => number;
}

const shares = [0.2, 0.4, 0.6, 0.8];
/** Rows by whose values ranges are chosen; more would hardly move them. */
export const rowsForRanges = 5_000;
/** Values that have a range each. */
const mostValues = 8;
const missing = '(missing)';
const others = '(other)';

/** Ranges of the first rows' values; they come in a random order. @param seen the columns of several batches */
export function rangesOf(seen: readonly LogColumn[]): Ranges {
  const values = seen
    .flatMap((column) =>
      Array.from({ length: Math.min(rowsOf(column), rowsForRanges) }, (_, row) => valueAt(column, row)),
    )
    .slice(0, rowsForRanges);
  const counts = new Map<string, number>();
  for (const value of values)
    if (value !== null) counts.set(String(value), (counts.get(String(value)) ?? 0) + 1);
  const numbers = values.filter((value) => typeof value === 'number');
  return counts.size > mostValues && numbers.length > values.length / 2
    ? rangesOfNumbers(Float64Array.from(numbers).sort())
    : rangesOfValues([...counts].sort(([, one], [, other]) => other - one).map(([name]) => name));
}

function rangesOfNumbers(sorted: Float64Array): Ranges {
  const edges = [...new Set(shares.map((share) => quantile(sorted, share)))];
  const shown = edges.map((edge) => String(Number(edge.toPrecision(5))));
  const names = Array.from({ length: edges.length + 1 }, (_, range) => {
    const [low, high] = [shown[range - 1], shown[range]];
    if (low === undefined) return `≤ ${high}`;
    return high === undefined ? `> ${low}` : `> ${low} and ≤ ${high}`;
  });
  const none = names.push(missing) - 1;
  const place = (value: unknown) => {
    if (typeof value !== 'number' || Number.isNaN(value)) return none;
    let range = 0;
    while (range < edges.length && value > (edges[range] ?? value)) range++;
    return range;
  };
  return { names, of: (column) => placed(column, place) };
}

function rangesOfValues(values: readonly string[]): Ranges {
  const names = [...values.slice(0, mostValues), others, missing];
  const places = new Map(values.slice(0, mostValues).map((name, place) => [name, place]));
  const [rest, none] = [names.length - 2, names.length - 1];
  const place = (value: unknown) =>
    value === null || Number.isNaN(value) ? none : (places.get(String(value)) ?? rest);
  return { names, of: (column) => placed(column, place) };
}

function placed(column: LogColumn, place: (value: unknown) => number): (row: number) => number {
  if (column.kind === 'numbers') return (row) => place(column.values[row]);
  if (column.kind === 'uuids') return (row) => place(valueAt(column, row));
  const places = column.entries.map(place);
  return (row) => places[column.codes[row] ?? 0] ?? 0;
}

/** Rows and disagreements by range of one feature. */
export interface RangeCounts {
  names: readonly string[];
  rows: Float64Array;
  apart: Float64Array;
}

/** A range with fewer rows is not shown. */
const leastRows = 50;
/** Chance that any range of any feature stands out though none does. */
const level = 0.01;

/**
 * The ranges in which the versions disagree more than elsewhere, the clearest first: two shares compared by the pooled
 * test, with Bonferroni's correction for all ranges of all features.
 */
export function standingOut(features: ReadonlyMap<string, RangeCounts>, most: number): DisagreementRange[] {
  const cells = [...features].flatMap(([feature, { names, rows, apart }]) => {
    const [allRows, allApart] = [sum(rows), sum(apart)];
    return names.flatMap((range, place) => {
      const [own, ownApart] = [rows[place] ?? 0, apart[place] ?? 0];
      const [rest, restApart] = [allRows - own, allApart - ownApart];
      if (own < leastRows || rest < leastRows) return [];
      const pooled = allApart / allRows;
      const spread = Math.sqrt(pooled * (1 - pooled) * (1 / own + 1 / rest));
      const t = spread > 0 ? (ownApart / own - restApart / rest) / spread : 0;
      return [
        {
          feature,
          range,
          rows: own,
          agreed: own - ownApart,
          share: 1 - ownApart / own,
          t,
          degrees: allRows - 2,
        },
      ];
    });
  });
  return cells
    .filter(({ t, degrees }) => t > 0 && studentTail(t, degrees) < level / cells.length)
    .sort((a, b) => b.t - a.t)
    .slice(0, most)
    .map(({ t, degrees, ...range }) => range);
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
