import type { Interval } from '../../statistics/interval.ts';
import type { Metric } from './metric.ts';

/** A metric and the rows that it was measured on. */
export interface Measurement {
  metric: Metric;
  rows: number;
  /** Of a metric that is about one class: the rows that decide it. */
  rowsOfClass?: number | undefined;
}

export interface Drop {
  /** True if the metric got worse by the threshold or more, and sampling alone does not explain that it got worse. */
  dropped: boolean;
  /**
   * How much worse, as a share of the reference's value: 0.1 is an accuracy of 0.81 after 0.9, or an RMSE of 11 after
   * 10. Below 0 is better than the reference. null where there is nothing to compare.
   */
  by: number | null;
  /** One sentence. */
  detail: string;
}

/** No verdict below so many rows on either side: intervals of fewer are too narrow. */
export const minRows = 30;
/** Nor below so many rows of the class that a metric is about, however many others there are: where it is rare, few rows decide. */
export const minRowsOfClass = 10;

/** Where the reference's value is nearly nothing, a share of it says nothing. */
const minReference = 1e-9;

/**
 * Judges a metric against its value on the reference. The threshold (`PERFORMANCE_THRESHOLD`) is relative to the
 * reference, so that one number serves shares and errors in any unit.
 *
 * Sampling explains a difference when the interval of the difference holds 0. That interval is made of the two
 * metrics' own ones by the method of variance estimates recovery (Zou & Donner 2008), which keeps their asymmetry;
 * for two shares it is Newcombe's (1998) hybrid score interval.
 *
 * @param threshold above 0
 */
export function performanceDrop(
  { name, better }: { name: string; better: 'higher' | 'lower' },
  { metric: reference, rows: referenceRows, rowsOfClass: referenceOfClass }: Measurement,
  { metric: current, rows: currentRows, rowsOfClass: currentOfClass }: Measurement,
  threshold: number,
): Drop {
  if (reference.value === null || current.value === null) {
    const which = reference.value === null ? 'The reference' : 'The current window';
    return { dropped: false, by: null, detail: `${which} has no ${name}.` };
  }
  const isWorseLower = better === 'higher';
  const worse = isWorseLower ? reference.value - current.value : current.value - reference.value;
  const by = Math.abs(reference.value) > minReference ? worse / Math.abs(reference.value) : null;
  const change = `${name} went from ${format(reference.value)} to ${format(current.value)}`;
  if (worse <= 0) return { dropped: false, by, detail: `${change}: no drop.` };
  if (by !== null && !(by >= threshold)) {
    return {
      dropped: false,
      by,
      detail: `${change}, worse by ${percent(by)}: less than ${percent(threshold)}.`,
    };
  }
  if (!(Math.min(referenceRows, currentRows) >= minRows)) {
    const rows = `${referenceRows} reference and ${currentRows} current rows`;
    return {
      dropped: false,
      by,
      detail: `NOT_ENOUGH_DATA: ${change}, on ${rows}; ${minRows} are needed.`,
    };
  }
  const [ofReference, ofCurrent] = [referenceOfClass ?? minRowsOfClass, currentOfClass ?? minRowsOfClass];
  if (Math.min(ofReference, ofCurrent) < minRowsOfClass) {
    const rows = `${ofReference} reference and ${ofCurrent} current rows of the class`;
    return {
      dropped: false,
      by,
      detail: `NOT_ENOUGH_DATA: ${change}, on ${rows}; ${minRowsOfClass} are needed.`,
    };
  }
  const size = by === null ? change : `${change}, worse by ${percent(by)}`;
  if (reference.interval === null || current.interval === null) {
    const which = reference.interval === null ? 'The reference' : 'The current window';
    return { dropped: false, by, detail: `${size}. ${which} has no interval, so it may be chance.` };
  }
  const least = isWorseLower
    ? leastDifference(reference.value, reference.interval, current.value, current.interval)
    : leastDifference(current.value, current.interval, reference.value, reference.interval);
  if (least <= 0) return { dropped: false, by, detail: `${size}: sampling alone may explain it.` };
  return { dropped: true, by, detail: `${size}: more than sampling explains.` };
}

/** The low end of the interval of `upper` − `lower`. */
export function leastDifference(
  upper: number,
  { low }: Pick<Interval, 'low'>,
  lower: number,
  { high }: Pick<Interval, 'high'>,
): number {
  return upper - lower - Math.hypot(upper - low, high - lower);
}

function format(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}
