import { adjustPValues } from './correction.ts';
import type { Measurement } from './measurement.ts';
import { seededRandom, seedFor } from './random.ts';
import type { DriftMethod, DriftOptions, DriftResult, Severity } from './result.ts';
import { graver, severityOf } from './severity.ts';

/** Scores from which a distance counts as drift, unless the caller names one. */
const DISTANCE_THRESHOLDS = { psi: 0.2, kl_divergence: 0.1, js_distance: 0.1, wasserstein: 0.1 } as const;

/** The smallest effect worth a verdict, unless the caller names one. */
export const DEFAULT_MIN_EFFECT = 0.1;

/**
 * Missing shares are tested beside the values, at a tenth of the level: two questions a feature then hardly
 * raise more false alarms than one, and a real change of the pipeline is far beyond either level.
 */
const MISSING_LEVEL_SHARE = 0.1;

/**
 * The noise bound of a distance is an estimate that errs to both sides; half the level leaves room for that.
 */
const NOISE_LEVEL_SHARE = 0.5;

/** A feature measured but not judged: what {@link judge} needs to give its result. */
export interface Comparison {
  measurement: Measurement;
  facts: Pick<
    DriftResult,
    'feature' | 'type' | 'reference_n' | 'current_n' | 'reference_missing' | 'current_missing'
  >;
  /** p-value of equal missing shares, where either side misses values and both have rows enough. */
  missingPValue: number | undefined;
  notes: readonly string[];
}

interface ValueVerdict {
  is_drift: boolean;
  severity: Severity;
  threshold: number | null;
  note?: string;
}

/**
 * Judges all features of a report together, since the corrections depend on how many there are. Keeps the
 * order.
 */
export function judge(comparisons: readonly Comparison[], options: DriftOptions): DriftResult[] {
  const minEffect = options.minEffect ?? DEFAULT_MIN_EFFECT;
  const adjusted = adjustSome(comparisons, options, ({ measurement }) => {
    // Beside tests used as a fallback, features judged by a distance belong to the family too.
    if (measurement.kind === 'distance') return 1;
    return measurement.kind === 'test' ? measurement.p_value : undefined;
  });
  const adjustedMissing = adjustSome(comparisons, options, ({ missingPValue }) => missingPValue);
  const measured = comparisons.filter(({ measurement }) => measurement.kind !== 'none').length;
  const share = options.correction === 'none' ? 1 : Math.max(1, measured);
  const noiseLevel = (options.significance * NOISE_LEVEL_SHARE) / share;

  return comparisons.map((comparison) => {
    const { measurement, facts } = comparison;
    const p_adjusted = measurement.kind === 'test' ? (adjusted.get(comparison) ?? null) : null;
    const values = judgeValues(comparison, p_adjusted, minEffect, noiseLevel, options);
    const change = Math.abs(facts.current_missing - facts.reference_missing);
    const missingP = adjustedMissing.get(comparison) ?? 1;
    const missingDrift = missingP < options.significance * MISSING_LEVEL_SHARE && change >= minEffect;
    const notes = [
      missingDrift ? missingNote(facts) : undefined,
      measurement.note,
      values.note,
      ...comparison.notes,
    ].filter((note) => note !== undefined);
    return {
      feature: facts.feature,
      type: facts.type,
      method: measurement.method,
      score: measurement.kind === 'none' ? null : measurement.score,
      p_value: measurement.kind === 'test' ? measurement.p_value : null,
      p_adjusted,
      effect: measurement.kind === 'test' ? measurement.effect : null,
      threshold: values.threshold,
      is_drift: values.is_drift || missingDrift,
      severity: missingDrift ? graver(values.severity, severityOf('missing_share', change)) : values.severity,
      reference_n: facts.reference_n,
      current_n: facts.current_n,
      reference_missing: facts.reference_missing,
      current_missing: facts.current_missing,
      ...(missingDrift ? { missing_shift: true as const } : {}),
      ...(notes.length > 0 ? { note: notes.join(' ') } : {}),
    };
  });
}

function judgeValues(
  { measurement, facts }: Comparison,
  p_adjusted: number | null,
  minEffect: number,
  noiseLevel: number,
  options: DriftOptions,
): ValueVerdict {
  if (measurement.kind === 'none') return { is_drift: false, severity: 'none', threshold: null };
  const asked = asksFor(measurement.method, options.method) ? options.threshold : undefined;
  const threshold =
    asked ?? (measurement.kind === 'test' ? options.significance : DISTANCE_THRESHOLDS[measurement.method]);
  const size = measurement.kind === 'test' ? measurement.size : measurement.score;
  const isLarge =
    measurement.kind === 'test'
      ? p_adjusted !== null && p_adjusted < threshold && size >= minEffect
      : size >= threshold;
  if (!isLarge) return { is_drift: false, severity: 'none', threshold };

  const random = seededRandom(seedFor(options.seed ?? 1, facts.feature));
  const noise = measurement.noise?.(noiseLevel, random);
  if (noise !== undefined && measurement.score <= noise) {
    const note = `At this sample size up to ${noise.toPrecision(2)} is expected without any drift.`;
    return { is_drift: false, severity: 'none', threshold, note };
  }
  const severity = severityOf(measurement.method, size);
  if (measurement.kind === 'distance' || measurement.effect >= minEffect) {
    return { is_drift: true, severity, threshold };
  }
  const note =
    `The effect (Cramér's V ${measurement.effect.toPrecision(2)}) is low because the samples differ in size; ` +
    `with equal weights it is ${size.toPrecision(2)}.`;
  return { is_drift: true, severity, threshold, note };
}

/**
 * Whether the caller's threshold is meant for this method: a fallback from a distance to a test must not take
 * it over.
 */
function asksFor(used: DriftMethod, wanted: DriftOptions['method']): boolean {
  const isTest = (method: DriftOptions['method']) =>
    method === 'auto' || method === 'ks_test' || method === 'chi_square';
  return used === wanted || (isTest(used) && isTest(wanted));
}

/** Adjusted p-values of those comparisons that have one. */
function adjustSome(
  comparisons: readonly Comparison[],
  { correction }: DriftOptions,
  pValueOf: (comparison: Comparison) => number | undefined,
): Map<Comparison, number> {
  const tested = comparisons.flatMap((comparison) => {
    const p = pValueOf(comparison);
    return p === undefined ? [] : [{ comparison, p }];
  });
  const pValues = tested.map(({ p }) => p);
  const adjusted = adjustPValues(pValues, correction);
  return new Map(tested.map(({ comparison, p }, index) => [comparison, adjusted[index] ?? p]));
}

function missingNote({ reference_missing, current_missing }: Comparison['facts']): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return `MISSING_SHARE changed from ${percent(reference_missing)} to ${percent(current_missing)} of the rows.`;
}
