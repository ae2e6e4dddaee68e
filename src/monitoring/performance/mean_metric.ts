import { meanInterval } from '../../statistics/student.ts';
import { type Metric, metric, noMetric } from './metric.ts';

/** What a mean of losses can be. */
export interface Bounds {
  least: number;
  most: number;
}

const oneRow = 'One row gives no interval.';
const noSpread = 'Every row has the same loss: its spread, and so an interval, is unknown.';

/** The mean of a loss per row with Student's t interval, cut off at what the mean can be. */
export function meanMetric(losses: Float64Array, bounds: Bounds): Metric {
  const count = losses.length;
  if (count === 0) return noMetric('There are no rows.');
  const mean = exactSum(losses) / count;
  if (count === 1) return metric(mean, null, oneRow);
  let squares = 0;
  for (let row = 0; row < count; row++) squares += ((losses[row] ?? 0) - mean) ** 2;
  if (!(squares > count * (Number.EPSILON * mean) ** 2)) return metric(mean, null, noSpread);
  const { low, high, method } = meanInterval(mean, Math.sqrt(squares / (count - 1)), count);
  return metric(mean, { low: Math.max(bounds.least, low), high: Math.min(bounds.most, high), method });
}

/** A sum that carries what rounding loses (Neumaier 1974). */
export function exactSum(values: Float64Array): number {
  let sum = 0;
  let lost = 0;
  for (let row = 0; row < values.length; row++) {
    const value = values[row] ?? 0;
    const next = sum + value;
    lost += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
    sum = next;
  }
  // Beyond floating point the carry is infinity less infinity.
  return Number.isFinite(sum) ? sum + lost : sum;
}
