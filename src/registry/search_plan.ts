import { type RawBuilder, sql } from 'kysely';
import type { Database } from '../storage/database.ts';
import { all, hasAll, type Membership, sameVersion } from './search_conditions.ts';

/**
 * How a search is carried out. What a condition leaves is not known beforehand, and SQLite does not even guess: so
 * each is counted first, in its own index, and the rarest leads. `cross join` says which: SQLite keeps to its
 * order; for PostgreSQL it is like any other join.
 */
export interface Conditions {
  /** On the row v of versions. */
  own: readonly RawBuilder<boolean>[];
  /** Whether text is among them: the texts stand in an index, all of which is walked through. */
  hasText: boolean;
  memberships: readonly Membership[];
}

export interface SortOrder {
  column: 'created_at' | 'model_id';
  /** In the place of the column; then it is among the memberships. */
  metric: string | undefined;
  direction: 'asc' | 'desc';
}

/** How much each condition leaves by itself. */
export interface ConditionSizes {
  /** Versions that satisfy the conditions on their own row; with text, what the walk through it costs. */
  own: number;
  all: number;
  memberships: ReadonlyMap<Membership, number>;
}

export interface FoundKey {
  model_id: string;
  version: string;
  sort_key: string | number;
}

/** How many keys in an index a look at the version's row costs, and at a text in it, which lies behind all else. */
const rowCost = 5;
const textCost = 10;
/** A text in the index of texts, against a key that is looked up. */
const textWalkCost = 0.3;

export async function sizeConditions(
  database: Database,
  { own, hasText, memberships }: Conditions,
): Promise<ConditionSizes> {
  const sizes = new Map<Membership, number>();
  for (const membership of memberships)
    sizes.set(
      membership,
      await count(database, sql`${sql.table(membership.table)} as d where ${membership.holds('d')}`),
    );
  const everything = await count(database, sql`versions as v where ${all([])}`);
  const ofOwn =
    own.length === 0 || hasText ? everything : await count(database, sql`versions as v where ${all(own)}`);
  return { own: hasText ? everything * textWalkCost : ofOwn, all: everything, memberships: sizes };
}

/** Without the memberships that every version has, such as a metric to sort by: they leave out nobody. */
function selective(conditions: Conditions, sizes: ConditionSizes): Conditions {
  const memberships = conditions.memberships.filter((one) => sizes.memberships.get(one) !== sizes.all);
  return { ...conditions, memberships };
}

/** How many versions satisfy everything, exactly. */
export async function countMatches(
  database: Database,
  conditions: Conditions,
  sizes: ConditionSizes | undefined,
): Promise<number> {
  if (sizes === undefined) return count(database, leadOf(conditions, sizes).from);
  const counted = selective(conditions, sizes);
  if (counted.own.length > 0 || counted.memberships.length > 1)
    return count(database, leadOf(counted, sizes).from);
  const [only] = counted.memberships;
  return only === undefined ? sizes.all : (sizes.memberships.get(only) ?? 0);
}

async function count(database: Database, from: RawBuilder<unknown>): Promise<number> {
  const { rows } = await sql<{ found: number }>`select count(*) as found from ${from}`.execute(database);
  return Number(rows[0]?.found ?? 0);
}

/** What stands after `from`: its row of that name is the version's key, once for each version. */
interface Lead {
  from: RawBuilder<unknown>;
  row: 'v' | 'd';
  cost: number;
}

/** The cheapest way to all that satisfies the conditions. */
function leadOf(conditions: Conditions, sizes: ConditionSizes | undefined): Lead {
  const { own, hasText, memberships } = conditions;
  const leads: Lead[] = [
    {
      from: sql`versions as v where ${all([...own, ...hasAll('v', memberships)])}`,
      row: 'v',
      cost: sizes?.own ?? 0,
    },
  ];
  for (const [membership, size] of sizes?.memberships ?? []) {
    const perRow = own.length === 0 ? 1 : hasText ? textCost : rowCost;
    if (memberships.includes(membership))
      leads.push({ ...ledBy(membership, conditions), cost: size * perRow });
  }
  return leads.reduce((best, lead) => (lead.cost < best.cost ? lead : best));
}

function ledBy(lead: Membership, { own, memberships }: Conditions): Pick<Lead, 'from' | 'row'> {
  const others = memberships.filter((membership) => membership !== lead);
  const conditions = all([lead.holds('d'), ...own, ...hasAll('d', others)]);
  const table = sql.table(lead.table);
  return {
    row: 'd',
    from:
      own.length === 0
        ? sql`${table} as d where ${conditions}`
        : sql`${table} as d cross join versions as v where ${sameVersion('v', 'd')} and ${conditions}`,
  };
}

export interface Page {
  order: SortOrder;
  /** The key that the page before ended with. */
  after: readonly [string | number, string, string] | undefined;
  limit: number;
}

