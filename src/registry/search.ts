import { type SelectQueryBuilder, sql } from 'kysely';
import { ModelYardError } from '../errors.ts';
import type { Database } from '../storage/database.ts';
import type { Tables } from '../storage/schema.ts';
import { type DescribedVersion, describeVersions } from './describe.ts';
import type { Stage } from './stages.ts';
import { versionRecord } from './version_record.ts';

export const metricOperators = ['>=', '>', '<=', '<', '=', '!='] as const;

export interface VersionSearch {
  /** Part of a model id, description, algorithm or framework, in any case. */
  query?: string | undefined;
  modelId?: string | undefined;
  stage?: Stage | undefined;
  framework?: string | undefined;
  tags?: Record<string, string> | undefined;
  metrics?: { name: string; op: (typeof metricOperators)[number]; value: number }[] | undefined;
  /** `created_at`, `model_id` or `metric:NAME`, then ` asc` or ` desc`. */
  orderBy: string;
  limit: number;
  cursor?: string | undefined;
}

export interface SearchStatistics {
  models: number;
  versions: number;
  byStage: Record<string, number>;
  artifactBytes: number;
}

export interface FoundVersions {
  total: number;
  versions: DescribedVersion[];
  nextCursor: string | null;
  /** Of the whole registry; with the first page only. */
  statistics: SearchStatistics | undefined;
}

/**
 * Finds versions by all the conditions given, a page at a time. Pages are cut by the last row's key, so
 * versions that are registered meanwhile shift nothing.
 * @throws INVALID_INPUT for an order or a cursor that does not exist.
 */
export async function searchVersions(database: Database, search: VersionSearch): Promise<FoundVersions> {
  const order = parseOrder(search.orderBy);
  const sortKey = sortExpression(order);
  let matching = applyConditions(database.selectFrom('versions'), search);
  if (order.metric !== undefined) matching = matching.where(sortKey, 'is not', null);
  const { total } = await matching
    .select((eb) => eb.fn.countAll<number>().as('total'))
    .executeTakeFirstOrThrow();

  let page = matching.selectAll('versions').select(sortKey.as('sort_key'));
  if (search.cursor !== undefined) {
    const [key, modelId, version] = parseCursor(search.cursor, order);
    page = page.where(
      sql<boolean>`(${sortKey}, versions.model_id, versions.version) ${sql.raw(order.direction === 'asc' ? '>' : '<')} (${key}, ${modelId}, ${version})`,
    );
  }
  const rows = await page
    .orderBy('sort_key', order.direction)
    .orderBy('versions.model_id', order.direction)
    .orderBy('versions.version', order.direction)
    .limit(search.limit + 1)
    .execute();
  const shown = rows.slice(0, search.limit);
  const last = rows.length > search.limit ? shown.at(-1) : undefined;
  return {
    total: Number(total),
    versions: await describeVersions(database, shown.map(versionRecord)),
    nextCursor:
      last === undefined
        ? null
        : Buffer.from(JSON.stringify([last.sort_key, last.model_id, last.version])).toString('base64url'),
    statistics: search.cursor === undefined ? await readStatistics(database) : undefined,
  };
}

type Versions = SelectQueryBuilder<Tables, 'versions', object>;

function applyConditions(base: Versions, search: VersionSearch): Versions {
  let query = base;
  if (search.modelId !== undefined) query = query.where('versions.model_id', '=', search.modelId);
  if (search.stage !== undefined) query = query.where('versions.stage', '=', search.stage);
  if (search.framework !== undefined)
    query = query.where(sql<boolean>`lower(versions.framework) = lower(${search.framework})`);
  if (search.query !== undefined) {
    // The database lowers both sides: SQLite knows no case beyond ASCII.
    const pattern = `%${search.query.replace(/[\\%_]/g, '\\$&')}%`;
    const contains = (column: 'model_id' | 'description' | 'algorithm' | 'framework') =>
      sql<boolean>`lower(${sql.ref(`versions.${column}`)}) like lower(${pattern}) escape '\\'`;
    query = query.where((eb) =>
      eb.or([contains('model_id'), contains('description'), contains('algorithm'), contains('framework')]),
    );
  }
  for (const [name, value] of Object.entries(search.tags ?? {}))
    query = query.where((eb) =>
      eb.exists(
        eb
          .selectFrom('version_tags')
          .select('version_tags.name')
          .whereRef('version_tags.model_id', '=', 'versions.model_id')
          .whereRef('version_tags.version', '=', 'versions.version')
          .where('version_tags.name', '=', name)
          .where('version_tags.value', '=', value),
      ),
    );
  for (const { name, op, value } of search.metrics ?? [])
    query = query.where((eb) =>
      eb.exists(
        eb
          .selectFrom('version_metrics')
          .select('version_metrics.name')
          .whereRef('version_metrics.model_id', '=', 'versions.model_id')
          .whereRef('version_metrics.version', '=', 'versions.version')
          .where('version_metrics.name', '=', name)
          .where('version_metrics.value', op, value),
      ),
    );
  return query;
}

interface Order {
  column: 'created_at' | 'model_id' | undefined;
  metric: string | undefined;
  direction: 'asc' | 'desc';
}

function parseOrder(orderBy: string): Order {
  const [, key, direction = 'desc'] =
    /^(created_at|model_id|metric:.+?)(?: (asc|desc))?$/.exec(orderBy.trim()) ?? [];
  if (key === undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `order_by="${orderBy}" is not an order.`,
      'Use created_at, model_id or metric:NAME, then asc or desc: "metric:accuracy desc".',
    );
  return {
    column: key === 'created_at' || key === 'model_id' ? key : undefined,
    metric: key.startsWith('metric:') ? key.slice('metric:'.length) : undefined,
    direction: direction === 'asc' ? 'asc' : 'desc',
  };
}

function sortExpression(order: Order) {
  return order.metric === undefined
    ? sql<string | number>`${sql.ref(`versions.${order.column ?? 'created_at'}`)}`
    : sql<
        string | number
      >`(select value from version_metrics where version_metrics.model_id = versions.model_id and version_metrics.version = versions.version and version_metrics.name = ${order.metric})`;
}

function parseCursor(cursor: string, order: Order): [string | number, string, string] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(parsed)) {
      const [key, modelId, version]: unknown[] = parsed;
      if (isKeyOf(order, key) && typeof modelId === 'string' && typeof version === 'string')
        return [key, modelId, version];
    }
  } catch {
    // Said below.
  }
  throw new ModelYardError(
    'INVALID_INPUT',
    'cursor is not one that search_models gave.',
    'Pass next_cursor unchanged.',
  );
}

function isKeyOf({ column, metric }: Order, key: unknown): key is string | number {
  if (column === 'model_id') return typeof key === 'string';
  return typeof key === 'number' && (metric !== undefined || Number.isSafeInteger(key));
}

async function readStatistics(database: Database): Promise<SearchStatistics> {
  const byStage = await database
    .selectFrom('versions')
    .select((eb) => [
      'stage',
      eb.fn.countAll<number>().as('count'),
      eb.fn.sum<number>('artifact_bytes').as('bytes'),
    ])
    .groupBy('stage')
    .execute();
  const { models } = await database
    .selectFrom('models')
    .select((eb) => eb.fn.countAll<number>().as('models'))
    .executeTakeFirstOrThrow();
  return {
    models: Number(models),
    versions: byStage.reduce((sum, row) => sum + Number(row.count), 0),
    byStage: Object.fromEntries(byStage.map((row) => [row.stage, Number(row.count)])),
    artifactBytes: byStage.reduce((sum, row) => sum + Number(row.bytes), 0),
  };
}
