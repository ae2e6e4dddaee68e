import { countBelow } from './count_below.ts';
import { type Interval, normalQuantile } from './interval.ts';

/** The area under the ROC curve of one class against the rest. */
export interface RocAuc {
  /** Share of pairs (one row of the class, one of the others) that are in the right order; ties count half. */
  auc: number;
  /** Rows of the class and of the others, each at least 1. */
  positives: number;
  negatives: number;
  /**
   * What each row adds to the AUC's error, scaled so that Σ influence²/rows² is DeLong's variance; undefined with
   * fewer than two rows on a side.
   */
  influence: Float64Array | undefined;
}

/**
 * The area under the ROC curve by ranks (Mann-Whitney), with the structural components of DeLong, DeLong &
 * Clarke-Pearson (1988).
 *
 * @param score finite, one a row
 * @param actual 1 for rows of the class, 0 for the others
 * @returns undefined where either side has no row
 */
export function rocAuc(score: Float64Array, actual: Uint8Array): RocAuc | undefined {
  const positive = score.filter((_, row) => actual[row] === 1).sort();
  const negative = score.filter((_, row) => actual[row] !== 1).sort();
  const [positives, negatives] = [positive.length, negative.length];
  if (positives === 0 || negatives === 0) return undefined;

  // Of each row, the share of the other side's rows that it is in the right order with.
  const component = new Float64Array(score.length);
  let pairs = 0;
  for (let row = 0; row < score.length; row++) {
    const value = score[row] ?? 0;
    const isPositive = actual[row] === 1;
    const others = isPositive ? negative : positive;
    const twice = countBelow(others, value, false) + countBelow(others, value, true);
    const right = isPositive ? twice / 2 : others.length - twice / 2;
    component[row] = right / others.length;
    if (isPositive) pairs += right;
  }
  const auc = pairs / (positives * negatives);
  if (positives < 2 || negatives < 2) return { auc, positives, negatives, influence: undefined };
  const rows = score.length;
  const scaleOf = (side: number) => (rows / side) * Math.sqrt(side / (side - 1));
  const [scalePositive, scaleNegative] = [scaleOf(positives), scaleOf(negatives)];
  const influence = component.map(
    (share, row) => (share - auc) * (actual[row] === 1 ? scalePositive : scaleNegative),
  );
  return { auc, positives, negatives, influence };
}

/**
 * Mean AUC of several classes, each against the rest (one for a binary task), with its 95 % interval.
 *
 * The interval is DeLong's on the logit scale; the classes' errors are added row by row, which keeps their
 * correlation. An AUC of 0 or 1, or one row on a side, leaves no variance: then the interval is the mean of the classes'
 * score intervals, which is too wide rather than too narrow.
 *
 * @param classes at least one, all over the same rows
 */
export function meanAuc(classes: readonly RocAuc[]): { auc: number; interval: Interval } {
  const auc = classes.reduce((sum, one) => sum + one.auc, 0) / classes.length;
  const error = meanAucError(classes);
  const interval =
    error !== undefined && error > 0 && auc > 0 && auc < 1
      ? logitInterval(auc, error)
      : meanInterval(classes.map(scoreInterval));
  return { auc, interval };
}

/** Standard error of the mean AUC by DeLong; undefined where a class has fewer than two rows on a side. */
export function meanAucError(classes: readonly RocAuc[]): number | undefined {
  const rows = classes[0]?.influence?.length ?? 0;
  const sums = new Float64Array(rows);
  for (const { influence } of classes) {
    if (influence === undefined) return undefined;
    for (let row = 0; row < rows; row++) sums[row] = (sums[row] ?? 0) + (influence[row] ?? 0);
  }
  const squares = sums.reduce((sum, error) => sum + error * error, 0);
  return Math.sqrt(squares) / (rows * classes.length);
}

function logitInterval(auc: number, error: number): Interval {
  const logit = Math.log(auc / (1 - auc));
  const half = (normalQuantile * error) / (auc * (1 - auc));
  const expit = (x: number) => 1 / (1 + Math.exp(-x));
  return { low: expit(logit - half), high: expit(logit + half), method: 'delong' };
}

function meanInterval(intervals: readonly Interval[]): Interval {
  const mean = (end: 'low' | 'high') =>
    intervals.reduce((sum, interval) => sum + interval[end], 0) / intervals.length;
  return { low: mean('low'), high: mean('high'), method: 'newcombe' };
}

/**
 * The AUCs whose distance from the observed one is within z standard errors of their own: method 5 of Newcombe
 * (2006), "Confidence intervals for an effect size measure based on the Mann-Whitney statistic", part 2.
 */
function scoreInterval({ auc, positives, negatives }: RocAuc): Interval {
  const n = (positives + negatives) / 2 - 1;
  const isWithin = (other: number): boolean => {
    const spread = 1 + n * ((1 - other) / (2 - other) + other / (1 + other));
    const variance = (other * (1 - other) * spread) / (positives * negatives);
    return Math.abs(other - auc) <= normalQuantile * Math.sqrt(variance);
  };
  const edge = (outside: number): number => {
    // 0 and 1 have no variance: only an observed one is within.
    if (outside === auc) return auc;
    let [far, near] = [outside, auc];
    for (let step = 0; step < 60; step++) {
      const middle = (far + near) / 2;
      if (isWithin(middle)) near = middle;
      else far = middle;
    }
    return near;
  };
  return { low: edge(0), high: edge(1), method: 'newcombe' };
}
