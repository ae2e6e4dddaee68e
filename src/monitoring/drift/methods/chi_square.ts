import type { Random } from '../../../statistics/random.ts';
import { noiseQuantile } from '../../../statistics/sampling_noise.ts';
import { sum } from '../../../statistics/shares.ts';
import { type BinnedCounts, binCategories, binNumbers } from '../bins.ts';
import { likeKsDistance } from '../severity.ts';
import { type CountDistance, simulatedDistance } from './binned_noise.ts';
import { chiSquareTest } from './contingency_table.ts';
import type { Measurement, Method } from './method.ts';
import { psiMethod } from './psi.ts';

/** Pearson's χ² test of homogeneity of categories, or of the deciles of the reference; its effect is Cramér's V. */
export const chiSquareMethod: Required<Method<'chi_square', 'chi_square' | 'psi'>> = {
  name: 'chi_square',
  kind: 'test',
  threshold: undefined,
  severity: likeKsDistance,
  scoreLabel: 'χ²',
  effectLabel: "Cramér's V",
  scoreMeaning: "χ²; effect is Cramér's V",
  simulatesNoise: true,
  measureNumbers: (reference, current) => measureBins(binNumbers(reference, current)),
  measureCategories: (reference, current) => measureBins(binCategories(reference, current)),
};

/**
 * Where every category is rare beside the other side's rows there is no table to test, and psi with simulated noise
 * is measured instead: of 60 reference rows in four categories and 5000 current ones, each a category of its own, it
 * finds the explosion.
 *
 * Deciles of a reference smaller than the current sample make χ² too large: their shares are not the true ones, and
 * the reference's counts cannot show it, being equal by construction (60 against 2000 rows: nine times the false
 * alarms). There the score has to exceed simulated noise too.
 */
function measureBins(bins: BinnedCounts): Measurement<'chi_square' | 'psi'> {
  const test = chiSquareTest(bins);
  const { reference, current } = bins;
  if (test === undefined) {
    if (occupiedBins(reference, current) === 1) {
      return { kind: 'test', method: 'chi_square', score: 0, p_value: 1, effect: 0, size: 0 };
    }
    const note = 'Too few rows a category for chi_square: psi used instead.';
    return { ...psiMethod.measureBins(bins), note };
  }
  const { statistic, p_value, cramers_v, balanced_v } = test;
  const measured = { score: statistic, p_value, effect: cramers_v, size: balanced_v };
  if (bins.kind === 'values' || sum(current) <= sum(reference)) {
    return { kind: 'test', method: 'chi_square', ...measured };
  }
  const score: CountDistance = (one, other) =>
    chiSquareTest({ kind: 'ranges', reference: one, current: other })?.statistic ?? 0;
  const noise = (level: number, random: Random) =>
    noiseQuantile(simulatedDistance(bins, score, random), reference.length, level, statistic);
  return { kind: 'test', method: 'chi_square', ...measured, noise };
}

function occupiedBins(reference: Float64Array, current: Float64Array): number {
  return reference.reduce((occupied, rows, bin) => occupied + (rows + (current[bin] ?? 0) > 0 ? 1 : 0), 0);
}
