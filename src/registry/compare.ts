import { isDeepStrictEqual } from 'node:util';
import { ModelYardError } from '../errors.ts';
import type { Database } from '../storage/database.ts';
import { type DescribedVersion, describeVersions } from './describe.ts';
import { parseReference, showReference } from './lineage.ts';
import { findVersion } from './lookup.ts';
import { type MetricDirection, metricDirection } from './metric_direction.ts';
import { compareSignatures, type SignatureDifferences } from './signature_compatibility.ts';
import type { VersionRecord } from './version_record.ts';

/** The live metrics of a version, which monitoring and serving supply. */
export interface LivePerformance {
  /** Its share of the model's calls, 0..1; null: not deployed. */
  weight: number | null;
  calls: number;
  errors: number;
  /** Of the last hour; null without calls. */
  latencyMs: { p50: number | null; p95: number | null; p99: number | null; calls: number };
  /** Rows with an outcome, and the metrics measured on them; no metrics without such rows. */
  outcomes: number;
  metrics: Readonly<Record<string, LiveMetric>>;
}
export interface LiveMetric {
  value: number | null;
  /** At 95 %. */
  interval: { low: number; high: number } | null;
}
export type ReadLivePerformance = (versions: readonly VersionRecord[]) => Promise<LivePerformance[]>;

export interface Comparison {
  modelId: string;
  /** `version` or an alias of the model, or `model:version` of any; the others are compared with the first. */
  references: string[];
  /** Which direction is better, for metrics whose name does not tell or tells it wrongly. */
  directions: Record<string, MetricDirection>;
}

export interface ComparedMetric {
  name: string;
  /** undefined: unknown, so there is no winner. */
  direction: MetricDirection | undefined;
  /** By version, in the order of the versions; null where it has none. */
  values: (number | null)[];
  /** Each value minus the first version's; null where one of the two is missing. */
  differences: (number | null)[];
  /** The versions with the best value: one, or several that are equal; empty where there is no winner. */
  winners: string[];
  note: string | undefined;
}

/** Has no winner, since deciding between versions in service needs the statistics of get_performance. */
interface ComparedLiveMetric {
  name: string;
  direction: MetricDirection | undefined;
  /** By version; null where it has none. */
  values: (LiveMetric | null)[];
}

export interface ComparedVersion {
  /** Its name in this comparison: `version`, or `model:version` of another model. */
  name: string;
  described: DescribedVersion;
  live: LivePerformance;
  /** What callers of the first version would notice; undefined for the first itself. */
  signature: SignatureDifferences | undefined;
}

export interface ComparisonResult {
  versions: ComparedVersion[];
  metrics: ComparedMetric[];
  live: ComparedLiveMetric[];
  /** Only those that differ; null where a version lacks one. */
  hyperparameters: { name: string; values: unknown[] }[];
}

/**
 * Compares versions with the first of them: metrics, hyperparameters, signatures and live metrics.
 *
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND; INVALID_INPUT when two of the names are one version
 */
export async function compareVersions(
  database: Database,
  readLive: ReadLivePerformance,
  { modelId, references, directions }: Comparison,
): Promise<ComparisonResult> {
  const records = await Promise.all(
    references.map((text) => {
      const named = parseReference(text, modelId);
      return findVersion(database, named.modelId, named.version);
    }),
  );
  const names = records.map((record) => showReference(record, modelId));
  const repeated = names.findIndex((name, index) => names.indexOf(name) !== index);
  if (repeated !== -1)
    throw new ModelYardError(
      'INVALID_INPUT',
      `${references[names.indexOf(names[repeated] ?? '')]} and ${references[repeated]} are the same version, ${names[repeated]}.`,
      'Name two or more versions that differ.',
    );
  const [described, live] = await Promise.all([describeVersions(database, records), readLive(records)]);
  const [first] = records;
  return {
    versions: described.flatMap((version, index) => {
      const [name, performance] = [names[index], live[index]];
      if (name === undefined || performance === undefined || first === undefined) return [];
      const signature = index === 0 ? undefined : compareSignatures(first, version.record);
      return [{ name, described: version, live: performance, signature }];
    }),
    metrics: compareMetrics(
      described.map(({ metrics }, index) => ({ name: names[index] ?? '', metrics })),
      directions,
    ),
    live: compareLive(live, directions),
    hyperparameters: differingParameters(records.map(({ hyperparameters }) => hyperparameters ?? {})),
  };
}

/** Every metric that any of the versions has, with its winner where it can be known. */
export function compareMetrics(
  versions: readonly { name: string; metrics: Readonly<Record<string, number>> }[],
  directions: Readonly<Record<string, MetricDirection>>,
): ComparedMetric[] {
  const names = [...new Set(versions.flatMap(({ metrics }) => Object.keys(metrics)))].sort();
  return names.map((name) => {
    const stated = new Map(Object.entries(directions)).get(name);
    const direction = stated ?? metricDirection(name);
    const values = versions.map(({ metrics }) => new Map(Object.entries(metrics)).get(name) ?? null);
    const [first = null] = values;
    const present = values.filter((value) => value !== null);
    const best = direction === 'higher' ? Math.max(...present) : Math.min(...present);
    const winners =
      direction === undefined || present.length < 2
        ? []
        : versions.flatMap((version, index) => (values[index] === best ? [version.name] : []));
    return {
      name,
      direction,
      values,
      differences: values.map((value) => (value === null || first === null ? null : value - first)),
      winners,
      note: noteOn(versions, values, direction, winners.length),
    };
  });
}

/** Every live metric that any of the versions has, in the order in which they are measured. */
function compareLive(
  live: readonly LivePerformance[],
  directions: Readonly<Record<string, MetricDirection>>,
): ComparedLiveMetric[] {
  const stated = new Map(Object.entries(directions));
  const names = [...new Set(live.flatMap(({ metrics }) => Object.keys(metrics)))];
  return names.map((name) => ({
    name,
    direction: stated.get(name) ?? metricDirection(name),
    values: live.map(({ metrics }) => metrics[name] ?? null),
  }));
}

function noteOn(
  versions: readonly { name: string }[],
  values: readonly (number | null)[],
  direction: MetricDirection | undefined,
  winners: number,
): string | undefined {
  const without = versions.filter((_, index) => values[index] === null).map(({ name }) => name);
  const notes = [
    ...(direction === undefined
      ? ['Whether higher or lower is better is not known: state it in directions.']
      : []),
    ...(without.length > 0
      ? [`${without.join(', ')} ${without.length === 1 ? 'does' : 'do'} not have it.`]
      : []),
    ...(winners > 1 ? ['A tie.'] : []),
  ];
  return notes.length === 0 ? undefined : notes.join(' ');
}

function differingParameters(all: readonly Record<string, unknown>[]): ComparisonResult['hyperparameters'] {
  const maps = all.map((parameters) => new Map(Object.entries(parameters)));
  const names = [...new Set(maps.flatMap((parameters) => [...parameters.keys()]))].sort();
  return names.flatMap((name) => {
    const values = maps.map((parameters) => parameters.get(name) ?? null);
    return values.every((value) => isDeepStrictEqual(value, values[0])) ? [] : [{ name, values }];
  });
}
