import type { Backtest } from '../backtest/backtest.ts';
import type { LivePerformance } from '../monitoring/live_performance/index.ts';
import {
  type ComparableMetricName,
  comparableMetric,
  comparableMetricNames,
} from '../monitoring/performance/index.ts';
import type { Assigned } from '../prediction_log/assignments.ts';
import type { WindowReader } from '../prediction_log/window_reader.ts';
import { findVersion } from '../registry/lookup.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import { shareOfUnits } from '../statistics/unit_estimate.ts';
import type { Database } from '../storage/database.ts';
import { type ArmEvidence, type MetricEvidence, noEvidence, type StepEvidence } from './evidence.ts';
import { p95Limits, type RolloutStep } from './plan.ts';
import { readDrift } from './prediction_drift.ts';
import { replayLog } from './replay_log.ts';
import type { Rollout } from './rollout_store.ts';
import { errorCluster, secondsWithCalls, slowCalls } from './slow_calls.ts';
import { pairedVariance } from './stratum_of.ts';

export interface EvidenceDependencies {
  database: Database;
  measure: LivePerformance['measuring']['measure'];
  readWindow: WindowReader;
  backtest: Backtest['run'];
  /** Moves every answered prediction into the database. */
  flushLog: () => Promise<unknown>;
}

/**
 * What the log says of the present step of a rollout, from all processes.
 * @param until milliseconds since 1970
 * @throws VERSION_NOT_FOUND, STORAGE_UNAVAILABLE
 */
export async function readEvidence(
  dependencies: EvidenceDependencies,
  rollout: Rollout,
  step: RolloutStep,
  until: number,
): Promise<StepEvidence> {
  const { database, flushLog } = dependencies;
  const { modelId, version, incumbent } = rollout;
  const candidate = await findVersion(database, modelId, version);
  if (step.kind === 'probe') return noEvidence;
  const trips = await readTrips(database, rollout);
  if (step.kind === 'production') return { ...noEvidence, trips };
  await flushLog();
  if (step.kind === 'full')
    return { ...noEvidence, trips, candidate: await allCalls(dependencies, rollout, until) };
  if (incumbent === undefined) return noEvidence;
  if (step.kind === 'backtest')
    return { ...noEvidence, backtest: await replayLog(dependencies.backtest, rollout, until) };
  const other = await findVersion(database, modelId, incumbent);
  const read = step.kind === 'shadow' ? readShadow : readCanary;
  const found = await read(dependencies, { rollout, step, candidate, incumbent: other, until });
  const drift = await readDrift(dependencies.readWindow, [candidate, other], {
    since: rollout.stepBeganAt,
    until,
    isShadow: step.kind === 'shadow',
    route: { setAt: rollout.progress.routeSetAt ?? 0, sticky: rollout.progress.sticky },
  });
  return { ...noEvidence, trips, drift, ...found };
}

interface Looked {
  rollout: Rollout;
  step: RolloutStep;
  candidate: VersionRecord;
  incumbent: VersionRecord;
  until: number;
}

type Found = Omit<StepEvidence, 'trips' | 'drift' | 'backtest'>;

/** Calls that the weights shared out, since they were set. */
async function readCanary(
  { measure }: EvidenceDependencies,
  { rollout, step, candidate, incumbent, until }: Looked,
): Promise<Found> {
  const { sticky, routeSetAt } = rollout.progress;
  const setAt = routeSetAt ?? 0;
  const arms = [candidate, incumbent];
  const weights = [step.share, 1 - step.share];
  const split = {
    modelId: rollout.modelId,
    versions: arms.map(({ version }, index) => ({ version, weight: weights[index] ?? 0 })),
    sticky,
    setAt,
    since: setAt,
    until,
    timed: true,
  };
  const metrics: MetricEvidence[] = [];
  let assigned: Assigned[] = [];
  for (const metric of namedMetrics(rollout)) {
    const arm = { setAt, sticky, since: setAt, metric };
    const measured = await measure({
      versions: arms.map((record) => request(record, setAt, until, arm)),
      split,
    });
    ({ assigned } = measured);
    metrics.push(...metricOf(measured.versions.map(({ arm: one }) => one)));
  }
  const [ours, theirs] = arms.map(({ version }) => assigned.find((one) => one.version === version));
  if (ours === undefined || theirs === undefined) return { ...noEvidence, share: step.share };
  return {
    ...noEvidence,
    ...singleErrors(ours, theirs),
    share: step.share,
    ...(ours.timed && theirs.timed
      ? slowCalls(ours.timed, theirs.timed, step.share, p95Limits(step))
      : { slow: undefined, p95: undefined }),
    metrics,
  };
}

/** Seconds with calls of the candidate from which on its errors are judged: of fewer nobody knows how they cluster. */
const leastSeconds = 3;

/** Both versions, with errors of one cause counted once. */
function singleErrors(ours: Assigned, theirs: Assigned): Pick<StepEvidence, 'candidate' | 'incumbent'> {
  if (ours.timed === undefined || theirs.timed === undefined) return { candidate: ours, incumbent: theirs };
  const isKnown = secondsWithCalls(ours.timed) >= leastSeconds;
  const cluster = isKnown
    ? Math.max(errorCluster(ours.timed), errorCluster(theirs.timed))
    : Number.POSITIVE_INFINITY;
  const [candidate, incumbent] = [ours, theirs].map(({ timed: _, ...arm }) => ({
    ...arm,
    failedUnits: arm.failedUnits / cluster,
  }));
  return { candidate: candidate ?? ours, incumbent: incumbent ?? theirs };
}

