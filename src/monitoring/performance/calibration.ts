import type { Interval } from '../../statistics/interval.ts';
import { wilsonInterval } from '../../statistics/wilson.ts';
import { exactSum } from './mean_metric.ts';
import { type ClassificationRows, positionsOf } from './rows.ts';

/** Rows with a similar probability. */
interface ReliabilityBin {
  /** Probabilities in the bin are above `low` (or equal, in the first bin) and at most `high`. */
  low: number;
  high: number;
  count: number;
  mean_predicted: number;
  /** Share of its rows in which the class was the case, with Wilson's interval. */
  observed: number;
  interval: Interval;
}

/**
 * Murphy's (1973) parts of the Brier score over bins; brier = reliability − resolution + uncertainty + within_bins.
 */
interface BrierParts {
  /** Σ n(mean predicted − observed)²/N: how far the probabilities are from what they say; 0 is best. */
  reliability: number;
  /** Σ n(observed − base rate)²/N: how much the bins differ; more is better. */
  resolution: number;
  /** base rate·(1 − base rate): what nobody can change. */
  uncertainty: number;
  /** What bins wider than one value leave over (Stephenson, Coelho & Jolliffe 2008); may be negative. */
  within_bins: number;
}

export interface Reliability extends BrierParts {
  /** Bins that hold rows, ascending. */
  bins: ReliabilityBin[];
  /** Expected calibration error Σ n·|mean predicted − observed|/N (Naeini, Cooper & Hauskrecht 2015). */
  expected_calibration_error: number;
}

export interface Calibration {
  count: number;
  /** null without rows. */
  brier: number | null;
  /** Bins of equal width from 0 to 1. */
  equal_width: Reliability | null;
  /** Bins with about equally many rows; equal probabilities stay together. */
  equal_count: Reliability | null;
  note?: string;
}

const binCount = 10;

/**
 * Whether probabilities mean what they say. For more than two classes give the probability of the predicted class
 * and whether it was right (confidence calibration, Guo et al. 2017).
 *
 * @param probability one a row; rows where it is not within 0 … 1 are left out
 * @param outcome 1 where the class was the case, 0 where not
 */
export function measureCalibration(probability: Float64Array, outcome: Uint8Array): Calibration {
  const isShare = (value: number | undefined) => value !== undefined && value >= 0 && value <= 1;
  const rows = Math.min(probability.length, outcome.length);
  const usable = Array.from({ length: rows }, (_, row) => row).filter((row) => isShare(probability[row]));
  const left = rows - usable.length;
  const note = left > 0 ? { note: `${left} rows have no usable probability.` } : {};
  if (usable.length === 0) {
    const why = { note: 'There are no rows with a probability and an outcome.' };
    return { count: 0, brier: null, equal_width: null, equal_count: null, ...why };
  }
  const shares = Float64Array.from(usable, (row) => probability[row] ?? 0);
  const found = Uint8Array.from(usable, (row) => (outcome[row] === 1 ? 1 : 0));
  const brier = exactSum(shares.map((share, row) => (share - (found[row] ?? 0)) ** 2)) / shares.length;
  return {
    count: shares.length,
    brier,
    equal_width: reliability(shares, found, equalWidthEdges(binCount), brier),
    equal_count: reliability(shares, found, equalCountEdges(shares, binCount), brier),
    ...note,
  };
}

/**
 * The calibration of a classifier's rows: of the positive class, or of more classes of the predicted one.
 * @returns null without probabilities
 */
export function calibrationOfRows(
  { actual, predicted, probabilities }: ClassificationRows,
  positive: string | null,
): Calibration | null {
  if (probabilities === undefined) return null;
  const { classes, values } = probabilities;
  const width = classes.length;
  const positions = positionsOf(classes);
  const shares = new Float64Array(actual.length).fill(Number.NaN);
  const outcomes = new Uint8Array(actual.length);
  for (let row = 0; row < actual.length; row++) {
    const [truth, said] = [actual[row] ?? null, predicted[row] ?? null];
    const asked = positive ?? said;
    if (truth === null || asked === null) continue;
    const position = positions.get(asked);
    // A single column is the probability of one of two classes; the other's is the rest.
    if (position !== undefined) shares[row] = values[row * width + position] ?? Number.NaN;
    else if (width === 1) shares[row] = 1 - (values[row] ?? Number.NaN);
    outcomes[row] = truth === asked ? 1 : 0;
  }
  const calibration = measureCalibration(shares, outcomes);
  return calibration.count === 0 ? null : calibration;
}

/** Upper edges of the bins but the last, as scikit-learn's `calibration_curve(strategy='uniform')` has them. */
function equalWidthEdges(bins: number): Float64Array {
  return Float64Array.from({ length: bins - 1 }, (_, index) => (index + 1) * (1 / bins));
}

/** The same with strategy='quantile': type 7 quantiles, interpolated as NumPy does. */
export function equalCountEdges(shares: Float64Array, bins: number): Float64Array {
  const sorted = shares.slice().sort();
  return Float64Array.from({ length: bins - 1 }, (_, index) => {
    const position = ((index + 1) * (sorted.length - 1)) / bins;
    const below = sorted[Math.floor(position)] ?? 0;
    const above = sorted[Math.ceil(position)] ?? below;
    const part = position - Math.floor(position);
    return part < 0.5 ? below + (above - below) * part : above - (above - below) * (1 - part);
  });
}

/**
 * Sums of rows in right-closed bins.
 * @param edges ascending upper edges of all bins but the last
 */
export function reliability(
  shares: Float64Array,
  found: Uint8Array,
  edges: Float64Array,
  brier: number,
): Reliability {
  const width = edges.length + 1;
  const counts = new Float64Array(width);
  const sums = new Float64Array(width);
  const hits = new Float64Array(width);
  for (let row = 0; row < shares.length; row++) {
    const share = shares[row] ?? 0;
    let [low, high] = [0, edges.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((edges[middle] ?? 0) < share) low = middle + 1;
      else high = middle;
    }
    counts[low] = (counts[low] ?? 0) + 1;
    sums[low] = (sums[low] ?? 0) + share;
    hits[low] = (hits[low] ?? 0) + (found[row] ?? 0);
  }
  const total = shares.length;
  const base = hits.reduce((sum, rows) => sum + rows, 0) / total;
  const bins: ReliabilityBin[] = [];
  const parts = { reliability: 0, resolution: 0, error: 0 };
  for (let bin = 0; bin < width; bin++) {
    const [count, right] = [counts[bin] ?? 0, hits[bin] ?? 0];
    if (count === 0) continue;
    const predicted = (sums[bin] ?? 0) / count;
    const observed = right / count;
    parts.reliability += (count / total) * (predicted - observed) ** 2;
    parts.resolution += (count / total) * (observed - base) ** 2;
    parts.error += (count / total) * Math.abs(predicted - observed);
    bins.push({
      low: bin === 0 ? 0 : (edges[bin - 1] ?? 0),
      high: edges[bin] ?? 1,
      count,
      mean_predicted: predicted,
      observed,
      interval: wilsonInterval(right, count),
    });
  }
  const uncertainty = base * (1 - base);
  return {
    bins,
    expected_calibration_error: parts.error,
    reliability: parts.reliability,
    resolution: parts.resolution,
    uncertainty,
    within_bins: brier - parts.reliability + parts.resolution - uncertainty,
  };
}