/** How many times as far as it should have to go a walk goes before gathering seems better. */
const patience = 3;

/**
 * The keys of one page. Either walks along the order until the page should be full, which is short where much is
 * found, or gathers all that is found and sorts it, which is short where little is; a walk that comes to
 * nothing, because what is found lies at the other end of the order, is followed by gathering.
 * @param sizes and total: undefined where there are no memberships; then the walk meets nothing but what is found
 */
export async function findPage(
  database: Database,
  conditions: Conditions,
  page: Page,
  sizes: ConditionSizes | undefined,
  total: number | undefined,
): Promise<FoundKey[]> {
  const { own, hasText, memberships } = conditions;
  const { metric } = page.order;
  const ordering = memberships.find((membership) => metric !== undefined && membership.metric === metric);
  if (sizes === undefined || total === undefined)
    return readKeys(database, walked(conditions, ordering, page), page);

  const length = (ordering === undefined ? sizes.own : sizes.memberships.get(ordering)) ?? 0;
  const perRow = ordering === undefined || own.length === 0 ? 1 : hasText ? textCost : rowCost;
  const steps = Math.ceil((patience * page.limit * length) / Math.max(total, 1));
  const others = selective(conditions, sizes).memberships.filter((membership) => membership !== ordering);
  const lead = leadOf({ ...conditions, memberships: others }, sizes);
  if (steps * perRow <= lead.cost + total) {
    const found = await readKeys(database, walked(conditions, ordering, page, steps), page);
    if (found.length === page.limit || steps >= length) return found;
  }
  return readKeys(database, gathered(lead, ordering, page), page);
}

/** What stands after `from`, with where a row's key and what it is sorted by are found. */
interface Rows {
  from: RawBuilder<unknown>;
  row: string;
  key: string;
}

async function readKeys(database: Database, { from, row, key }: Rows, page: Page): Promise<FoundKey[]> {
  const { rows } = await sql<FoundKey>`
    select ${keysOf(row)}, ${sql.ref(key)} as sort_key from ${from}${cutAt(row, key, page)}
    ${sorted(row, key, page)} limit ${page.limit}`.execute(database);
  return rows;
}

function keysOf(row: string): RawBuilder<unknown> {
  return sql`${sql.ref(`${row}.model_id`)}, ${sql.ref(`${row}.version`)}`;
}

/** What comes after the page before; stands after a condition. */
function cutAt(row: string, key: string, { order, after }: Page): RawBuilder<unknown> {
  if (after === undefined) return sql``;
  const beyond = sql.raw(order.direction === 'asc' ? '>' : '<');
  return sql` and (${sql.ref(key)}, ${keysOf(row)}) ${beyond} (${sql.join([...after])})`;
}

function sorted(row: string, key: string, { order }: Page): RawBuilder<unknown> {
  const columns = [key, `${row}.model_id`, `${row}.version`].map(
    (column) => sql`${sql.ref(column)} ${sql.raw(order.direction)}`,
  );
  return sql`order by ${sql.join(columns)}`;
}

/**
 * Along the order: the metric's index, or the versions that satisfy the own conditions.
 * @param steps undefined: as far as it takes
 */
function walked(
  { own, memberships }: Conditions,
  ordering: Membership | undefined,
  page: Page,
  steps?: number,
): Rows {
  const way =
    ordering === undefined
      ? { from: sql`versions as v where ${all(own)}`, row: 'v', key: `v.${page.order.column}` }
      : {
          from: sql`${sql.table(ordering.table)} as d where ${ordering.holds('d')}`,
          row: 'd',
          key: 'd.value',
        };
  const rest = memberships.filter((membership) => membership !== ordering);
  const ownLeft = ordering === undefined ? [] : own;
  if (steps === undefined || rest.length + ownLeft.length === 0) return way;
  const { row, key } = way;
  const passed = sql`
    select ${keysOf(row)}, ${sql.ref(key)} as sort_key from ${way.from}${cutAt(row, key, page)}
    ${sorted(row, key, page)} limit ${steps}`;
  const versions =
    ownLeft.length === 0 ? sql` where 1 = 1` : sql` cross join versions as v where ${sameVersion('v', 'w')}`;
  return {
    from: sql`(${passed}) as w${versions} and ${all([...ownLeft, ...hasAll('w', rest)])}`,
    row: 'w',
    key: 'w.sort_key',
  };
}

function gathered({ from, row }: Lead, ordering: Membership | undefined, { order }: Page): Rows {
  const table = sql.table(ordering?.table ?? 'versions');
  const conditions = all([sameVersion('s', 'f'), ...(ordering === undefined ? [] : [ordering.holds('s')])]);
  return {
    from: sql`(select ${keysOf(row)} from ${from}) as f cross join ${table} as s where ${conditions}`,
    row: 's',
    key: ordering === undefined ? `s.${order.column}` : 's.value',
  };
}
