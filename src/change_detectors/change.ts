/** What a detector reports at the value just taken: the mean of the stream has changed. */
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
 * Larger values count as this: their squares would overflow, and a sum that is infinite stays so and cannot be stored
 * as JSON.
 */
const maxValue = 1e100;

/** The value as a detector takes it; undefined for a missing one (NaN or infinite), which is ignored. */
export function observable(value: number): number | undefined {
  if (!Number.isFinite(value)) return undefined;
  return Math.min(maxValue, Math.max(-maxValue, value));
}
