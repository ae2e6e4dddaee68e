import { type BinnedCounts, binCategories, binNumbers } from './bins.ts';
import { chiSquareTest } from './chi_square.ts';
import { chiSquareQuantile } from './chi_square_distribution.ts';
import { jsDistance } from './js_distance.ts';
import { klDivergence } from './kl_divergence.ts';
import { ksTest } from './ks_test.ts';
import { measureWasserstein } from './measure_wasserstein.ts';
import type { CategoricalProfile, NumericProfile } from './profile.ts';
import { psi } from './psi.ts';
import type { Random } from './random.ts';
import type { DriftMethod } from './result.ts';
import { type CountDistance, splitQuantile } from './sampling_noise.ts';
import { sum } from './shares.ts';

/** What a method found about one feature, before the verdict. */
export type Measurement =
  | {
      kind: 'test';
      method: 'ks_test' | 'chi_square';
      score: number;
      p_value: number;
      effect: number;
      /** What the guard against tiny effects looks at: D, or Cramér's V at equal sample sizes. */
      size: number;
      note?: string;
    }
  | {
      kind: 'distance';
      method: 'psi' | 'kl_divergence' | 'js_distance' | 'wasserstein';
      score: number;
      /** What the score reaches without drift, with probability `level` to be exceeded. Costly: ask only when needed. */
      noise: (level: number, random: Random) => number;
      note?: string;
    }
  | { kind: 'none'; method: DriftMethod; note: string };

/**
 * Compares a numeric feature.
 *
 * @param current finite values, at least one; the reference has at least one too
 */
export function measureNumbers(
  reference: NumericProfile,
  current: Float64Array,
  method: DriftMethod,
): Measurement {
  if (method === 'wasserstein') {
    if (reference.standard_deviation > 0) return measureWasserstein(reference, current);
    const fallback = measureNumbers(reference, current, 'ks_test');
    return {
      ...fallback,
      note: 'The reference is constant and gives wasserstein no scale: ks_test used instead.',
    };
  }
  if (method !== 'ks_test') return measureBins(binNumbers(reference, current), method);
  const { statistic, p_value } = ksTest(reference.sorted, current);
  return { kind: 'test', method, score: statistic, p_value, effect: statistic, size: statistic };
}

/**
 * Compares a categorical or boolean feature.
 *
 * @param current rows per category, at least one row; the reference has at least one too
 */
export function measureCategories(
  reference: CategoricalProfile,
  current: ReadonlyMap<string, number>,
  method: DriftMethod,
): Measurement {
  const bins = binCategories(reference, current);
  if (method !== 'ks_test' && method !== 'wasserstein') return measureBins(bins, method);
  const note = `${method} needs numbers: chi_square used instead.`;
  const fallback = measureBins(bins, 'chi_square');
  return { ...fallback, note: fallback.note === undefined ? note : `${note} ${fallback.note}` };
}

type BinnedMethod = 'chi_square' | 'psi' | 'kl_divergence' | 'js_distance';

function measureBins(bins: BinnedCounts, method: BinnedMethod): Measurement {
  switch (method) {
    case 'chi_square':
      return measureChiSquare(bins);
    case 'psi':
      return measureDistance(bins, method, psi, 1);
    case 'kl_divergence':
      return measureDistance(bins, method, klDivergence, 0.5);
    case 'js_distance':
      return measureDistance(bins, method, jsDistance, 0);
  }
}

function measureChiSquare(bins: BinnedCounts): Measurement {
  const test = chiSquareTest(bins.reference, bins.current);
  if (test === undefined) {
    const occupied = occupiedBins(bins);
    if (occupied === 1)
      return { kind: 'test', method: 'chi_square', score: 0, p_value: 1, effect: 0, size: 0 };
    return {
      kind: 'none',
      method: 'chi_square',
      note: 'NOT_ENOUGH_DATA: every category is too rare to test.',
    };
  }
  const { statistic, p_value, cramers_v, balanced_v } = test;
  return {
    kind: 'test',
    method: 'chi_square',
    score: statistic,
    p_value,
    effect: cramers_v,
    size: balanced_v,
  };
}

/**
 * A distance over bins. Its noise is the larger of the theoretical bound `share`·(1/n + 1/m)·χ²(B − 1), good for well filled bins, and
 * of the quantile over random splits, which also knows what an empty bin costs.
 */
function measureDistance(
  bins: BinnedCounts,
  method: 'psi' | 'kl_divergence' | 'js_distance',
  distance: CountDistance,
  share: number,
): Measurement {
  const { reference, current } = bins;
  const noise = (level: number, random: Random) => {
    const degrees = occupiedBins(bins) - 1;
    const spread = share * (1 / sum(reference) + 1 / sum(current));
    const theory = degrees > 0 && share > 0 ? spread * chiSquareQuantile(level, degrees) : 0;
    return Math.max(theory, splitQuantile(reference, current, distance, level, random));
  };
  return { kind: 'distance', method, score: distance(reference, current), noise };
}

function occupiedBins({ reference, current }: BinnedCounts): number {
  return reference.reduce((occupied, rows, bin) => occupied + (rows + (current[bin] ?? 0) > 0 ? 1 : 0), 0);
}
