import { quantile } from '../../statistics/quantile.ts';
import { type Random, seededRandom } from '../../statistics/random.ts';
import { type NumericHistogram, numericHistogram, sortedSample } from './histogram.ts';

/** Predicted against actual values, as points or as counts in squares. */
export interface PredictedActual {
  /** Both axes: from the 0.5 % to the 99.5 % quantile of actual and predicted values together. */
  range: [number, number];
  /** Pairs of finite values, and how many of them are not in the range on either axis. */
  pairs: number;
  outside: number;
  /** One point for each pair, where there are few. */
  points: { actual: number; predicted: number }[];
  /** Where there are many: the squares that contain any, with column and row counted from the lower left. */
  squares: { column: number; row: number; count: number }[];
  /** Histogram of predicted minus actual value, as the current side; the reference side is empty. */
  residuals: NumericHistogram;
  /** Mean of predicted minus actual value; null without pairs. */
  bias: number | null;
}

/** Squares along each axis. */
export const gridSize = 40;

/** Up to this many pairs are drawn as points. */
const maxPoints = 1500;

const outermost = 0.005;

/**
 * Counts pairs of any number for a picture, in two passes.
 *
 * @param actual as long as `predicted`; pairs of which either is NaN or infinite are left out
 */
export function binPredictions(actual: Float64Array, predicted: Float64Array): PredictedActual {
  const random = seededRandom(1);
  const range = rangeOf(actual, predicted, random);
  const [low, high] = range;
  const span = high / 2 - low / 2;
  const residuals = new Float64Array(actual.length);
  const counts = new Float64Array(gridSize * gridSize);
  const indices: number[] = [];
  let pairs = 0;
  let inside = 0;
  let bias = 0;
  for (let row = 0; row < actual.length; row++) {
    const x = actual[row] ?? Number.NaN;
    const y = predicted[row] ?? Number.NaN;
    const residual = y - x;
    residuals[row] = residual;
    if (!Number.isFinite(residual)) continue;
    pairs++;
    bias += (residual - bias) / pairs;
    if (x < low || x > high || y < low || y > high) continue;
    inside++;
    if (inside <= maxPoints) indices.push(row);
    const square = squareOf(y, low, span) * gridSize + squareOf(x, low, span);
    counts[square] = (counts[square] ?? 0) + 1;
  }
  const few = inside <= maxPoints;
  return {
    range,
    pairs,
    outside: pairs - inside,
    points: few ? indices.map((row) => ({ actual: actual[row] ?? 0, predicted: predicted[row] ?? 0 })) : [],
    squares: few ? [] : filledSquares(counts),
    residuals: { ...numericHistogram(sortedSample(residuals, random), residuals) },
    bias: pairs === 0 ? null : bias,
  };
}

/** The square along one axis that holds a value of the range. */
function squareOf(value: number, low: number, span: number): number {
  return Math.min(gridSize - 1, Math.floor(((value / 2 - low / 2) / span) * gridSize));
}

function filledSquares(counts: Float64Array): PredictedActual['squares'] {
  const squares: PredictedActual['squares'] = [];
  counts.forEach((count, square) => {
    if (count > 0) squares.push({ column: square % gridSize, row: Math.floor(square / gridSize), count });
  });
  return squares;
}

function rangeOf(actual: Float64Array, predicted: Float64Array, random: Random): [number, number] {
  const samples = [sortedSample(actual, random), sortedSample(predicted, random)].filter(
    (sample) => sample.length > 0,
  );
  if (samples.length === 0) return [0, 1];
  const low = Math.min(...samples.map((sample) => quantile(sample, outermost)));
  const high = Math.max(...samples.map((sample) => quantile(sample, 1 - outermost)));
  const room = high > low ? (high / 2 - low / 2) * 0.04 : Math.abs(low) * 0.05 || 0.5;
  return [Math.max(low - room, -Number.MAX_VALUE), Math.min(high + room, Number.MAX_VALUE)];
}
