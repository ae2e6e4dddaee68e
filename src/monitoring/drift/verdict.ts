import { adjustPValues } from '../../statistics/correction.ts';
import { seededRandom, seedFor } from '../../statistics/random.ts';
import { type DriftMethod, driftMethods, isTest } from './methods/index.ts';
import type { Measurement } from './methods/method.ts';
import type { DriftOptions, DriftResult } from './result.ts';
import {
  badDataScale,
  defaultMissingThreshold,
  higherSeverity,
  type Severity,
  severityOf,
} from './severity.ts';

/** Values needed on either side for a verdict. */
export const minimumRows = 30;

/** Seed of all that is random in a report, so that the same rows always give the same answer. */
export const reportSeed = 1;

/** The smallest effect worth a verdict, unless the caller names one. */
export const defaultMinEffect = 0.1;

/**
 * Missing shares are tested beside the values, at a tenth of the level: two questions a feature then hardly
 * raise more false alarms than one, and a real change of the pipeline is far beyond either level.
 */
const missingLevelShare = 0.1;

/**
 * The noise bound of a distance is an estimate that errs to both sides; half the level leaves room for that.
 */
const noiseLevelShare = 0.5;

/** A feature measured but not judged: what {@link judge} needs to give its result. */
export interface Comparison {
  measurement: Measurement<DriftMethod> | { kind: 'none'; method: DriftMethod; note: string };
  facts: Pick<
    DriftResult,
    'feature' | 'type' | 'reference_n' | 'current_n' | 'reference_missing' | 'current_missing'
  >;
  /** p-value of equal missing shares, where either side misses values and both have rows enough. */
  missingPValue: number | undefined;
  notes: readonly string[];
  /** Present where the column itself is the finding; `isEvident` where the current rows are enough for a verdict. */
  broken?: { cause: 'type' | 'absent'; isEvident: boolean };
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
  const { minEffect = defaultMinEffect, missingThreshold = defaultMissingThreshold } = options;
  const adjusted = adjustSome(comparisons, options, ({ measurement }) => {
    // Beside tests used as a fallback, features judged by a distance belong to the family too.
    if (measurement.kind === 'distance') return 1;
    return measurement.kind === 'test' ? measurement.p_value : undefined;
  });
  const adjustedMissing = adjustSome(comparisons, options, ({ missingPValue }) => missingPValue);
  const measured = comparisons.filter(({ measurement }) => measurement.kind !== 'none').length;
  const share = options.correction === 'none' ? 1 : Math.max(1, measured);
  const noiseLevel = (options.significance * noiseLevelShare) / share;

  return comparisons.map((comparison) => {
    const { measurement, facts } = comparison;
    const p_adjusted = measurement.kind === 'test' ? (adjusted.get(comparison) ?? null) : null;
    const values = judgeValues(comparison, p_adjusted, minEffect, noiseLevel, options);
    const change = Math.abs(facts.current_missing - facts.reference_missing);
    const missingP = adjustedMissing.get(comparison) ?? 1;
    // Where nothing was missing before, any clear rise is news: something broke that never did.
    const isEnough = facts.reference_missing === 0 || minEffect === 0 || change >= missingThreshold;
    const missingDrift = missingP < options.significance * missingLevelShare && isEnough;
    const isBroken = comparison.broken?.isEvident === true;
    const cause =
      comparison.broken?.cause ?? (missingDrift ? 'missing' : values.is_drift ? 'values' : undefined);
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
      is_drift: values.is_drift || missingDrift || isBroken,
      severity: isBroken
        ? 'high'
        : missingDrift
          ? higherSeverity(values.severity, severityOf(badDataScale(missingThreshold), change))
          : values.severity,
      reference_n: facts.reference_n,
      current_n: facts.current_n,
      reference_missing: facts.reference_missing,
      current_missing: facts.current_missing,
      ...(missingDrift ? { missing_shift: true as const } : {}),
      ...(cause === undefined ? {} : { cause }),
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
  const method = driftMethods[measurement.method];
  const asked = isAskedFor(measurement.method, options.method) ? options.threshold : undefined;
  const threshold = asked ?? method.threshold ?? options.significance;
  const size = measurement.kind === 'test' ? measurement.size : measurement.score;
  const isLarge =
    measurement.kind === 'test'
      ? p_adjusted !== null && p_adjusted < threshold && size >= minEffect
      : size >= threshold;
  if (!isLarge) return { is_drift: false, severity: 'none', threshold };

  const random = seededRandom(seedFor(reportSeed, facts.feature));
  const noise = measurement.noise?.(noiseLevel, random);
  if (noise !== undefined && measurement.score <= noise) {
    const note = `At this sample size up to ${noise.toPrecision(2)} is expected without any drift.`;
    return { is_drift: false, severity: 'none', threshold, note };
  }
  const severity = severityOf(method.severity, size);
  if (measurement.kind === 'distance' || measurement.effect >= minEffect) {
    return { is_drift: true, severity, threshold };
  }
  const note =
    `The effect (${method.effectLabel} ${measurement.effect.toPrecision(2)}) is low because the samples differ in size; ` +
    `with equal weights it is ${size.toPrecision(2)}.`;
  return { is_drift: true, severity, threshold, note };
}

/**
 * Whether the caller's threshold is meant for this method: a fallback from a distance to a test must not take
 * it over.
 */
function isAskedFor(used: DriftMethod, wanted: DriftOptions['method']): boolean {
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
  return `MISSING_SHARE changed from ${shownShare(reference_missing)} to ${shownShare(current_missing)} of the rows.`;
}

/** `12.5 %`; of a share so small that this would be 0.0 %, its first digit. */
export function shownShare(share: number): string {
  const percent = 100 * share;
  return `${percent > 0 && percent < 0.05 ? Number(percent.toPrecision(1)) : percent.toFixed(1)} %`;
}
