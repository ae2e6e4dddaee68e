import { binCategories, binNumbers } from './bins.ts';
import { ksTest } from './ks_test.ts';
import { measureBins } from './measure_bins.ts';
import { measureWasserstein } from './measure_wasserstein.ts';
import type { Measurement } from './measurement.ts';
import type { CategoricalProfile, NumericProfile } from './profile.ts';
import type { DriftMethod } from './result.ts';

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
