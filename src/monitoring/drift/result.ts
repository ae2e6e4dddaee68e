import type { Correction } from './correction.ts';

/**
 * The measures of drift. The first two are tests with a p-value, the others distances with a threshold of
 * their own.
 */
export type DriftMethod = 'ks_test' | 'chi_square' | 'psi' | 'kl_divergence' | 'js_distance' | 'wasserstein';

export type FeatureType = 'numeric' | 'categorical' | 'boolean';

export type Severity = 'none' | 'low' | 'moderate' | 'high';

export interface DriftOptions {
  /** `auto`: ks_test for numeric features, chi_square for the others. */
  method: 'auto' | DriftMethod;
  /**
   * Tests: drift below this adjusted p (default `significance`). Distances: drift from this score on (default
   * per method).
   */
  threshold?: number | undefined;
  /** Tests and missing shares: the smallest effect worth a verdict. Default 0.1; 0 turns the guard off. */
  minEffect?: number | undefined;
  correction: Correction;
  /**
   * False-alarm share of a whole report without drift: level of the tests, and of the noise bound of the
   * distances.
   */
  significance: number;
  /** Values needed on either side for a verdict. Default 30. */
  minimumRows?: number | undefined;
  /** Of the random splits behind the noise bounds. Default 1. */
  seed?: number | undefined;
}

/** One feature's verdict, as it goes to the wire. No number in it is NaN or infinite. */
export interface DriftResult {
  feature: string;
  type: FeatureType;
  /** The method used, which may be a fallback that the note explains. */
  method: DriftMethod;
  /** D, χ², PSI, nats, distance or standard deviations, by method; null without a verdict. */
  score: number | null;
  /** Tests only. */
  p_value: number | null;
  p_adjusted: number | null;
  /** Tests only: D for ks_test, Cramér's V for chi_square. */
  effect: number | null;
  /** What p_adjusted must be below, or the score at least. */
  threshold: number | null;
  is_drift: boolean;
  severity: Severity;
  /** Rows, missing ones included. */
  reference_n: number;
  current_n: number;
  /** Shares of those rows without a value, 0 … 1. */
  reference_missing: number;
  current_missing: number;
  /** Those shares differ by more than chance and enough to matter. */
  missing_shift?: true;
  note?: string;
}
