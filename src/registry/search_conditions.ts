import { type RawBuilder, sql } from 'kysely';
import type { Stage } from './stages.ts';

export const metricOperators = ['>=', '>', '<=', '<', '=', '!='] as const;

/** The conditions that a version must meet, all of them. */
export interface SearchConditions {
  /** Part of the text that registry/search_text.ts collects, case-insensitive. */
  query?: string | undefined;
  modelId?: string | undefined;
  stage?: Stage | undefined;
  framework?: string | undefined;
  /** The version that has this alias. */
  alias?: string | undefined;
  tags?: Record<string, string> | undefined;
  metrics?: { name: string; op: (typeof metricOperators)[number]; value: number }[] | undefined;
}

/** A condition that a single index answers. */
export interface Condition {
  /** Equal for equal conditions only. */
  name: string;
  /** The text after `from`: each of its rows d has the number of a version that meets the condition, once. */
  from: RawBuilder<unknown>;
  /** Whether every version may meet it, as with the metric of an order: then it is counted before it is read. */
  mayBeOfAll: boolean;
}

/** @param ordering the metric that versions are ordered by; versions without it do not match */
export function conditionsOf(search: SearchConditions, ordering: string | undefined): Condition[] {
  const { query, modelId, stage, framework, alias, tags = {}, metrics = [] } = search;
  const measured = new Set([
    ...metrics.map(({ name }) => name),
    ...(ordering === undefined ? [] : [ordering]),
  ]);
  return [
    ...(query !== undefined
      ? [textIs(query, modelId)]
      : modelId !== undefined
        ? [named(['model', modelId], sql`versions as d where d.model_id = ${modelId}`)]
        : []),
    ...(stage === undefined ? [] : [named(['stage', stage], sql`versions as d where d.stage = ${stage}`)]),
    ...(framework === undefined ? [] : [frameworkIs(framework)]),
    ...(alias === undefined ? [] : [aliasIs(alias)]),
    ...Object.entries(tags).map(([name, value]) => tagIs(name, value)),
    ...[...measured].map((metric) => metricIs(metric, metrics)),
  ];
}

function named(name: unknown[], from: RawBuilder<unknown>, mayBeOfAll = false): Condition {
  return { name: JSON.stringify(name), from, mayBeOfAll };
}

/** Restricted to one model where it is given, since the texts of a model are stored together. */
function textIs(query: string, modelId: string | undefined): Condition {
  const pattern = `%${query.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`;
  const model = modelId === undefined ? sql`` : sql` and d.model_id = ${modelId}`;
  return named(
    ['text', pattern, modelId],
    sql`versions as d where d.search_text like ${pattern} escape '\\'${model}`,
  );
}

function frameworkIs(framework: string): Condition {
  return named(['framework', framework], sql`versions as d where lower(d.framework) = lower(${framework})`);
}

function aliasIs(alias: string): Condition {
  return named(
    ['alias', alias],
    sql`aliases as a inner join versions as d on d.model_id = a.model_id and d.version = a.version
      where a.alias = ${alias}`,
  );
}

function tagIs(name: string, value: string): Condition {
  return named(['tag', name, value], sql`version_tags as d where d.name = ${name} and d.value = ${value}`);
}

/** Has the metric, within all the given bounds. */
export function metricIs(metric: string, given: SearchConditions['metrics'] = []): Condition {
  const bounds = given.filter(({ name }) => name === metric).map(({ op, value }) => ({ op, value }));
  const holds = bounds.map(({ op, value }) => sql` and d.value ${sql.raw(op)} ${value}`);
  return named(
    ['metric', metric, bounds],
    sql`version_metrics as d where d.name = ${metric}${sql.join(holds, sql``)}`,
    bounds.length === 0,
  );
}
