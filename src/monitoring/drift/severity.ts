import type { DriftMethod, Severity } from './result.ts';

interface Marks {
  moderate: number;
  high: number;
}

/**
 * From which size a drift is moderate, and from which high: what each measure gives when a normal feature
 * moves by one half and by one standard deviation (D = 2Φ(δ/2) − 1, PSI = δ², KL = δ²/2, W1 = δ, JS ≈ V ≈ D;
 * rounded). A missing share, a share of unseen categories and an effect on all features together are measured like D.
 */
const MARKS = {
  ks_test: { moderate: 0.2, high: 0.4 },
  chi_square: { moderate: 0.2, high: 0.4 },
  psi: { moderate: 0.25, high: 1 },
  kl_divergence: { moderate: 0.125, high: 0.5 },
  js_distance: { moderate: 0.2, high: 0.4 },
  wasserstein: { moderate: 0.5, high: 1 },
  missing_share: { moderate: 0.2, high: 0.4 },
  unseen_share: { moderate: 0.2, high: 0.4 },
  multivariate: { moderate: 0.2, high: 0.4 },
} satisfies Record<DriftMethod, Marks> & Record<string, Marks>;

/** What a drift can be measured by. */
export type Measure = keyof typeof MARKS;

/**
 * How grave a drift is, once it is one: by its size on a fixed scale, independent of the threshold that
 * raised the alarm and of how many rows proved it.
 */
export function severityOf(measure: Measure, size: number): Severity {
  const { moderate, high } = MARKS[measure];
  if (size >= high) return 'high';
  return size >= moderate ? 'moderate' : 'low';
}

/** A size as a multiple of the measure's moderate mark, so that different measures can be ranked together. */
export function relativeSize(measure: Measure, size: number): number {
  return size / MARKS[measure].moderate;
}

const ORDER: readonly Severity[] = ['none', 'low', 'moderate', 'high'];

export function graver(one: Severity, other: Severity): Severity {
  return ORDER.indexOf(one) >= ORDER.indexOf(other) ? one : other;
}
