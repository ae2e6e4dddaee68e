import { z } from 'zod';
import { ModelYardError } from '../src/errors.ts';
import type { RowSource } from '../src/monitoring/rows/read_source.ts';
import { whileWaiting } from '../src/while_waiting.ts';
import { fittingAnswer } from './answers/room.ts';
import { isoTime, notWhole, warnings } from './answers/schemas.ts';
import { storedNote, storedTexts } from './answers/stored_texts.ts';
import { undoReference } from './answers/undo.ts';
import { filePath, hoursToMs, modelId, orJsonText, record, version } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

/** Characters of an answer's lists, which keep it below 2 000 tokens. */
const most = { predictions: 1000, warnings: 1500 };

export const setReferenceData = defineTool({
  name: 'set_reference_data',
  title: 'Set reference data',
  description:
    "Stores rows like training's for detect_drift: one of data (records), path (CSV with header, Parquet, JSON Lines), from_hours (the log's last hours, with outcomes). Rows with all features are scored too, for drift of predictions. outcome_column: actual values, for estimated performance. The newest counts; older are kept. Next: detect_drift.",
  permission: 'WRITE',
  hints: { readOnly: false, destructive: false, idempotent: false, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    version: version.optional(),
    data: orJsonText(z.array(record).min(1)).optional(),
    path: filePath.optional(),
    from_hours: z.number().positive().max(87_600).optional(),
    outcome_column: z.string().min(1).max(256).optional(),
  }),
  output: z.strictObject({
    note: storedNote.optional(),
    model_id: z.string(),
    version: z.string(),
    reference_id: z.string(),
    rows: z.int(),
    undo: z.string().optional(),
    source: z.string(),
    created_at: z.string(),
    features: z.array(
      z.strictObject({
        name: z.string(),
        type: z.enum(['numeric', 'categorical', 'boolean']),
        missing: z.number(),
      }),
    ),
    predictions: z.array(z.string()),
    kept_rows: z.int(),
    outcomes: z.int(),
    warnings,
    not_whole: notWhole,
  }),
  rowArguments: ['data'],
  async handle(services, input, { origin, signal, progress }) {
    const {
      record: version_,
      reference,
      formerId,
      warnings: found,
    } = await whileWaiting(progress, 'reading the rows', (step) =>
      services.monitoring.setReference(
        {
          modelId: input.model_id,
          version: input.version,
          rows: rowSource(input),
          outcomeColumn: input.outcome_column,
          signal,
          step,
        },
        origin,
      ),
    );
    const features = reference.features.map(({ name, kind, count, missing }) => ({
      name,
      type: kind,
      missing: missing / Math.max(1, count + missing),
    }));
    return fittingAnswer(false, (room) => {
      const told = room.items(found, 'warnings', most.warnings);
      const predictions = room.items(
        reference.predictions.map(({ name }) => name),
        'predictions',
        most.predictions,
      );
      return {
        note: storedTexts,
        model_id: version_.modelId,
        version: version_.version,
        reference_id: reference.referenceId,
        rows: reference.rows,
        undo: undoReference(version_, formerId),
        source: reference.source,
        created_at: isoTime(reference.createdAt),
        features: room.items(features, 'features'),
        predictions,
        kept_rows: reference.keptRows,
        outcomes: reference.outcomes,
        warnings: told,
        ...room.notWhole('All are stored: detect_drift compares each.'),
      };
    });
  },
});

function rowSource(input: {
  data?: Record<string, unknown>[] | undefined;
  path?: string | undefined;
  from_hours?: number | undefined;
  outcome_column?: string | undefined;
}): RowSource {
  const given = [input.data, input.path, input.from_hours].filter((value) => value !== undefined).length;
  if (given !== 1)
    throw new ModelYardError(
      'INVALID_INPUT',
      `set_reference_data takes exactly one of data, path and from_hours; ${given} were given.`,
      'Give one of them.',
    );
  if (input.from_hours !== undefined && input.outcome_column !== undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      'outcome_column was given with from_hours.',
      'Leave it out: outcomes of logged predictions come from record_outcomes.',
    );
  if (input.data !== undefined) return { kind: 'records', records: input.data };
  if (input.path !== undefined) return { kind: 'path', path: input.path };
  const until = Date.now();
  return { kind: 'window', since: until - hoursToMs(input.from_hours ?? 0), until: until + 1 };
}
