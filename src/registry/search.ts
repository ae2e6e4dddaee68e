import { ModelYardError } from '../errors.ts';
import type { Database } from '../storage/database.ts';
import { type DescribedVersion, describeVersions } from './describe.ts';
import { isOneOf } from './lineage.ts';
import { memberships, ownConditions, type SearchConditions } from './search_conditions.ts';
import {
  type ConditionSizes,
  countMatches,
  type FoundKey,
  findPage,
  type SortOrder,
  sizeConditions,
} from './search_plan.ts';
import { readStatistics, type SearchStatistics } from './search_statistics.ts';
import { type VersionRecord, versionRecord } from './version_record.ts';

export interface VersionSearch extends SearchConditions {
  /** `created_at`, `model_id` or `metric:NAME`, then ` asc` or ` desc`. */
  orderBy: string;
  limit: number;
  cursor?: string | undefined;
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
  const after = search.cursor === undefined ? undefined : parseCursor(search.cursor, order);
  const { total, keys } = await findKeys(database, search, order, after);
  const shown = keys.slice(0, search.limit);
  const last = keys.length > search.limit ? shown.at(-1) : undefined;
  return {
    total,
    versions: await describeVersions(database, await readRecords(database, shown)),
    nextCursor:
      last === undefined
        ? null
        : Buffer.from(JSON.stringify([last.sort_key, last.model_id, last.version])).toString('base64url'),
    statistics: after === undefined ? await readStatistics(database) : undefined,
  };
}

/** The keys of a page and of the first version after it. */
async function findKeys(
  database: Database,
  search: VersionSearch,
  order: SortOrder,
  after: Cursor | undefined,
): Promise<{ total: number; keys: FoundKey[] }> {
  const conditions = {
    own: ownConditions(search),
    hasText: search.query !== undefined,
    memberships: memberships(search, order.metric),
  };
  const page = (sizes?: ConditionSizes, total?: number) =>
    findPage(database, conditions, { order, after, limit: search.limit + 1 }, sizes, total);
  if (conditions.memberships.length > 0) {
    const sizes = await sizeConditions(database, conditions);
    const total = await countMatches(database, conditions, sizes);
    return { total, keys: total === 0 ? [] : await page(sizes, total) };
  }
  const keys = await page();
  const isAll = after === undefined && keys.length <= search.limit;
  return { total: isAll ? keys.length : await countMatches(database, conditions, undefined), keys };
}

/** The whole rows, which are long, of those that are shown and of no others. */
async function readRecords(database: Database, keys: readonly FoundKey[]): Promise<VersionRecord[]> {
  if (keys.length === 0) return [];
  const wanted = keys.map((key) => ({ modelId: key.model_id, version: key.version }));
  const rows = await database
    .selectFrom('versions')
    .selectAll()
    .where(isOneOf(['model_id', 'version'], wanted))
    .execute();
  return wanted.flatMap(({ modelId, version }) =>
    rows.filter((row) => row.model_id === modelId && row.version === version).map(versionRecord),
  );
}

type Cursor = [string | number, string, string];

function parseOrder(orderBy: string): SortOrder {
  const [, key, direction = 'desc'] =
    /^(created_at|model_id|metric:.+?)(?: (asc|desc))?$/.exec(orderBy.trim()) ?? [];
  if (key === undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `order_by="${orderBy}" is not an order.`,
      'Use created_at, model_id or metric:NAME, then asc or desc: "metric:accuracy desc".',
    );
  return {
    column: key === 'model_id' ? key : 'created_at',
    metric: key.startsWith('metric:') ? key.slice('metric:'.length) : undefined,
    direction: direction === 'asc' ? 'asc' : 'desc',
  };
}

function parseCursor(cursor: string, order: SortOrder): Cursor {
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

function isKeyOf({ column, metric }: SortOrder, key: unknown): key is string | number {
  if (metric === undefined && column === 'model_id') return typeof key === 'string';
  return typeof key === 'number' && (metric !== undefined || Number.isSafeInteger(key));
}
