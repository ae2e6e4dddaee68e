/** What a detector found at the value that was just taken: the mean of the stream has moved. */
export interface Change {
  direction: 'up' | 'down';
  /** Mean of the values before the change, as the detector places it. */
  before: number;
  /** Mean of the values since, the last one included. */
  after: number;
  /** How many values there have been since, the last one included. */
  since: number;
}

/**
 * Larger values count as this one: their squares would overflow, and an infinite sum neither recovers nor
 * survives JSON.
 */
const LARGEST_VALUE = 1e100;

/** The value as a detector takes it; undefined when it is missing (NaN or infinite) and leaves no trace. */
export function observable(value: number): number | undefined {
  if (!Number.isFinite(value)) return undefined;
  return Math.min(LARGEST_VALUE, Math.max(-LARGEST_VALUE, value));
}
