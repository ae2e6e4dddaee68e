import { drawFromMode } from './inversion.ts';
import type { Random } from './random.ts';
import { logChoose } from './stirling.ts';

/** Up to this many marked rows it is faster to decide for each whether it is drawn. */
const fewRows = 12;

/** How many marked rows are among `draws` rows drawn without replacement from `marked` + `unmarked` rows. */
export function hypergeometricDraw(random: Random, marked: number, unmarked: number, draws: number): number {
  const total = marked + unmarked;
  if (marked <= fewRows) {
    let drawn = 0;
    for (let row = 0; row < marked; row++) if (random() * (total - row) < draws - drawn) drawn++;
    return drawn;
  }
  const least = Math.max(0, draws - unmarked);
  const most = Math.min(draws, marked);
  if (least === most) return least;
  const mode = Math.min(most, Math.max(least, Math.floor(((draws + 1) * (marked + 1)) / (total + 2))));
  const logAtMode = logChoose(marked, mode) + logChoose(unmarked, draws - mode) - logChoose(total, draws);
  return drawFromMode(random, {
    least,
    most,
    mode,
    atMode: Math.exp(logAtMode),
    ratioAbove: (k) => ((marked - k) * (draws - k)) / ((k + 1) * (unmarked - draws + k + 1)),
  });
}

/**
 * Splits the pooled rows of all bins at random into two samples and fills in their counts per bin.
 *
 * @param pooled rows per bin on both sides together
 * @param one filled with the counts of the first sample, of `draws` rows
 * @param other filled with the counts of the rest
 */
export function splitRows(
  random: Random,
  pooled: Float64Array,
  draws: number,
  one: Float64Array,
  other: Float64Array,
): void {
  let rowsLeft = 0;
  for (const rows of pooled) rowsLeft += rows;
  let drawsLeft = draws;
  for (let bin = 0; bin < pooled.length; bin++) {
    const rows = pooled[bin] ?? 0;
    if (rows === 1) {
      // A bin with a single row, the most usual case, needs no general draw.
      const taken = random() * rowsLeft < drawsLeft ? 1 : 0;
      one[bin] = taken;
      other[bin] = 1 - taken;
      rowsLeft--;
      drawsLeft -= taken;
      continue;
    }
    const taken = hypergeometricDraw(random, rows, rowsLeft - rows, drawsLeft);
    one[bin] = taken;
    other[bin] = rows - taken;
    rowsLeft -= rows;
    drawsLeft -= taken;
  }
}
