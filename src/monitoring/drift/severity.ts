/** How large a drift is, once there is one. */
export type Severity = 'none' | 'low' | 'moderate' | 'high';

/**
 * The sizes from which a drift is moderate and high. Every drift method has its own scale, and all of them agree: a
 * normal feature that moves by half a standard deviation is moderate, by one it is high (D = 2Φ(δ/2) − 1, PSI = δ²,
 * KL = δ²/2, W1 = δ, JS ≈ V ≈ D; rounded).
 */
export interface SeverityScale {
  moderate: number;
  high: number;
}

/**
 * The scale of measures that are comparable to D of the Kolmogorov-Smirnov test: V, shares of rows, the joint effect.
 */
export const likeKsDistance: SeverityScale = { moderate: 0.2, high: 0.4 };

/**
 * The scale for shares of rows with bad data: missing where they were not, or values never seen before. Something
 * upstream is broken, whatever the model makes of it, so far smaller shares matter than for values that moved.
 */
export function badDataScale(limit: number = defaultMissingThreshold): SeverityScale {
  return { moderate: limit, high: Math.max(limit, 0.2) };
}

/**
 * The smallest change of a missing share that is worth a verdict unless the caller gives another: two percentage
 * points.
 */
export const defaultMissingThreshold = 0.02;

/**
 * The severity of a drift by its size alone, independent of the threshold that raised the alarm and of the number of
 * rows.
 */
export function severityOf(scale: SeverityScale, size: number): Severity {
  if (size >= scale.high) return 'high';
  return size >= scale.moderate ? 'moderate' : 'low';
}

/** A size in multiples of a moderate one, so that features measured by different methods can be ranked together. */
export function relativeSize(scale: SeverityScale, size: number): number {
  return size / scale.moderate;
}

const ascending: readonly Severity[] = ['none', 'low', 'moderate', 'high'];

/** The higher of two severities. */
export function higherSeverity(one: Severity, other: Severity): Severity {
  return ascending.indexOf(one) >= ascending.indexOf(other) ? one : other;
}
