import { type RawBuilder, sql } from 'kysely';
import { z } from 'zod';
import { ModelYardError } from '../errors.ts';
import type { DescribedVersion } from './describe.ts';
import { metricIs, type SearchConditions } from './search_conditions.ts';

const number = z.number().int();

/**
 * The columns of row d that each order goes by; an index has them so. The last tells any two versions apart. Which is
 * newer the numbers say, not the clocks of those who registered.
 */
const orders = {
  created_at: { columns: ['number'], cursor: z.tuple([number]) },
  model_id: { columns: ['model_id', 'number'], cursor: z.tuple([z.string(), number]) },
  metric: { columns: ['value', 'number'], cursor: z.tuple([z.number(), number]) },
} as const;

export interface SortOrder {
  key: keyof typeof orders;
  /** Of the order by a metric. */
  metric: string | undefined;
  direction: 'asc' | 'desc';
}

/** @throws INVALID_INPUT */
export function parseOrder(orderBy: string): SortOrder {
  const [, key, metric, direction] =
    /^(?:(created_at|model_id)|metric:(.+?))(?: (asc|desc))?$/.exec(orderBy.trim()) ?? [];
  if (key === undefined && metric === undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `order_by="${orderBy}" is not an order.`,
      'Use created_at, model_id or metric:NAME, then asc or desc: "metric:accuracy desc".',
    );
  return {
    key: metric !== undefined ? 'metric' : key === 'model_id' ? key : 'created_at',
    metric,
    direction: direction === 'asc' ? 'asc' : 'desc',
  };
}

/** What the order goes by, of the last version that was seen: its number comes last. */
export type Cursor = readonly (string | number)[];

/** A cursor says which order it is of: in another one it would lead to some page, and to a wrong one. */
function nameOf({ key, metric, direction }: SortOrder): string {
  return `${metric === undefined ? key : `metric:${metric}`} ${direction}`;
}

/** @throws INVALID_INPUT */
export function parseCursor(text: string, order: SortOrder): Cursor {
  try {
    const [name, ...cursor]: unknown[] = z
      .array(z.unknown())
      .parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
    z.literal(nameOf(order)).parse(name);
    return orders[order.key].cursor.parse(cursor);
  } catch (error) {
    throw new ModelYardError(
      'INVALID_INPUT',
      'cursor is not one that search_models gave for this order_by.',
      'Pass next_cursor unchanged, with the order_by of the page that it came with.',
      { cause: error },
    );
  }
}

/** The cursor to what comes after a version. */
export function cursorAfter({ record, metrics }: DescribedVersion, order: SortOrder): string {
  const { key, metric = '' } = order;
  const facts = {
    model_id: record.modelId,
    number: record.number,
    value: metrics[metric] ?? 0,
  };
  const cursor = [nameOf(order), ...orders[key].columns.map((column) => facts[column])];
  return Buffer.from(JSON.stringify(cursor)).toString('base64url');
}

/** What stands after `select d.number from`: the versions in the order, from the cursor on. */
export function inOrder(
  { key, metric, direction }: SortOrder,
  after: Cursor | undefined,
  bounds: SearchConditions['metrics'],
  only: readonly number[] | undefined,
): RawBuilder<unknown> {
  const columns = orders[key].columns.map((column) => sql.ref(`d.${column}`));
  const from = metric === undefined ? sql`versions as d where 1 = 1` : metricIs(metric, bounds).from;
  const beyond = sql.raw(direction === 'asc' ? '>' : '<');
  const cut =
    after === undefined ? sql`` : sql` and (${sql.join(columns)}) ${beyond} (${sql.join([...after])})`;
  // Each of the few looks itself up: an index of the order would be walked through for them.
  const few = sql.join((only ?? []).map((one) => sql`(${sql.lit(one)})`));
  const among =
    only === undefined
      ? from
      : sql`
    (select column1 as number from (values ${few}) as listed) as few cross join ${from} and d.number = few.number`;
  const sorted = columns.map((column) => sql`${column} ${sql.raw(direction)}`);
  return sql`${among}${cut} order by ${sql.join(sorted)}`;
}
