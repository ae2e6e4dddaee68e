import { type RawBuilder, sql } from 'kysely';
import type { Stage } from './stages.ts';

export const metricOperators = ['>=', '>', '<=', '<', '=', '!='] as const;

/** What a version must be to be found; all of it. */
export interface SearchConditions {
  /** Part of what registry/search_text.ts gathers, in any case. */
  query?: string | undefined;
  modelId?: string | undefined;
  stage?: Stage | undefined;
  framework?: string | undefined;
  /** The version that has this alias. */
  alias?: string | undefined;
  tags?: Record<string, string> | undefined;
  metrics?: { name: string; op: (typeof metricOperators)[number]; value: number }[] | undefined;
}

/** A condition on what stands in another table, where a version has one such row or none. */
export interface Membership {
  table: 'version_metrics' | 'version_tags' | 'aliases';
  /** The metric that it is about. */
  metric?: string;
  /** @param row the name of the table's row in the statement */
  holds(row: string): RawBuilder<boolean>;
}

/** Conditions on the row of `versions` that is called v. */
export function ownConditions(search: SearchConditions): RawBuilder<boolean>[] {
  const { query, modelId, stage, framework } = search;
  return [
    ...(modelId === undefined ? [] : [sql<boolean>`v.model_id = ${modelId}`]),
    ...(stage === undefined ? [] : [sql<boolean>`v.stage = ${stage}`]),
    ...(framework === undefined ? [] : [sql<boolean>`lower(v.framework) = lower(${framework})`]),
    ...(query === undefined
      ? []
      : [sql<boolean>`v.search_text like ${`%${escapeLike(query.toLowerCase())}%`} escape '\\'`]),
  ];
}

function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}

/** @param ordering the metric that versions are ordered by: those without it are not found */
export function memberships(search: SearchConditions, ordering: string | undefined): Membership[] {
  const { alias } = search;
  const { metrics: bounds = [] } = search;
  const metrics = new Set([...bounds.map(({ name }) => name), ...(ordering === undefined ? [] : [ordering])]);
  return [
    ...(alias === undefined ? [] : [aliasIs(alias)]),
    ...Object.entries(search.tags ?? {}).map(([name, value]) => tagIs(name, value)),
    ...[...metrics].map((metric) =>
      metricIsWithin(
        metric,
        bounds.filter(({ name }) => name === metric),
      ),
    ),
  ];
}

function metricIsWithin(
  metric: string,
  bounds: readonly { op: (typeof metricOperators)[number]; value: number }[],
): Membership {
  return {
    table: 'version_metrics',
    metric,
    holds: (row) =>
      all([
        sql<boolean>`${sql.ref(`${row}.name`)} = ${metric}`,
        ...bounds.map(({ op, value }) => sql<boolean>`${sql.ref(`${row}.value`)} ${sql.raw(op)} ${value}`),
      ]),
  };
}

function aliasIs(alias: string): Membership {
  return { table: 'aliases', holds: (row) => sql<boolean>`${sql.ref(`${row}.alias`)} = ${alias}` };
}

function tagIs(name: string, value: string): Membership {
  return {
    table: 'version_tags',
    holds: (row) =>
      sql<boolean>`${sql.ref(`${row}.name`)} = ${name} and ${sql.ref(`${row}.value`)} = ${value}`,
  };
}

/** All of the conditions; true where there are none. */
export function all(conditions: readonly RawBuilder<boolean>[]): RawBuilder<boolean> {
  return conditions.length === 0 ? sql<boolean>`1 = 1` : sql<boolean>`${sql.join(conditions, sql` and `)}`;
}

/** Whether two rows are of the same version. */
export function sameVersion(one: string, other: string): RawBuilder<boolean> {
  return sql<boolean>`${sql.ref(`${one}.model_id`)} = ${sql.ref(`${other}.model_id`)} and ${sql.ref(`${one}.version`)} = ${sql.ref(`${other}.version`)}`;
}

/** Whether the version of a row has what each of the memberships wants. */
export function hasAll(row: string, wanted: readonly Membership[]): RawBuilder<boolean>[] {
  return wanted.map(
    ({ table, holds }) =>
      sql<boolean>`exists (select 1 from ${sql.table(table)} as m where ${sameVersion('m', row)} and ${holds('m')})`,
  );
}
