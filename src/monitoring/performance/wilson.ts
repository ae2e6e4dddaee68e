import { type Interval, type Metric, metric, NORMAL_QUANTILE, noMetric } from './metric.ts';

/**
 * Wilson's score interval of a share (Wilson 1927); statsmodels' `proportion_confint(method='wilson')`.
 *
 * @param successes 0 … trials
 * @param trials at least 1
 */
export function wilsonInterval(successes: number, trials: number): Interval {
  const share = successes / trials;
  const z2 = NORMAL_QUANTILE * NORMAL_QUANTILE;
  const centre = (share + z2 / (2 * trials)) / (1 + z2 / trials);
  const half =
    (NORMAL_QUANTILE * Math.sqrt((share * (1 - share)) / trials + z2 / (4 * trials * trials))) /
    (1 + z2 / trials);
  return {
    low: successes === 0 ? 0 : Math.max(0, centre - half),
    high: successes === trials ? 1 : Math.min(1, centre + half),
    method: 'wilson',
  };
}

/** `successes`/`trials` with Wilson's interval; without trials there is no value, for the reason given. */
export function shareMetric(successes: number, trials: number, withoutTrials: string): Metric {
  if (trials === 0) return noMetric(withoutTrials);
  return metric(successes / trials, wilsonInterval(successes, trials));
}