/** Calls that the candidate answered as a shadow, beside those that the incumbent answered to callers. */
async function readShadow(
  { measure }: EvidenceDependencies,
  { rollout, candidate, incumbent, until }: Looked,
): Promise<Found> {
  const since = rollout.stepBeganAt;
  const { sticky } = rollout.progress;
  const arm = { setAt: 0, sticky, since };
  const metrics: MetricEvidence[] = [];
  const first = namedMetrics(rollout)[0];
  let found: Omit<Found, 'metrics'> = { ...noEvidence };
  for (const metric of namedMetrics(rollout)) {
    const { versions, assigned } = await measure({
      versions: [
        {
          ...request(candidate, since, until, { ...arm, metric, rows: 'shadow_with_outcome' }),
          withShadows: metric === first,
        },
        request(incumbent, since, until, { ...arm, metric, rows: 'with_outcome' }),
      ],
      split: activeCalls(rollout, incumbent.version, since, until),
    });
    const [own, other] = versions;
    if (metric === first)
      found = shadowCalls(own?.shadow, assigned[0], answersClasses([candidate, incumbent]));
    const estimates = metricOf([own?.arm, other?.arm]);
    const agreement = found.agreement?.share;
    metrics.push(
      ...estimates.map((one) => ({
        ...one,
        variance:
          one.name === 'accuracy' && one.candidate !== undefined && agreement !== undefined
            ? pairedVariance(agreement, one.candidate)
            : undefined,
      })),
    );
  }
  return { ...found, metrics };
}

function shadowCalls(
  shadow: { calls: number; failedCalls: number; agreement: { share: number | null } } | undefined,
  incumbent: Assigned | undefined,
  areClasses: boolean,
): Omit<Found, 'metrics'> {
  const theirs = incumbent ?? noEvidence.incumbent;
  if (shadow === undefined) return { ...noEvidence, incumbent: theirs };
  const calls = shadow.calls + shadow.failedCalls;
  const errors = shadow.failedCalls;
  const ours: ArmEvidence = {
    units: calls,
    failedUnits: errors,
    calls,
    errors,
    errorRate: shareOf(errors, calls),
  };
  const { share } = shadow.agreement;
  // Of the shadow nobody says which calls are one entity's: errors of both are counted by calls.
  const other: ArmEvidence = { ...theirs, failedUnits: theirs.errors };
  return {
    ...noEvidence,
    candidate: ours,
    incumbent: other,
    share: calls / Math.max(1, calls + theirs.calls),
    agreement: areClasses && share !== null ? { share, calls: shadow.calls } : undefined,
  };
}

function shareOf(errors: number, calls: number) {
  const failed = Float64Array.from({ length: calls }, (_, call) => Number(call < errors));
  return shareOfUnits(failed, new Float64Array(calls).fill(1));
}

/** All calls of the candidate, once it has them all. */
async function allCalls(
  { measure }: EvidenceDependencies,
  rollout: Rollout,
  until: number,
): Promise<ArmEvidence> {
  const split = activeCalls(rollout, rollout.version, rollout.stepBeganAt, until);
  const { assigned } = await measure({ versions: [], split });
  return assigned[0] ?? noEvidence.candidate;
}

function activeCalls(rollout: Rollout, version: string, since: number, until: number) {
  const { modelId, progress } = rollout;
  const versions = [{ version, weight: 1 }];
  return { modelId, versions, sticky: progress.sticky, setAt: 0, since, until, kind: 'active' as const };
}

/** Metrics that the plan names; undefined: the default of what the model answers. */
function namedMetrics({ plan }: Rollout): (ComparableMetricName | undefined)[] {
  const named = plan.metrics.filter(isComparable);
  return named.length === 0 ? [undefined] : named;
}

function isComparable(name: string): name is ComparableMetricName {
  return comparableMetricNames.some((known) => known === name);
}

type MeasuredVersion = Parameters<EvidenceDependencies['measure']>[0]['versions'][number];

function request(
  record: VersionRecord,
  since: number,
  until: number,
  arm: MeasuredVersion['arm'],
): MeasuredVersion {
  // There is no reference here, so no drop is judged.
  return { record, since, until, dropThreshold: 0, chart: false, arm };
}

/** One metric of both versions; none where either has no value. */
function metricOf(
  arms: readonly (
    | { metric: ComparableMetricName | undefined; estimate: MetricEvidence['candidate'] }
    | undefined
  )[],
): MetricEvidence[] {
  const [candidate, incumbent] = arms;
  const name = candidate?.metric;
  if (name === undefined || name !== incumbent?.metric) return [];
  if (candidate?.estimate === undefined || incumbent.estimate === undefined) return [];
  const higherIsBetter = comparableMetric(name).better === 'higher';
  return [{ name, higherIsBetter, candidate: candidate.estimate, incumbent: incumbent.estimate }];
}

function answersClasses(records: readonly VersionRecord[]): boolean {
  return records.every(({ signature }) => signature.outputs.some(({ role }) => role !== undefined));
}

async function readTrips(
  database: Database,
  { modelId, version, incumbent, stepBeganAt }: Rollout,
): Promise<StepEvidence['trips']> {
  const rows = await database
    .selectFrom('breakers')
    .select('version')
    .where('model_id', '=', modelId)
    .where('last_tripped_at', '>=', stepBeganAt)
    .execute();
  const tripped = (name: string | undefined) => rows.some((row) => row.version === name);
  return { candidate: tripped(version), incumbent: tripped(incumbent) };
}
