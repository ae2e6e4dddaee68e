import { z } from 'zod';
import { metricOperators } from '../src/registry/search_conditions.ts';
import { parseOrder } from '../src/registry/search_order.ts';
import { foundVersion, showFound } from './answers/found_version.ts';
import { storedNote, storedTexts } from './answers/stored_texts.ts';
import { cursor, limit, modelId, orJsonText, stage, textMap, version } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

export const searchModels = defineTool({
  name: 'search_models',
  title: 'Search models',
  description:
    'Finds versions that meet all arguments, newest first or by a metric, in pages; the first has totals of the registry. All about one model: get_model.',
  permission: 'READ',
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  input: z.strictObject({
    query: z.string().min(1).max(256).optional().describe('Part of any name, text or tag'),
    model_id: modelId.optional(),
    stage: stage.optional(),
    framework: z.string().min(1).max(256).optional(),
    alias: version.optional(),
    tags: textMap.optional(),
    metrics: orJsonText(
      z.array(z.strictObject({ name: z.string(), op: z.enum(metricOperators), value: z.number() })).max(20),
    ).optional(),
    order_by: z
      .string()
      .max(300)
      .default('created_at desc')
      .describe('created_at, model_id, metric:NAME; asc, desc'),
    limit,
    cursor: cursor.optional(),
  }),
  output: z.strictObject({
    note: storedNote,
    total: z.int(),
    models: z.array(foundVersion),
    next_cursor: z.string().nullable(),
    statistics: z
      .strictObject({
        models: z.int(),
        versions: z.int(),
        by_stage: z.record(z.string(), z.int()),
        by_framework: z.record(z.string(), z.int()),
        artifact_bytes: z.int(),
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
      note: storedTexts,
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
