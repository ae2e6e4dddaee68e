import type { Random } from '../../../statistics/random.ts';
import type { CategoricalProfile, NumericProfile } from '../../reference/profile.ts';
import type { SeverityScale } from '../severity.ts';

/**
 * One way to compare the current values of a feature with its reference. Everything that is particular to it stands in
 * its file; {@link driftMethods} (index.ts) lists them all.
 *
 * @typeParam Used the methods that may have measured in the end: another one stands in where this one cannot measure
 */
export interface Method<Name extends string, Used extends string = Name> {
  name: Name;
  /** A test is judged by its adjusted p-value and its effect, a distance by its score. */
  kind: 'test' | 'distance';
  /** Where the score of a distance counts as drift unless the caller names a threshold; tests take the level instead. */
  threshold: number | undefined;
  severity: SeverityScale;
  /** What charts call the score. */
  scoreLabel: string;
  /** What charts and notes call the effect of a test. */
  effectLabel: string | undefined;
  /** What the score is, for the table of methods in docs/MONITORING_GUIDE.md. */
  scoreMeaning: string;
  /** Whether noise bounds are simulated even for few rows, which takes too long for the server's own thread. */
  simulatesNoise: boolean;
  /** @param current finite values in any order, at least one; the reference has at least one too */
  measureNumbers: (reference: NumericProfile, current: Float64Array) => Measurement<Used>;
  /**
   * Left out by a method that needs numbers.
   * @param current rows per category, at least one row; the reference has at least one too
   */
  measureCategories?: (
    reference: CategoricalProfile,
    current: ReadonlyMap<string, number>,
  ) => Measurement<Used>;
}

/** What a method found about one feature, before the verdict. `method` is the one that measured. */
export type Measurement<Name extends string> = TestMeasurement<Name> | DistanceMeasurement<Name>;

interface TestMeasurement<Name extends string> {
  kind: 'test';
  method: Name;
  score: number;
  p_value: number;
  effect: number;
  /** The effect that is compared with the smallest one worth a verdict: D, or Cramér's V at equal sample sizes. */
  size: number;
  /** Present where the p-value is known to be too small: then the score must exceed this bound as well. */
  noise?: NoiseBound;
  note?: string;
}

export interface DistanceMeasurement<Name extends string> {
  kind: 'distance';
  method: Name;
  score: number;
  noise: NoiseBound;
  note?: string;
}

/**
 * The score that is exceeded with probability `level` without any drift. Expensive, so computed only where it
 * decides.
 */
type NoiseBound = (level: number, random: Random) => number;
