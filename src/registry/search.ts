import { type RawBuilder, sql } from 'kysely';
import type { Database } from '../storage/database.ts';
import { type DescribedVersion, describeVersions } from './describe.ts';
import { conditionsOf, type SearchConditions } from './search_conditions.ts';
import {
  type Cursor,
  cursorAfter,
  inOrder,
  parseCursor,
  parseOrder,
  type SortOrder,
} from './search_order.ts';
import { readStatistics, type SearchStatistics } from './search_statistics.ts';
import { keepUntilChanged, readTrailEnd } from './until_changed.ts';
import { type VersionHead, versionHead, versionHeadColumns } from './version_record.ts';
import { has, intersect, numbersOf, parseNumbers, setOf, type VersionSet } from './version_set.ts';

export interface VersionSearch extends SearchConditions {
  /** `created_at`, `model_id` or `metric:NAME`, then ` asc` or ` desc`. */
  orderBy: string;
  limit: number;
  cursor?: string | undefined;
}

export interface FoundVersions {
  total: number;
  versions: DescribedVersion<VersionHead>[];
  nextCursor: string | null;
  /** Figures of the whole registry, with the first page only. */
  statistics: SearchStatistics | undefined;
}

/**
 * Finds versions by all the conditions given, a page at a time. Each condition is a set of numbers, which one index
 * has; the sets are cut with one another here, so that no search depends on which condition is looked at first. Pages
 * are cut by the last row's key, so versions that are registered meanwhile shift nothing.
 * @throws INVALID_INPUT for an order or a cursor that does not exist.
 */
export async function searchVersions(database: Database, search: VersionSearch): Promise<FoundVersions> {
  const order = parseOrder(search.orderBy);
  const after = search.cursor === undefined ? undefined : parseCursor(search.cursor, order);
  const registry = { database, end: await readTrailEnd(database) };
  const statistics = await readStatistics(registry);
  const found = await findAll(registry, search, order, statistics.versions);
  const numbers = await readPage(database, { ...search, order, after }, found, statistics.versions);
  const versions = await readVersions(database, numbers.slice(0, search.limit));
  const last = numbers.length > search.limit ? versions.at(-1) : undefined;
  return {
    total: found === undefined ? statistics.versions : found.size,
    versions,
    nextCursor: last === undefined ? null : cursorAfter(last, order),
    statistics: after === undefined ? statistics : undefined,
  };
}

/** A set takes at most 12 KB for 100 000 versions; null is the set of all. */
const keepSets = keepUntilChanged<VersionSet | null>(200);

/** The versions that meet all conditions; undefined where that is every version. */
async function findAll(
  registry: { database: Database; end: number },
  search: SearchConditions,
  order: SortOrder,
  all: number,
): Promise<VersionSet | undefined> {
  let found: VersionSet | undefined;
  for (const { name, from, mayBeOfAll } of conditionsOf(search, order.metric)) {
    const set = await keepSets(registry, name, async () =>
      mayBeOfAll && (await count(registry.database, from)) === all
        ? null
        : setOf(await readNumbers(registry.database, sql`select d.number from ${from}`)),
    );
    if (set === null) continue;
    found = found === undefined ? set : intersect(found, set);
    if (found.size === 0) return found;
  }
  return found;
}

/** Costs a third of reading the numbers. */
async function count(database: Database, from: RawBuilder<unknown>): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*) as count from ${from}`.execute(database);
  return Number(rows[0]?.count ?? 0);
}

/** Read as one text, since a row a number would cost ten times as much. A subquery with a limit keeps its order. */
async function readNumbers(database: Database, numbered: RawBuilder<unknown>): Promise<number[]> {
  const { rows } = await sql<{ numbers: string | null }>`
    select string_agg(cast(number as text), ',') as numbers from (${numbered}) as numbered`.execute(database);
  return parseNumbers(rows[0]?.numbers ?? null);
}

/** Up to this many versions are read by their numbers. */
const few = 200;
/** The first walk along the order goes this many times as far as it should need to. */
const patience = 4;

/** The numbers of one page and of the first version after it, in the order. */
async function readPage(
  database: Database,
  { order, after, limit, metrics }: VersionSearch & { order: SortOrder; after: Cursor | undefined },
  found: VersionSet | undefined,
  all: number,
): Promise<number[]> {
  const wanted = limit + 1;
  const walk = (steps: number, only?: number[]) =>
    readNumbers(database, sql`select d.number from ${inOrder(order, after, metrics, only)} limit ${steps}`);
  if (found === undefined) return walk(wanted);
  if (order.key === 'created_at') return pageByAge(found, order, after).slice(0, wanted);
  if (found.size === 0) return [];
  if (found.size <= few) return walk(wanted, numbersOf(found));
  const foundWithin = async (steps: number) =>
    (await walk(steps)).filter((number) => has(found, number)).slice(0, wanted);
  const near = Math.ceil((patience * wanted * all) / found.size);
  const page = await foundWithin(near);
  // The matching versions may lie at the other end of the order.
  return page.length === wanted || near >= all ? page : foundWithin(all);
}

/** Numbers are assigned in the order of age, so nothing has to be read. */
function pageByAge(found: VersionSet, { direction }: SortOrder, after: Cursor | undefined): number[] {
  const numbers = numbersOf(found);
  if (direction === 'desc') numbers.reverse();
  if (after === undefined) return numbers;
  const seen = Number(after.at(-1));
  return numbers.filter((number) => (direction === 'asc' ? number > seen : number < seen));
}

async function readVersions(
  database: Database,
  numbers: readonly number[],
): Promise<DescribedVersion<VersionHead>[]> {
  if (numbers.length === 0) return [];
  const rows = await database
    .selectFrom('versions')
    .select(versionHeadColumns)
    .where('number', 'in', numbers)
    .execute();
  const records = new Map(rows.map((row) => [row.number, versionHead(row)]));
  return describeVersions(
    database,
    numbers.flatMap((number) => records.get(number) ?? []),
  );
}
