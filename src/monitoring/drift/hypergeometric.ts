import type { Random } from './random.ts';
import { logChoose } from './stirling.ts';

/**
 * How many marked rows are among `draws` rows drawn without replacement from `marked` + `unmarked` rows.
 *
 * Inversion that starts at the mode and steps outwards: about as many steps as the distribution is wide, so that a split of a
 * million rows costs hundreds of steps instead of a million draws.
 */
export function hypergeometricDraw(random: Random, marked: number, unmarked: number, draws: number): number {
  const least = Math.max(0, draws - unmarked);
  const most = Math.min(draws, marked);
  if (least === most) return least;
  const total = marked + unmarked;
  const mode = Math.min(most, Math.max(least, Math.floor(((draws + 1) * (marked + 1)) / (total + 2))));
  const atMode = Math.exp(
    logChoose(marked, mode) + logChoose(unmarked, draws - mode) - logChoose(total, draws),
  );

  let left = random() - atMode;
  let up = mode;
  let down = mode;
  let atUp = atMode;
  let atDown = atMode;
  while (left > 0 && (up < most || down > least)) {
    if (up < most) {
      atUp *= ((marked - up) * (draws - up)) / ((up + 1) * (unmarked - draws + up + 1));
      up++;
      left -= atUp;
      if (left <= 0) return up;
    }
    if (down > least) {
      atDown *= (down * (unmarked - draws + down)) / ((marked - down + 1) * (draws - down + 1));
      down--;
      left -= atDown;
      if (left <= 0) return down;
    }
    // What rounding leaves over is no probability worth walking for.
    if (atUp < 1e-18 && atDown < 1e-18) break;
  }
  return mode;
}
