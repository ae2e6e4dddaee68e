import type { Interval } from '../../statistics/interval.ts';

/** A measured value, as it goes to the wire. No number in it is NaN or infinite. */
export interface Metric {
  /** null where it is not defined, which the note explains. */
  value: number | null;
  interval: Interval | null;
  note?: string;
}

/** A metric that has no value, and why. */
export function noMetric(note: string): Metric {
  return { value: null, interval: null, note };
}

/**
 * A metric from what was computed. A value beyond floating point becomes null with a note, and so does an interval;
 * an interval always holds its value.
 */
export function metric(value: number, interval: Interval | null, note?: string): Metric {
  if (!Number.isFinite(value)) return noMetric('The numbers are too large to compute it.');
  const usable =
    interval !== null && Number.isFinite(interval.low) && Number.isFinite(interval.high)
      ? { ...interval, low: Math.min(interval.low, value), high: Math.max(interval.high, value) }
      : null;
  const why =
    note ??
    (interval !== null && usable === null ? 'The numbers spread too far for an interval.' : undefined);
  // Adding 0 makes a negative zero a plain one.
  return { value: value + 0, interval: usable, ...(why !== undefined ? { note: why } : {}) };
}
