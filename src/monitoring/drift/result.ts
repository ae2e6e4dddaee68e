import type { Correction } from '../../statistics/correction.ts';
import type { DriftMethod } from './methods/index.ts';
import type { Severity } from './severity.ts';

export type FeatureType = 'numeric' | 'categorical' | 'boolean';

export interface DriftOptions {
  /** `auto`: ks_test for numeric features, chi_square for the others. */
  method: 'auto' | DriftMethod;
  /**
   * Tests: drift below this adjusted p (default `significance`). Distances: drift from this score on (default
   * per method).
   */
  threshold?: number | undefined;
  /**
   * Tests: the smallest effect worth a verdict. Default 0.1; 0 turns this requirement off, also for missing shares.
   */
  minEffect?: number | undefined;
  /**
   * The smallest change of a missing share worth a verdict, as a share of the rows; any significant increase from
   * none counts too. Default 0.02.
   */
  missingThreshold?: number | undefined;
  /** Names of the columns that are predictions and not features: summaries report them separately. */
  predictions?: readonly string[] | undefined;
  correction: Correction;
  /**
   * False-alarm rate of a whole report without drift: level of the tests, and of the noise bound of the distances.
   */
  significance: number;
}

/**
 * Why a result is a finding. Bad data comes first, since it may be why values moved: the column has another type or
 * is absent, clearly more or fewer of its values are missing, or some were never seen before; otherwise its values
 * moved.
 */
type DriftCause = 'type' | 'absent' | 'missing' | 'unseen' | 'values';

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
  /** The limit: p_adjusted must be below it, or the score at or above it. */
  threshold: number | null;
  is_drift: boolean;
  severity: Severity;
  /** Rows, missing ones included. */
  reference_n: number;
  current_n: number;
  /** Shares of those rows without a value, 0 … 1. */
  reference_missing: number;
  current_missing: number;
  /** Present where those shares differ by more than chance and by enough to matter. */
  missing_shift?: true;
  /** Absent where nothing was found. */
  cause?: DriftCause;
  note?: string;
}
