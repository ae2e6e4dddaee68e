/** Share of samples in which an interval is meant to hold the true value. */
export const confidenceLevel = 0.95;

/** The standard normal's quantile at (1 + {@link confidenceLevel})/2. */
export const normalQuantile = 1.959963984540054;

/**
 * How an interval was made. `wilson`: score interval of a share. `t`: Student's, of a mean. `bootstrap`: percentiles
 * of seeded Poisson resamples. `delong`: DeLong's variance on the logit scale. `newcombe`: score interval of an AUC
 * without spread. `order_statistics`: distribution-free, of a median.
 */
type IntervalMethod = 'wilson' | 't' | 'bootstrap' | 'delong' | 'newcombe' | 'order_statistics';

/** A confidence interval at {@link confidenceLevel}, both ends included. */
export interface Interval {
  low: number;
  high: number;
  method: IntervalMethod;
}
