import { binCategories, binNumbers } from './bins.ts';
import { ksTest } from './ks_test.ts';
import { measureBins } from './measure_bins.ts';
import { measureWasserstein } from './measure_wasserstein.ts';
import type { CategoricalProfile, NumericProfile } from './profile.ts';
import type { Random } from './random.ts';
import type { DriftMethod } from './result.ts';

/**
 * What a score exceeds with probability `level` without any drift. Costly: to be asked only when the answer
 * matters.
 */
export type NoiseBound = (level: number, random: Random) => number;

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
      /** Present where p is known to be too small; see `noise` of a distance. */
      noise?: NoiseBound;
      note?: string;
    }
  | {
      kind: 'distance';
      method: 'psi' | 'kl_divergence' | 'js_distance' | 'wasserstein';
      score: number;
      noise: NoiseBound;
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
