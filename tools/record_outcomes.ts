import { z } from 'zod';
import { ModelYardError } from '../src/errors.ts';
import type { GivenOutcomes } from '../src/monitoring/outcomes/given_outcomes.ts';
import { defineTool } from './define_tool.ts';
import { modelId, orJsonText, warnings } from './schemas.ts';

/** Unknown ids that are listed. */
const shownUnknown = 50;

export const recordOutcomes = defineTool({
  name: 'record_outcomes',
  title: 'Record outcomes',
  description:
    'Records what really was, by the prediction_id that predict gave, from records or a file (CSV, JSON Lines, Parquet) with the columns prediction_id and actual. Late and repeated as one likes; a later value replaces an earlier one. Next: get_performance.',
  permission: 'WRITE',
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    outcomes: orJsonText(
      z.array(z.strictObject({ prediction_id: z.string().min(1).max(64), actual: z.unknown() })).min(1),
    )
      .optional()
      .describe('actual: the class, number or array'),
    path: z.string().min(1).max(4096).optional().describe('Absolute path of a file, instead of outcomes'),
  }),
  output: z.strictObject({
    model_id: z.string(),
    matched: z.number(),
    replaced: z.number(),
    already_set: z.number(),
    empty: z.number(),
    unknown: z.array(z.string()),
    unknown_total: z.number(),
    warnings,
  }),
  rowArguments: ['outcomes'],
  async handle(services, input, { origin }) {
    const report = await services.monitoring.recordOutcomes(input.model_id, givenOutcomes(input), origin);
    return {
      model_id: input.model_id,
      matched: report.matched,
      replaced: report.replaced,
      already_set: report.alreadySet,
      empty: report.empty,
      unknown: report.unknown.slice(0, shownUnknown),
      unknown_total: report.unknown.length,
      warnings: report.warnings,
    };
  },
});

function givenOutcomes({
  outcomes,
  path,
}: {
  outcomes?: { prediction_id: string; actual?: unknown }[] | undefined;
  path?: string | undefined;
}): GivenOutcomes {
  if (outcomes !== undefined && path === undefined)
    return {
      kind: 'records',
      outcomes: outcomes.map(({ prediction_id, actual }) => ({ predictionId: prediction_id, actual })),
    };
  if (path !== undefined && outcomes === undefined) return { kind: 'path', path };
  throw new ModelYardError(
    'INVALID_INPUT',
    `outcomes and path were ${path === undefined ? 'both left out' : 'both given'}.`,
    'Give one of them.',
  );
}
