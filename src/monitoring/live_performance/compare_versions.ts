import type { Assigned } from '../../prediction_log/assignments.ts';
import { type SampleRatio, sampleRatio } from '../../statistics/sample_ratio.ts';
import {
  type ComparableMetricName,
  type Comparison,
  type ComparisonOptions,
  comparableMetric,
  compareArms,
} from '../performance/index.ts';
import type { Arm } from './arm.ts';
import { accuracyObjection, neverPredicted } from './rare_class.ts';
import type { SplitFound } from './split.ts';

/** One version compared with the baseline, which has the most traffic. */
interface ArmComparison extends Comparison {
  versionA: string;
  versionB: string;
  metric: ComparableMetricName | 'error_rate';
}

/** The comparison of the versions that carry traffic, by the calls that the route's weights assigned to them. */
export interface VersionComparison {
  /** Since when the present weights apply, milliseconds since 1970. */
  since: number;
  arms: (Pick<Assigned, 'version' | 'units' | 'calls' | 'errors'> & { weight: number })[];
  sampleRatio: SampleRatio;
  comparisons: ArmComparison[];
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
  const comparisons = others.flatMap((other) =>
    baseline === undefined ? [] : compareWith(baseline, other, split),
  );
  const notes = sides.flatMap(({ version, arm }) => neverPredicted(version, arm?.classes ?? []));
  if (split.wasInterrupted)
    notes.push(
      'A circuit breaker opened since, so calls went elsewhere: shares are not held against the weights.',
    );
  if (others.length > 1)
    notes.push(
      'Each comparison is at 95 % for itself: of several, one may name a winner by chance more often.',
    );
  // While a breaker was open calls went elsewhere by design, so unequal shares are not a sample-ratio mismatch.
  const judged = split.wasInterrupted ? { ...ratio, p_value: null, is_mismatch: false } : ratio;
  const arms = sides.map(({ version, weight, units, calls, errors }) => ({
    version,
    weight,
    units,
    calls,
    errors,
  }));
  return { since: split.since, arms, sampleRatio: judged, comparisons, notes };
}

type Counted = Omit<Assigned, 'failedUnits' | 'timed'>;
type Side = Counted & { weight: number; arm: Arm | undefined };

function compareWith(a: Side, b: Side, { wasInterrupted, sticky }: SplitFound): ArmComparison[] {
  const options = {
    split: wasInterrupted
      ? undefined
      : { units: [a.units, b.units] as const, weights: [a.weight, b.weight] as const },
    unitName: sticky ? 'entities (or calls without entity_key)' : 'calls',
  };
  const versions = { versionA: a.version, versionB: b.version };
  const errorRate = compareArms(a.errorRate, b.errorRate, {
    ...options,
    higherIsBetter: false,
    names: { rows: 'calls', hits: 'errors', misses: 'none' },
  });
  const quality = compareQuality(a.arm, b.arm, options);
  return [
    ...(quality === undefined ? [] : [{ ...versions, ...quality }]),
    { ...versions, metric: 'error_rate', ...errorRate },
  ];
}

/** By the metric asked for, or else the default; undefined where there is none. */
function compareQuality(
  a: Arm | undefined,
  b: Arm | undefined,
  options: ComparisonOptions,
): (Comparison & { metric: ComparableMetricName }) | undefined {
  // Without rows the kind of an arm's answers is not known.
  const metric = [a, b].find((arm) => arm?.estimate !== undefined)?.metric ?? a?.metric ?? b?.metric;
  if (metric === undefined) return undefined;
  const { better, comparison: by } = comparableMetric(metric);
  const [ofA, ofB] = [a, b].map((arm) => (arm?.metric === metric ? arm.estimate : undefined));
  const comparison = {
    metric,
    ...compareArms(ofA, ofB, {
      ...options,
      higherIsBetter: better === 'higher',
      names: a?.names ?? b?.names,
    }),
  };
  const reason = reasonOf(a?.reason, b?.reason);
  if (reason !== undefined && comparison.verdict === 'not_enough_data')
    return { ...comparison, detail: reason };
  if (!by.namesWinner && comparison.interval !== null && comparison.verdict !== null)
    return {
      ...comparison,
      verdict: null,
      detail: `${comparison.detail} ${metric} is of a whole sample and names no winner: ${by.instead} do.`,
    };
  const isDecided = comparison.verdict === 'a_better' || comparison.verdict === 'b_better';
  if (!isDecided || metric !== 'accuracy' || a === undefined || b === undefined || !a.isDefault)
    return comparison;
  const [name, winner, loser] =
    comparison.verdict === 'a_better' ? (['A', a, b] as const) : (['B', b, a] as const);
  const objection = accuracyObjection(winner.classes, loser.classes);
  if (objection === undefined) return comparison;
  return {
    ...comparison,
    verdict: null,
    detail: `${comparison.detail} But ${name}, the more accurate, is no winner: ${objection}. Say by metric what counts (f1, recall, precision, …).`,
  };
}

/** Why there is no value; where it concerns one arm only, with the arm's letter. */
function reasonOf(a: string | undefined, b: string | undefined): string | undefined {
  if (a === b) return a;
  return [a && `A: ${a}`, b && `B: ${b}`].filter((reason) => reason !== undefined).join(' ');
}
