import { chiSquareQuantile } from '../../../statistics/chi_square_distribution.ts';
import type { Random } from '../../../statistics/random.ts';
import { confirmedNoiseQuantile, noiseQuantile } from '../../../statistics/sampling_noise.ts';
import { sum } from '../../../statistics/shares.ts';
import { type BinnedCounts, binCategories, binNumbers, mergeUnseen } from '../bins.ts';
import { type CountDistance, simulatedDistance } from './binned_noise.ts';
import type { DistanceMeasurement, Method } from './method.ts';

/** Rows that every bin needs before the noise bound is taken from χ² theory, which must hold far out in the tail. */
const rowsForTheory = 100;
/** With fewer rows a bin may be empty by chance, which inflates distances that take a logarithm. */
const rowsNotToBeEmpty = 25;

interface BinnedDistance<Name extends string>
  extends Pick<Method<Name>, 'name' | 'severity' | 'scoreLabel' | 'scoreMeaning'> {
  threshold: number;
  distance: CountDistance;
  /**
   * The factor c where the score without drift is distributed as c·(1/n + 1/m)·χ²(bins − 1), whatever the shares;
   * undefined where there is no such theory: then noise is always simulated.
   */
  chiSquareFactor: number | undefined;
}

interface BinnedMethod<Name extends string> extends Method<Name> {
  measureBins: (bins: BinnedCounts) => DistanceMeasurement<Name>;
}

/** A method that measures a distance between rows per bin: categories, or the deciles of the reference. */
export function binnedDistance<const Name extends string>(
  definition: BinnedDistance<Name>,
): BinnedMethod<Name> {
  const { name, threshold, severity, scoreLabel, scoreMeaning } = definition;
  const measureBins = (bins: BinnedCounts) => measure(bins, definition);
  return {
    name,
    kind: 'distance',
    threshold,
    severity,
    scoreLabel,
    effectLabel: undefined,
    scoreMeaning,
    simulatesNoise: true,
    measureBins,
    measureNumbers: (reference, current) => measureBins(binNumbers(reference, current)),
    measureCategories: (reference, current) => measureBins(binCategories(reference, current)),
  };
}

/** The score, with the noise bound that theory gives where it holds and simulation elsewhere. */
function measure<Name extends string>(
  bins: BinnedCounts,
  { name, distance, chiSquareFactor }: BinnedDistance<Name>,
): DistanceMeasurement<Name> {
  const merged: CountDistance = (one, other) => distance(...mergeUnseen(one, other));
  const measured = bins.kind === 'values' ? merged : distance;
  const score = measured(bins.reference, bins.current);
  const mayBeEmpty = chiSquareFactor !== undefined && !expectsInEachBin(bins, rowsNotToBeEmpty);
  const quantile = mayBeEmpty ? confirmedNoiseQuantile : noiseQuantile;
  const noise = (level: number, random: Random) =>
    chiSquareFactor !== undefined && expectsInEachBin(bins, rowsForTheory)
      ? chiSquareFactor * theoryBound(bins, level)
      : quantile(simulatedDistance(bins, measured, random), bins.reference.length, level, score);
  return { kind: 'distance', method: name, score, noise };
}

function theoryBound({ reference, current }: BinnedCounts, level: number): number {
  return (1 / sum(reference) + 1 / sum(current)) * chiSquareQuantile(level, reference.length - 1);
}

/** Whether this many rows are expected in every bin on either side, by the reference's shares. */
function expectsInEachBin({ reference, current }: BinnedCounts, rows: number): boolean {
  const needed = rows * Math.max(1, sum(reference) / sum(current));
  return reference.length > 1 && reference.every((inBin) => inBin >= needed);
}
