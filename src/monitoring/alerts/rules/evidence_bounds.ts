import { wilsonInterval } from '../../../statistics/wilson.ts';

/** With fewer calls no verdict is given. */
export const leastCalls = 20;

/** The one-sided 99 % lower bound of a share, by Wilson's score interval. @param trials at least one */
export function shareLowerBound(successes: number, trials: number): number {
  return wilsonInterval(successes, trials, 0.98).low;
}

/** The standard normal quantile of 0.99. */
const z = 2.3263478740408408;

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
