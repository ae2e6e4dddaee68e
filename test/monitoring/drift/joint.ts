import { readFileSync } from 'node:fs';
import type { ComparedColumn } from '../../../src/monitoring/rows/compared_column.ts';
import { jointRanks } from '../../../src/statistics/joint_ranks.ts';
import { type Recipe, sampleOf } from './recipe.ts';

/** A feature of one side, with an earlier one mixed in; the same as in test/fixtures/drift/make_joint.py. */
interface Feature {
  own: Recipe;
  from?: number;
  weight?: number;
}

interface Sides {
  name: string;
  reference: Feature[];
  current: Feature[];
}

interface JointCases {
  joint: (Sides & {
    expected: { energy: number; reference_correlation: number[]; current_correlation: number[] };
  })[];
  exact: (Sides & { p_value: number })[];
}

const file = new URL('../../fixtures/drift/joint.json', import.meta.url);

/** What dcor, SciPy and NumPy say; written by test/fixtures/drift/make_joint.py. */
export const jointCases: JointCases = JSON.parse(readFileSync(file, 'utf8'));

function featuresOf(features: readonly Feature[]): Float64Array[] {
  const columns: Float64Array[] = [];
  for (const { own, from, weight = 0 } of features) {
    const base = from === undefined ? undefined : columns[from];
    columns.push(
      sampleOf(own).map((value, row) => (base === undefined ? value : (base[row] ?? 0) * weight + value)),
    );
  }
  return columns;
}

/** The standardised ranks of both sides' rows together, one array a feature. */
export function ranksOf({ reference, current }: Sides): {
  ranks: Float64Array[];
  side: number;
  rows: number;
} {
  const before = featuresOf(reference);
  const now = featuresOf(current);
  const ranks = before.map((values, feature) => {
    const pooled = jointRanks(Float64Array.from([...values, ...(now[feature] ?? [])]));
    if (pooled === undefined) throw new Error('no feature is constant');
    return pooled;
  });
  return { ranks, side: before[0]?.length ?? 0, rows: ranks[0]?.length ?? 0 };
}

/** Rows of numeric features, given row by row. */
export function columnsOf(rows: readonly (readonly number[])[], width: number): ComparedColumn[] {
  return Array.from({ length: width }, (_, feature) => ({
    name: `f${feature}`,
    kind: 'numeric',
    values: Float64Array.from(rows, (row) => row[feature] ?? Number.NaN),
  }));
}
