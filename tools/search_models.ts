import { z } from 'zod';
import { metricOperators } from '../src/registry/search_conditions.ts';
import { parseOrder } from '../src/registry/search_order.ts';
import { defineTool } from './define_tool.ts';
import { foundVersion, showFound } from './found_version.ts';
import { cursor, limit, modelId, orJsonText, stage, textMap, version } from './schemas.ts';

export const searchModels = defineTool({
  name: 'search_models',
  title: 'Search models',
  description:
    'Lists registered model versions by any combination of text, model, stage, framework, tags and metric conditions, newest first or by a metric, a page at a time, with totals of the whole registry on the first page. Use it to find what exists; for everything about one model call get_model.',
  permission: 'READ',
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  input: z.strictObject({
    query: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .describe('Part of a name, version, description, algorithm, framework, author or tag'),
    model_id: modelId.optional(),
    stage: stage.optional(),
    framework: z.string().min(1).max(256).optional(),
    alias: version.optional().describe('Only the versions that have it'),
    tags: textMap.optional().describe('All of these, such as {"team": "risk"}'),
    metrics: orJsonText(
      z.array(z.strictObject({ name: z.string(), op: z.enum(metricOperators), value: z.number() })).max(20),
    )
      .optional()
      .describe('All of these, such as [{"name": "accuracy", "op": ">=", "value": 0.9}]'),
    order_by: z
      .string()
      .max(300)
      .default('created_at desc')
      .describe('created_at, model_id or metric:NAME, then asc or desc'),
    limit,
    cursor: cursor.optional(),
  }),
  output: z.strictObject({
    total: z.number(),
    models: z.array(foundVersion),
    next_cursor: z.string().nullable(),
    statistics: z
      .strictObject({
        models: z.number(),
        versions: z.number(),
        by_stage: z.record(z.string(), z.number()),
        by_framework: z.record(z.string(), z.number()),
        artifact_bytes: z.number(),
      })
      .optional(),
  }),
  async handle(services, { model_id, order_by, ...search }) {
    const found = await services.registry.search({ ...search, modelId: model_id, orderBy: order_by });
    const { statistics } = found;
    const { metric } = parseOrder(order_by);
    const asked = {
      metrics: new Set([
        ...(search.metrics ?? []).map(({ name }) => name),
        ...(metric === undefined ? [] : [metric]),
      ]),
      tags: new Set(Object.keys(search.tags ?? {})),
    };
    return {
      total: found.total,
      models: showFound(found.versions, search.limit, asked),
      next_cursor: found.nextCursor,
      ...(statistics && {
        statistics: {
          models: statistics.models,
          versions: statistics.versions,
          by_stage: statistics.byStage,
          by_framework: statistics.byFramework,
          artifact_bytes: statistics.artifactBytes,
        },
      }),
    };
  },
});
