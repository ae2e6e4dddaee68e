import { wilsonInterval } from '../../statistics/wilson.ts';
import { type Metric, metric, noMetric } from './metric.ts';

/** `successes`/`trials` with Wilson's interval; without trials there is no value, for the reason given. */
export function shareMetric(successes: number, trials: number, withoutTrials: string): Metric {
  if (trials === 0) return noMetric(withoutTrials);
  return metric(successes / trials, wilsonInterval(successes, trials));
}
