import { type BinnedCounts, mergeUnseen } from './bins.ts';
import { chiSquareTest } from './chi_square.ts';
import { chiSquareQuantile } from './chi_square_distribution.ts';
import { splitRows } from './hypergeometric.ts';
import { jsDistance } from './js_distance.ts';
import { klDivergence } from './kl_divergence.ts';
import type { Measurement } from './measurement.ts';
import { drawPredictiveCounts } from './predictive_counts.ts';
import { psi } from './psi.ts';
import type { Random } from './random.ts';
import { confirmedNoiseQuantile, noiseQuantile } from './sampling_noise.ts';
import { sum } from './shares.ts';

/** A distance between two samples counted in the same bins. */
type CountDistance = (reference: Float64Array, current: Float64Array) => number;

/** Rows a bin needs for the χ² theory of its noise, far out in the tail where bounds of many features lie. */
const FILLED_BIN = 100;
/** With fewer rows a bin may be empty by chance, which psi and kl make much of. */
const SURELY_FILLED_BIN = 25;

/** Compares the bin counts of a feature of any kind; each side has at least one row. */
export function measureBins(
  bins: BinnedCounts,
  method: 'chi_square' | 'psi' | 'kl_divergence' | 'js_distance',
): Measurement {
  switch (method) {
    case 'chi_square':
      return measureChiSquare(bins);
    case 'psi':
      return measureDistance(bins, method, psi);
    case 'kl_divergence':
      return measureDistance(bins, method, klDivergence);
    case 'js_distance':
      return measureDistance(bins, method, jsDistance);
  }
}

/**
 * Where every category is rare beside the other side's rows there is no table to test, and psi with simulated noise
 * is measured instead: of 60 reference rows in four categories and 5000 current ones, each a category of its own, it
 * finds the explosion.
 *
 * Deciles of a reference smaller than the current sample make χ² too large: their shares are not the true
 * ones, and the reference's counts cannot show it, being equal by construction (60 against 2000 rows: nine
 * times the false alarms). There the score has to beat simulated noise too.
 */
function measureChiSquare(bins: BinnedCounts): Measurement {
  const test = chiSquareTest(bins);
  const { reference, current } = bins;
  if (test === undefined) {
    if (occupiedBins(reference, current) === 1) {
      return { kind: 'test', method: 'chi_square', score: 0, p_value: 1, effect: 0, size: 0 };
    }
    const note = 'Too few rows a category for chi_square: psi used instead.';
    return { ...measureDistance(bins, 'psi', psi), note };
  }
  const { statistic, p_value, cramers_v, balanced_v } = test;
  const measured = { score: statistic, p_value, effect: cramers_v, size: balanced_v };
  if (bins.kind === 'values' || sum(current) <= sum(reference)) {
    return { kind: 'test', method: 'chi_square', ...measured };
  }
  const score: CountDistance = (one, other) =>
    chiSquareTest({ kind: 'ranges', reference: one, current: other })?.statistic ?? 0;
  const noise = (level: number, random: Random) =>
    noiseQuantile(withoutDrift(bins, score, random), reference.length, level, statistic);
  return { kind: 'test', method: 'chi_square', ...measured, noise };
}

/** A distance over bins, with the noise that theory gives where it holds, and simulation elsewhere. */
function measureDistance(
  bins: BinnedCounts,
  method: 'psi' | 'kl_divergence' | 'js_distance',
  distance: CountDistance,
): Measurement {
  const merged: CountDistance = (one, other) => distance(...mergeUnseen(one, other));
  const measured = bins.kind === 'values' ? merged : distance;
  const score = measured(bins.reference, bins.current);
  const factor = THEORY_FACTORS[method];
  const isLumpy = factor !== undefined && !eachBinHolds(bins, SURELY_FILLED_BIN);
  const quantile = isLumpy ? confirmedNoiseQuantile : noiseQuantile;
  const noise = (level: number, random: Random) =>
    factor !== undefined && eachBinHolds(bins, FILLED_BIN)
      ? factor * theoryBound(bins, level)
      : quantile(withoutDrift(bins, measured, random), bins.reference.length, level, score);
  return { kind: 'distance', method, score, noise };
}

/**
 * Without drift PSI is distributed like (1/n + 1/m)·χ²(B − 1) and KL like half of that; the others are
 * simulated always.
 */
const THEORY_FACTORS: { [method in 'psi' | 'kl_divergence' | 'js_distance']?: number } = {
  psi: 1,
  kl_divergence: 0.5,
};

function theoryBound({ reference, current }: BinnedCounts, level: number): number {
  return (1 / sum(reference) + 1 / sum(current)) * chiSquareQuantile(level, reference.length - 1);
}

/** Whether every bin is expected to hold so many rows on either side. */
function eachBinHolds({ reference, current }: BinnedCounts, rows: number): boolean {
  const least = rows * Math.max(1, sum(reference) / sum(current));
  return reference.length > 1 && reference.every((inBin) => inBin >= least);
}

/**
 * Simulates the distance of two samples from one source. Values: the pooled rows are split at random, and
 * what the reference then has not seen is merged anew, so that rare categories that each sample has of its
 * own alarm nobody. Ranges: the reference stays as it is and a current sample is predicted from it.
 */
function withoutDrift(bins: BinnedCounts, distance: CountDistance, random: Random): () => number {
  const { reference, current } = bins;
  const other = new Float64Array(current.length);
  if (bins.kind === 'ranges') {
    const rows = sum(current);
    return () => {
      drawPredictiveCounts(random, reference, rows, other);
      return distance(reference, other);
    };
  }
  const pooled = reference.map((rows, bin) => rows + (current[bin] ?? 0));
  const draws = sum(reference);
  const one = new Float64Array(reference.length);
  return () => {
    splitRows(random, pooled, draws, one, other);
    return distance(one, other);
  };
}

function occupiedBins(reference: Float64Array, current: Float64Array): number {
  return reference.reduce((occupied, rows, bin) => occupied + (rows + (current[bin] ?? 0) > 0 ? 1 : 0), 0);
}
