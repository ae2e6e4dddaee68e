import type { Severity } from './severity.ts';

/** The verdict about all numeric features at once, as it goes to the wire. No number in it is NaN or infinite. */
export interface MultivariateResult {
  method: 'multivariate';
  /** How many features were compared. */
  features: number;
  /** Energy distance of the standardised ranks; null without a verdict. */
  score: number | null;
  /** Permutation p-value of both parts together, which allows for their being two. */
  p_value: number | null;
  /** The larger effect of the parts that were significant; see `parts`. 0 when none was. */
  effect: number | null;
  /** What p_value must be below. */
  threshold: number | null;
  is_drift: boolean;
  severity: Severity;
  /** Rows given, and rows drawn from them for the test. */
  reference_n: number;
  current_n: number;
  reference_sampled: number;
  current_sampled: number;
  /** Share of the drawn values that are missing and replaced by the median rank. */
  imputed: number;
  /**
   * `energy`: any difference of the joint distribution; effect on the scale of a KS distance. `correlation`: the
   * change of how two features go together; effect is the largest |difference of rank correlations| found.
   */
  parts: { name: 'energy' | 'correlation'; p_value: number; effect: number }[];
  /** Where the energy distance arose: the share of each feature, largest first. */
  contributions: { feature: string; share: number }[];
  /** Where correlations changed: those pairs that changed beyond chance, largest change first. */
  changed_pairs: { features: [string, string]; reference: number; current: number }[];
  /** Features that could not be compared. */
  skipped: { feature: string; reason: string }[];
  note?: string;
}
