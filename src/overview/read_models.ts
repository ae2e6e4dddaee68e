import { sql } from 'kysely';
import type { LatestMeasurements } from '../monitoring/latest/latest_measurements.ts';
import { parseTags } from '../registry/update.ts';
import type { Database } from '../storage/database.ts';
import type { ModelStanding, Standings, VersionStanding } from './model_standing.ts';

export interface ModelsQuery {
  /** Part of the model's id, whatever its case; undefined: all. */
  name?: string | undefined;
  /** Only models of which a version is deployed. */
  inService: boolean;
  limit: number;
  /** The last model of the page before. */
  after?: string | undefined;
}

export interface ModelsPage {
  total: number;
  models: ModelStanding[];
  /** null: there are no more. */
  next: string | null;
}

/** Versions of a model that are shown. */
const shownVersions = 8;
/** Columns of a drift report that are shown. */
const shownColumns = 6;
/** Calls are counted by this many minutes, in the last hour. */
const bucketMinutes = 2;
const hourMs = 3_600_000;
const minuteMs = 60_000;

/** Models in the order of their names, a page at a time, with what is deployed of them. */
export async function readModels(
  { database, standings }: { database: Database; standings: Standings },
  { name, inService, limit, after }: ModelsQuery,
  now: number,
): Promise<ModelsPage> {
  let matching = database.selectFrom('models');
  if (name !== undefined)
    matching = matching.where(
      sql<boolean>`lower(model_id) like ${`%${likeText(name.toLowerCase())}%`} escape '!'`,
    );
  if (inService)
    matching = matching.where('model_id', 'in', (eb) => eb.selectFrom('deployments').select('model_id'));
  const { total } = await matching
    .select((eb) => eb.fn.countAll<number>().as('total'))
    .executeTakeFirstOrThrow();
  let page = matching.select(['model_id', 'description', 'tags']);
  if (after !== undefined) page = page.where('model_id', '>', after);
  const rows = await page
    .orderBy('model_id')
    .limit(limit + 1)
    .execute();
  const shown = rows.slice(0, limit);
  const modelIds = shown.map(({ model_id }) => model_id);
  const { versions, latest } = await standings(modelIds);
  const counts = await countVersions(database, modelIds);
  const calls = await countCalls(database, modelIds, now);
  return {
    total: Number(total),
    models: shown.map(({ model_id: modelId, description, tags }) => {
      const own = versions
        .filter((version) => version.modelId === modelId)
        .toSorted((one, other) => other.weight - one.weight || Number(other.isShadow) - Number(one.isShadow));
      return {
        modelId,
        description,
        tags: readTags(modelId, tags),
        versions: counts.get(modelId) ?? 0,
        served: own.slice(0, shownVersions).map((version) => ({
          ...version,
          latest: shownLatest(latest.get(`${modelId}@${version.version}`)),
        })),
        servedTotal: own.length,
        calls: calls.get(modelId) ?? [],
      };
    }),
    next: rows.length > limit ? (modelIds.at(-1) ?? null) : null,
  };
}

/** None where they are damaged, of which `modelyard verify` tells. */
function readTags(modelId: string, tags: string | null): Record<string, string> {
  try {
    return parseTags(modelId, tags);
  } catch {
    return {};
  }
}

function likeText(text: string): string {
  return text.replace(/[!%_]/g, '!$&');
}

function shownLatest(latest: LatestMeasurements | undefined): VersionStanding['latest'] {
  if (latest?.drift === undefined) return latest ?? {};
  return { ...latest, drift: { ...latest.drift, columns: latest.drift.columns.slice(0, shownColumns) } };
}

async function countVersions(database: Database, modelIds: readonly string[]): Promise<Map<string, number>> {
  if (modelIds.length === 0) return new Map();
  const rows = await database
    .selectFrom('versions')
    .select((eb) => ['model_id', eb.fn.countAll<number>().as('count')])
    .where('model_id', 'in', modelIds)
    .groupBy('model_id')
    .execute();
  return new Map(rows.map(({ model_id, count }) => [model_id, Number(count)]));
}

/** Calls of the last hour by model, {@link bucketMinutes} at a time, the oldest first; none for a model without any. */
async function countCalls(
  database: Database,
  modelIds: readonly string[],
  now: number,
): Promise<Map<string, number[]>> {
  const counted = new Map<string, number[]>();
  if (modelIds.length === 0) return counted;
  const since = now - hourMs;
  const rows = await database
    .selectFrom('serving_minutes')
    .select((eb) => ['model_id', 'minute', eb.fn.sum<number>('calls').as('calls')])
    .where('model_id', 'in', modelIds)
    .where('minute', '>', since - minuteMs)
    .groupBy(['model_id', 'minute'])
    .execute();
  const buckets = hourMs / minuteMs / bucketMinutes;
  for (const { model_id, minute, calls } of rows) {
    const own = counted.get(model_id) ?? new Array<number>(buckets).fill(0);
    const bucket = Math.max(0, Math.floor((minute - since) / (bucketMinutes * minuteMs)));
    if (bucket < buckets) own[bucket] = (own[bucket] ?? 0) + Number(calls);
    counted.set(model_id, own);
  }
  return counted;
}
