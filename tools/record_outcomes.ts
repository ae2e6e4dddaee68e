import { z } from 'zod';
import { ModelYardError } from '../src/errors.ts';
import type { GivenOutcomes } from '../src/monitoring/outcomes/given_outcomes.ts';
import type { OutcomeReport } from '../src/monitoring/outcomes/record_outcomes.ts';
import { whileWaiting } from '../src/while_waiting.ts';
import { roomFor } from './answers/room.ts';
import { notWhole, warnings } from './answers/schemas.ts';
import { storedNote, storedTexts } from './answers/stored_texts.ts';
import { filePath, modelId, orJsonText, record } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

/** Characters of the unknown ids that are listed. */
const unknownCharacters = 3000;

export const recordOutcomes = defineTool({
  name: 'record_outcomes',
  title: 'Record outcomes',
  description:
    'Records actual values (class, number or array) by prediction_id: outcomes, or a file with columns prediction_id, actual. Late or repeated is fine; a later value replaces. Next: get_performance.',
  permission: 'WRITE',
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    outcomes: orJsonText(
      z
        .array(
          record.pipe(z.strictObject({ prediction_id: z.string().min(1).max(256), actual: z.unknown() })),
        )
        .min(1),
    )
      .optional()
      .describe('[{prediction_id, actual}]'),
    path: filePath.optional(),
  }),
  output: z.strictObject({
    note: storedNote.optional(),
    model_id: z.string(),
    summary: z.string().optional(),
    matched: z.int(),
    replaced: z.int(),
    already_set: z.int(),
    empty: z.int(),
    undo: z.string().optional(),
    unknown: z.array(z.string()),
    unknown_total: z.int(),
    shadow_rows: z.int().optional().describe('Of shadows of these, recorded too'),
    warnings,
    not_whole: notWhole,
  }),
  rowArguments: ['outcomes'],
  async handle(services, input, { origin, progress }) {
    const report = await whileWaiting(progress, 'recording outcomes', () =>
      services.monitoring.recordOutcomes(input.model_id, givenOutcomes(input), origin),
    );
    const room = roomFor(false);
    const unknown = room.items(report.unknown, 'unknown ids', unknownCharacters);
    return {
      note: storedTexts,
      model_id: input.model_id,
      summary: summaryOf(report),
      matched: report.matched,
      replaced: report.replaced,
      already_set: report.alreadySet,
      empty: report.empty,
      ...(report.matched > 0 && {
        undo: 'Cannot be undone: an outcome can be replaced, by record_outcomes with the right value, and not removed. Replaced values are not kept.',
      }),
      unknown,
      unknown_total: report.unknown.length,
      ...(report.shadows > 0 && { shadow_rows: report.shadows }),
      warnings: room.items(report.warnings, 'warnings'),
      ...room.notWhole('The others: give fewer at once.'),
    };
  },
});

/** What became of the given outcomes, and which value stands now. */
function summaryOf({ matched, replaced, alreadySet, repeated }: OutcomeReport): string {
  const same = alreadySet - repeated;
  return [
    `${matched - replaced} recorded that had no outcome, ${replaced} that had another one, which the new one replaced.`,
    ...(same > 0 ? [`${same} had this same value already: nothing was to be changed.`] : []),
    ...(repeated > 0
      ? [`${repeated} rows were of a prediction that a later row of the call names too, and that one stands.`]
      : []),
  ].join(' ');
}

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
