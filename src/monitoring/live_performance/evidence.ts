import { findVersion } from '../../registry/lookup.ts';
import type { PerformanceEvidence, PerformanceReader } from '../alerts/rules/performance_drop.ts';
import { rowsOf } from './compare_reference.ts';
import { headlineOf, metricsOf } from './measure_rows.ts';
import { findReferenceOutcomes } from './reference_outcomes.ts';
import type { LivePerformanceDependencies } from './report.ts';

const windowMs = 24 * 3_600_000;
/** With fewer outcomes an estimate over all predictions says more. */
const leastOutcomes = 50;

/**
 * The evidence of the last 24 hours: of outcomes, or where there are few an estimate. The log is to be flushed before.
 * @returns undefined where there is no reference with outcomes or nothing to hold against it.
 * @throws VERSION_NOT_FOUND
 */
export async function performanceEvidence(
  {
    database,
    measure,
    dropThreshold,
  }: Pick<LivePerformanceDependencies, 'database' | 'measure' | 'dropThreshold'>,
  modelId: string,
  version: string,
  now: number,
): Promise<PerformanceEvidence | undefined> {
  const record = await findVersion(database, modelId, version);
  const found = await findReferenceOutcomes(database, record);
  if (found === undefined) return undefined;
  const { referenceId } = found;
  const until = now + 1;
  const request = { record, since: until - windowMs, until, referenceId, dropThreshold, chart: false };
  const { versions } = await measure({ versions: [request], split: undefined });
  const [measurement] = versions;
  if (measurement?.reference === undefined) return undefined;
  const { measured, reference, estimate } = measurement;
  const headline = headlineOf(reference.measured);
  const before = headline && metricsOf(reference.measured)[headline]?.value;
  if (headline === undefined || typeof before !== 'number') return undefined;
  const common = { metric: headline, higherIsBetter: headline === 'accuracy', reference: before };
  const current = metricsOf(measured)[headline];
  const outcomes = rowsOf(measured);
  if (outcomes >= leastOutcomes && typeof current?.value === 'number' && current.interval !== null) {
    const { low, high } = current.interval;
    return { ...common, current: current.value, low, high, outcomes, isEstimate: false };
  }
  const estimated = headline === 'accuracy' ? estimate?.accuracy : undefined;
  if (estimate === undefined || typeof estimated?.value !== 'number' || estimated.band === null)
    return undefined;
  const { low, high } = estimated.band;
  return { ...common, current: estimated.value, low, high, outcomes: estimate.count, isEstimate: true };
}

/** A version rests this many times as long as it took to measure it. */
const restFactor = 10;

/**
 * {@link performanceEvidence} for who asks every minute: what was found stands until the version has rested.
 * @param clock milliseconds since 1970
 */
export function restingEvidence(
  dependencies: Parameters<typeof performanceEvidence>[0],
  clock: () => number,
): PerformanceReader {
  const known = new Map<string, { until: number; evidence: PerformanceEvidence | undefined }>();
  return async (modelId, version, now) => {
    const key = `${modelId}@${version}`;
    const last = known.get(key);
    if (last !== undefined && now < last.until) return last.evidence;
    const began = clock();
    const evidence = await performanceEvidence(dependencies, modelId, version, now);
    const ended = clock();
    known.set(key, { until: ended + restFactor * (ended - began), evidence });
    return evidence;
  };
}
