import { type RawBuilder, sql } from 'kysely';
import { z } from 'zod';
import { ModelYardError } from '../errors.ts';
import { pageCursor, readPageCursor } from '../page_cursor.ts';
import type { DescribedVersion } from './describe.ts';
import { metricIs, type SearchConditions } from './search_conditions.ts';
import type { VersionHead } from './version_record.ts';

const number = z.number().int();

/**
 * The columns of row d that define each order; there is an index for each. The last one makes the order total. Age
 * goes by numbers, not by the clocks of those who registered.
 */
const orders = {
  created_at: { columns: ['number'], cursor: z.tuple([number]) },
  model_id: { columns: ['model_id', 'number'], cursor: z.tuple([z.string(), number]) },
  metric: { columns: ['value', 'number'], cursor: z.tuple([z.number(), number]) },
} as const;

export interface SortOrder {
  key: keyof typeof orders;
  /** For an order by a metric: its name. */
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

/** The values that the order goes by, of the last version seen; its number comes last. */
export type Cursor = readonly (string | number)[];

/** The order's name, which a cursor holds: used with another order it would give a wrong page. */
function nameOf({ key, metric, direction }: SortOrder): string {
  return `${metric === undefined ? key : `metric:${metric}`} ${direction}`;
}

/** @throws INVALID_INPUT */
export function parseCursor(text: string, order: SortOrder): Cursor {
  const schema = z
    .array(z.unknown())
    .refine(([name]) => name === nameOf(order))
    .transform(([, ...cursor]) => cursor)
    .pipe(orders[order.key].cursor);
  return readPageCursor(schema, text, { tool: 'search_models', same: 'order_by' });
}

/** The cursor to what comes after a version. */
export function cursorAfter(
  { record, metrics }: Pick<DescribedVersion<VersionHead>, 'record' | 'metrics'>,
  order: SortOrder,
): string {
  const { key, metric = '' } = order;
  const facts = {
    model_id: record.modelId,
    number: record.number,
    value: metrics[metric] ?? 0,
  };
  const cursor = [nameOf(order), ...orders[key].columns.map((column) => facts[column])];
  return pageCursor(cursor);
}

/** The text after `select d.number from`: the versions in the order, starting at the cursor. */
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
  // Each of the few is looked up by itself; an index of the order would be scanned for them.
  const few = sql.join((only ?? []).map((one) => sql`(${sql.lit(one)})`));
  const among =
    only === undefined
      ? from
      : sql`
    (select column1 as number from (values ${few}) as listed) as few cross join ${from} and d.number = few.number`;
  const sorted = columns.map((column) => sql`${column} ${sql.raw(direction)}`);
  return sql`${among}${cut} order by ${sql.join(sorted)}`;
}
