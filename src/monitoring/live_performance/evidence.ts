import { findVersion } from '../../registry/lookup.ts';
import type { Database } from '../../storage/database.ts';
import type { PerformanceEvidence, PerformanceReader } from '../alerts/index.ts';
import { isHigherBetter } from '../performance/index.ts';
import { rowsOf } from './compare_reference.ts';
import type { LivePerformanceDependencies } from './get_performance.ts';
import { headlineOf, metricsOf } from './measure_rows.ts';
import type { VersionMeasurement } from './measure_version.ts';
import { findReferenceOutcomes } from './reference_outcomes.ts';
import { type Standing, standingOf } from './standing.ts';

const windowMs = 24 * 3_600_000;
/** With fewer outcomes, an estimate over all predictions is more informative. */
const leastOutcomes = 50;

/** Hears of what was measured. */
export type Measured = (modelId: string, version: string, standing: Standing) => void;

type EvidenceDependencies = Pick<LivePerformanceDependencies, 'database' | 'measure' | 'dropThreshold'> & {
  measured?: Measured | undefined;
};

/**
 * Evidence from the last 24 hours and from outcomes that arrived in them; where there are few outcomes, an estimate.
 * Flush the log before.
 *
 * @returns undefined where there is no reference with outcomes, or nothing to compare with it
 * @throws VERSION_NOT_FOUND
 */
export async function performanceEvidence(
  { database, measure, dropThreshold, measured }: EvidenceDependencies,
  modelId: string,
  version: string,
  now: number,
): Promise<PerformanceEvidence | undefined> {
  const record = await findVersion(database, modelId, version);
  const found = await findReferenceOutcomes(database, record);
  if (found === undefined && measured === undefined) return undefined;
  const { windows, outcomes } = await outcomeWindows(database, modelId, version, now);
  // Without a reference there is nothing to estimate by.
  if (found === undefined && outcomes === 0) return undefined;
  const { versions } = await measure({
    versions: windows.map(({ since, until }) => ({
      record,
      since,
      until,
      referenceId: found?.referenceId,
      dropThreshold,
      windows: windows.length,
      chart: false,
    })),
    split: undefined,
  });
  const shown = versions.find((measurement) => rowsOf(measurement.measured) > 0) ?? versions[0];
  const window = shown && windows[versions.indexOf(shown)];
  if (shown !== undefined && window !== undefined) {
    const standing = standingOf(shown, window);
    if (standing !== undefined) measured?.(modelId, version, standing);
  }
  const judged = versions.flatMap((measurement, index) => {
    const window = windows[index];
    const evidence = window && evidenceOf(measurement, window);
    return evidence === undefined ? [] : [evidence];
  });
  // The window with a drop, or else the newest.
  return judged.find(({ drops }) => drops?.some(({ dropped }) => dropped)) ?? judged[0];
}

interface OutcomeWindowTimes {
  since: number;
  until: number;
}

/**
 * The windows to judge: calls of the last 24 hours, and older calls whose outcomes arrived in the last 24 hours.
 * While neither has enough outcomes: all calls back to where there are enough.
 */
async function outcomeWindows(
  database: Database,
  modelId: string,
  version: string,
  now: number,
): Promise<{ windows: OutcomeWindowTimes[]; outcomes: number }> {
  const until = now + 1;
  const since = until - windowMs;
  const newest = { since, until };
  const segments = await database
    .selectFrom('prediction_segments')
    .select(['min_at', 'max_at', 'outcomes', 'outcomes_at'])
    .where('model_id', '=', modelId)
    .where('version', '=', version)
    .where('outcomes', '>', 0)
    .where('answered', '>', 0)
    .orderBy('max_at', 'desc')
    .execute();
  const count = (some: typeof segments) => some.reduce((sum, { outcomes }) => sum + Number(outcomes), 0);
  const startOf = (some: typeof segments) => Math.min(...some.map(({ min_at }) => Number(min_at)));
  const recent = segments.filter(({ max_at }) => Number(max_at) >= since);
  const late = segments.filter(
    ({ min_at, outcomes_at }) => Number(outcomes_at) >= since && Number(min_at) < since,
  );
  const arrived = count(late) >= leastOutcomes ? [{ since: startOf(late), until: since }] : [];
  const outcomes = count(segments);
  if (count(recent) >= leastOutcomes || arrived.length > 0)
    return { windows: [newest, ...arrived], outcomes };
  const enough: typeof segments = [];
  for (const segment of segments) {
    if (count(enough) >= leastOutcomes) break;
    enough.push(segment);
  }
  const window = count(enough) >= leastOutcomes ? { since: Math.min(since, startOf(enough)), until } : newest;
  return { windows: [window], outcomes };
}

function evidenceOf(
  { measured, reference, estimate }: VersionMeasurement,
  window: OutcomeWindowTimes,
): PerformanceEvidence | undefined {
  if (reference === undefined) return undefined;
  const headline = headlineOf(reference.measured);
  const before = headline && metricsOf(reference.measured)[headline]?.value;
  if (headline === undefined || typeof before !== 'number') return undefined;
  const common = { metric: headline, higherIsBetter: isHigherBetter(headline), reference: before };
  const current = metricsOf(measured)[headline];
  const outcomes = rowsOf(measured);
  if (outcomes >= leastOutcomes && typeof current?.value === 'number' && current.interval !== null) {
    const { low, high } = current.interval;
    const drops = reference.drops.map(({ drop: { by, dropped }, ...of }) => ({ ...of, by, dropped }));
    return { ...common, current: current.value, low, high, outcomes, isEstimate: false, drops, window };
  }
  const estimated = headline === 'accuracy' ? estimate?.accuracy : undefined;
  if (estimate === undefined || typeof estimated?.value !== 'number' || estimated.band === null)
    return undefined;
  const { low, high } = estimated.band;
  return { ...common, current: estimated.value, low, high, outcomes: estimate.count, isEstimate: true };
}

/** A measurement is reused for this many times as long as it took. */
const restFactor = 10;

/**
 * {@link performanceEvidence} for callers that ask every minute: a result is reused for a while, so that measuring
 * takes a small share of the time.
 *
 * @param clock milliseconds since 1970
 */
export function restingEvidence(dependencies: EvidenceDependencies, clock: () => number): PerformanceReader {
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
