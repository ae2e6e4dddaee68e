/** Calls below which nothing is said of a version: three calls raise no alarm. */
export const leastCalls = 20;

/** The standard normal quantile of 0.99. */
const z = 2.3263478740408408;

/**
 * The one-sided 99 % lower bound of a share, by Wilson's score interval.
 * Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
 * @param trials at least one
 */
export function shareLowerBound(successes: number, trials: number): number {
  if (successes === 0) return 0;
  const share = successes / trials;
  const centre = share + z ** 2 / (2 * trials);
  const spread = z * Math.sqrt((share * (1 - share)) / trials + z ** 2 / (4 * trials ** 2));
  return (centre - spread) / (1 + z ** 2 / trials);
}

/**
 * The quantile whose value in a sample is a 99 % lower bound of the population's `quantile`, whatever the distribution:
 * the binomial count of values below it, by its normal approximation.
 * Source: W. J. Conover, Practical nonparametric statistics, 3rd ed., 3.2.
 */
export function quantileLowerBound(quantile: number, sample: number): number {
  return Math.max(0, quantile - z * Math.sqrt((quantile * (1 - quantile)) / Math.max(1, sample)));
}

/** `12.5 %` */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
