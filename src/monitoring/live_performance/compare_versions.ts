import type { Assigned } from '../../prediction_log/assignments.ts';
import { type SampleRatio, sampleRatio } from '../../statistics/sample_ratio.ts';
import { type ComparableMetricName, type Comparison, compareArms } from '../performance/index.ts';
import type { Arm } from './arm.ts';
import { type Contender, compareChallengers, levelOf, winnerOf } from './champion.ts';
import { neverPredicted } from './rare_class.ts';
import type { SplitFound } from './split.ts';

/** One version compared with the baseline, which has the most traffic. */
interface ArmComparison extends Comparison {
  versionA: string;
  versionB: string;
  metric: ComparableMetricName | 'error_rate';
  /** Whether both answered the same calls. */
  isPaired: boolean;
}

/** A version that answered as a shadow, and what the baseline answered to the callers of the same rows. */
export interface ShadowPairs {
  version: string;
  own: Arm;
  given: Arm;
}

/**
 * The champion and its challengers: the versions that carry traffic, by the calls that the route's weights assigned to
 * them, and shadows, by the calls of the baseline that they answered too.
 */
export interface VersionComparison {
  /** Since when the present weights apply, milliseconds since 1970. */
  since: number;
  arms: (Pick<Assigned, 'version' | 'units' | 'calls' | 'errors'> & {
    weight: number;
    /** By the metric of the comparison, on its own rows. */
    value: number | undefined;
    isShadow: boolean;
  })[];
  sampleRatio: SampleRatio;
  comparisons: ArmComparison[];
  /** The version that is better than all others; undefined where none surely is. */
  winner: string | undefined;
  notes: string[];
}

/**
 * Compares every other version with the baseline; a sample-ratio mismatch leaves no verdict.
 *
 * @param measured the metric of each version
 */
export function compareVersions(
  split: SplitFound,
  assigned: readonly Counted[],
  measured: ReadonlyMap<string, Arm | undefined>,
  shadows: readonly ShadowPairs[] = [],
): VersionComparison {
  const sides = split.versions.map(({ version, weight }): Side => {
    const none = { version, units: 0, calls: 0, errors: 0, errorRate: undefined };
    const own = assigned.find((one) => one.version === version) ?? none;
    return { ...own, weight, arm: measured.get(version) };
  });
  const ratio = sampleRatio(
    sides.map(({ units }) => units),
    sides.map(({ weight }) => weight),
  );
  const [baseline, ...others] = sides.toSorted(
    (a, b) => Number(b.version === split.baseline) - Number(a.version === split.baseline),
  );
  const challengers = baseline === undefined ? [] : contenders(baseline, others, shadows, split);
  const qualities = compareChallengers(baseline?.arm, challengers);
  const comparisons = challengers.flatMap(({ version, options, given }): ArmComparison[] => {
    const versions = { versionA: split.baseline, versionB: version, isPaired: given !== undefined };
    const quality = qualities.find((one) => one.version === version)?.comparison;
    const other = others.find((one) => one.version === version);
    const errors =
      given === undefined && other && compareErrors(baseline, other, options, challengers.length);
    return [
      ...(quality === undefined ? [] : [{ ...versions, ...quality }]),
      ...(errors ? [{ ...versions, metric: 'error_rate' as const, ...errors }] : []),
    ];
  });
  const winner = winnerOf(split.baseline, challengers, qualities);
  const notes = sides.flatMap(({ version, arm }) => neverPredicted(version, arm?.classes ?? []));
  if (qualities.length > 0) notes.push(winner.note);
  if (split.wasInterrupted)
    notes.push(
      'A circuit breaker opened since, so calls went elsewhere: shares are not held against the weights.',
    );
  // While a breaker was open calls went elsewhere by design, so unequal shares are not a sample-ratio mismatch.
  const judged = split.wasInterrupted ? { ...ratio, p_value: null, is_mismatch: false } : ratio;
  const arms = [
    ...sides.map(({ version, weight, units, calls, errors, arm }) => ({
      version,
      weight,
      units,
      calls,
      errors,
      value: arm?.estimate?.value,
      isShadow: false,
    })),
    ...shadows.map(({ version, own: { estimate } }) => ({
      version,
      weight: 0,
      units: Math.floor(estimate?.units ?? 0),
      calls: estimate?.rows ?? 0,
      errors: 0,
      value: estimate?.value,
      isShadow: true,
    })),
  ];
  return {
    since: split.since,
    arms,
    sampleRatio: judged,
    comparisons,
    winner: winner.version,
    notes,
  };
}

type Counted = Omit<Assigned, 'failedUnits' | 'timed'>;
type Side = Counted & { weight: number; arm: Arm | undefined };

function contenders(
  baseline: Side,
  others: readonly Side[],
  shadows: readonly ShadowPairs[],
  { wasInterrupted, sticky }: SplitFound,
): Contender[] {
  const unitName = sticky ? 'entities (or calls without entity_key)' : 'calls';
  return [
    ...others.map(({ version, arm, units, weight }) => ({
      version,
      arm,
      options: {
        unitName,
        split: wasInterrupted
          ? undefined
          : { units: [baseline.units, units] as const, weights: [baseline.weight, weight] as const },
      },
    })),
    ...shadows.map(({ version, own, given }) => ({ version, arm: own, given, options: { unitName } })),
  ];
}

function compareErrors(
  a: Side | undefined,
  b: Side,
  options: Contender['options'],
  challengers: number,
): Comparison {
  return compareArms(a?.errorRate, b.errorRate, {
    ...options,
    level: levelOf(challengers),
    higherIsBetter: false,
    names: { rows: 'calls', hits: 'errors', misses: 'none' },
  });
}
