import {
  type ArmTotals,
  type Comparison,
  compareArms,
  type SampleRatio,
  sampleRatio,
} from '../performance/index.ts';
import type { Assigned } from './assignments.ts';
import type { SplitFound } from './split.ts';

/** One version against the one with the most traffic. */
export interface ArmComparison extends Comparison {
  versionA: string;
  versionB: string;
  metric: 'accuracy' | 'mean_absolute_error' | 'error_rate';
}

/** How the versions that carry traffic compare, by what the route's weights sent to them. */
export interface VersionComparison {
  /** Since when: the weights before were others. Milliseconds since 1970. */
  since: number;
  arms: (Assigned & { weight: number })[];
  sampleRatio: SampleRatio;
  comparisons: ArmComparison[];
  notes: string[];
}

/** Compares every other version with the baseline; a split that is not as configured leaves no verdict. */
export function compareVersions(
  split: SplitFound,
  assigned: readonly Assigned[],
  outcomes: ReadonlyMap<string, ArmTotals | undefined>,
): VersionComparison {
  const arms = split.versions.map(({ version, weight }) => {
    const none = { version, units: 0, calls: 0, errors: 0 };
    return { ...(assigned.find((one) => one.version === version) ?? none), weight };
  });
  const ratio = sampleRatio(
    arms.map(({ units }) => units),
    arms.map(({ weight }) => weight),
  );
  const [baseline, ...others] = arms.toSorted(
    (a, b) => Number(b.version === split.baseline) - Number(a.version === split.baseline),
  );
  const comparisons = others.flatMap((other) =>
    baseline === undefined ? [] : compareWith(baseline, other, split, outcomes),
  );
  const notes: string[] = [];
  if (split.wasInterrupted)
    notes.push(
      'A circuit breaker opened since, so calls went elsewhere: shares are not held against the weights.',
    );
  if (others.length > 1)
    notes.push(
      'Each comparison is at 95 % for itself: of several, one may name a winner by chance more often.',
    );
  if (split.sticky && arms.some(({ units, calls }) => units < calls))
    notes.push(
      'Shares are counted in entities; rows of one entity are alike, so intervals may be too narrow.',
    );
  // What an open breaker did to the shares is no mismatch.
  const judged = split.wasInterrupted ? { ...ratio, p_value: null, is_mismatch: false } : ratio;
  return { since: split.since, arms, sampleRatio: judged, comparisons, notes };
}

type Arm = VersionComparison['arms'][number];

function compareWith(
  a: Arm,
  b: Arm,
  { wasInterrupted }: SplitFound,
  outcomes: ReadonlyMap<string, ArmTotals | undefined>,
): ArmComparison[] {
  const split = wasInterrupted
    ? undefined
    : { calls: [a.units, b.units] as const, weights: [a.weight, b.weight] as const };
  const versions = { versionA: a.version, versionB: b.version };
  const failures = ({ calls, errors }: Arm): ArmTotals => ({ kind: 'share', rows: calls, successes: errors });
  const errorRate: ArmComparison = {
    ...versions,
    metric: 'error_rate',
    ...compareArms(failures(a), failures(b), { higherIsBetter: false, split }),
  };
  const [ofA, ofB] = [outcomes.get(a.version), outcomes.get(b.version)];
  if (ofA === undefined || ofB === undefined) return [errorRate];
  const metric = ofA.kind === 'share' ? 'accuracy' : 'mean_absolute_error';
  const quality = compareArms(ofA, ofB, { higherIsBetter: metric === 'accuracy', split });
  return [{ ...versions, metric, ...quality }, errorRate];
}
