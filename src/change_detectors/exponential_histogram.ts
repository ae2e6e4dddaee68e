import { z } from 'zod';

const levelSchema = z.strictObject({ totals: z.array(z.number()), variances: z.array(z.number()) });

type Level = z.infer<typeof levelSchema>;

/**
 * A window of values in logarithmic space: `levels[i]` holds buckets of 2^i neighbouring values each, the
 * oldest bucket of a level first and the oldest values in the last level. Of a bucket only the sum and the sum
 * of squared deviations from its mean are kept.
 */
export const exponentialHistogramSchema = z
  .strictObject({
    /** Values in the window. */
    width: z.int().min(0),
    /** Their sum. */
    total: z.number(),
    /** Their squared deviations from their mean, summed. */
    variance: z.number(),
    levels: z.array(levelSchema).min(1),
  })
  .refine(({ width, levels }) => width === widthOf(levels), 'the buckets do not hold as many values as width')
  .refine(
    ({ levels }) => levels.every(({ totals, variances }) => totals.length === variances.length),
    'a bucket lacks its sum or its variance',
  );

export type ExponentialHistogram = z.infer<typeof exponentialHistogramSchema>;

export function emptyHistogram(): ExponentialHistogram {
  return { width: 0, total: 0, variance: 0, levels: [{ totals: [], variances: [] }] };
}

/** How many values the buckets of all levels hold. */
function widthOf(levels: readonly Level[]): number {
  return levels.reduce((width, { totals }, level) => width + totals.length * 2 ** level, 0);
}

/**
 * Adds a value at the young end. A level with more than `maxBuckets` buckets merges its two oldest into one
 * of the next. Merged deviations by Babcock, Datar, Motwani & O'Callaghan (2003), "Maintaining variance and
 * k-medians over data stream windows".
 *
 * The order of the operations is river's, so that sums agree to the last bit.
 */
export function insertValue(histogram: ExponentialHistogram, value: number, maxBuckets: number): void {
  const before = histogram.width;
  if (before > 0) {
    const deviation = value - histogram.total / before;
    histogram.variance += (before * deviation * deviation) / (before + 1);
  }
  histogram.width = before + 1;
  histogram.total += value;
  let size = 1;
  let total = value;
  let variance = 0;
  for (let index = 0; ; index++) {
    const level = levelAt(histogram, index);
    level.totals.push(total);
    level.variances.push(variance);
    if (level.totals.length <= maxBuckets) return;
    const [oldest, next] = [takeOldest(level), takeOldest(level)];
    const difference = oldest.total / size - next.total / size;
    total = oldest.total + next.total;
    variance = oldest.variance + next.variance + size * 0.5 * difference * difference;
    size *= 2;
  }
}

/** Takes the oldest bucket out of the window, which must hold younger ones too. */
export function dropOldest(histogram: ExponentialHistogram): void {
  const oldest = histogram.levels.length - 1;
  const level = levelAt(histogram, oldest);
  const size = 2 ** oldest;
  const { total, variance } = takeOldest(level);
  histogram.width -= size;
  histogram.total -= total;
  const { width } = histogram;
  const difference = total / size - histogram.total / width;
  histogram.variance -= variance + (size * width * difference * difference) / (size + width);
  if (level.totals.length === 0) histogram.levels.pop();
}

/** The level of that index, new if there is none yet. */
function levelAt(histogram: ExponentialHistogram, index: number): Level {
  const known = histogram.levels[index];
  if (known !== undefined) return known;
  const level: Level = { totals: [], variances: [] };
  histogram.levels.push(level);
  return level;
}

function takeOldest({ totals, variances }: Level): { total: number; variance: number } {
  return { total: totals.shift() ?? 0, variance: variances.shift() ?? 0 };
}
