import { z } from 'zod';
import { ModelYardError } from '../src/errors.ts';
import type { RowSource } from '../src/monitoring/read_source.ts';
import { defineTool } from './define_tool.ts';
import { hoursToMs, isoTime, modelId, orJsonText, record, version, warnings } from './schemas.ts';

export const setReferenceData = defineTool({
  name: 'set_reference_data',
  title: 'Set reference data',
  description:
    'Stores the rows that detect_drift compares with, per version: rows like those the model was trained on. Give exactly one of data (records), path (CSV with a header line, Parquet or JSON Lines) or from_hours (the last hours of this version in the prediction log). Where the rows have all features the model scores them too, so that drift of predictions can be seen. outcome_column names what really was, for estimates of performance. The newest reference counts; older ones are kept. Next: detect_drift.',
  permission: 'WRITE',
  hints: { readOnly: false, destructive: false, idempotent: false, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    version: version.optional().describe('Default: the active version, else the one in production'),
    data: orJsonText(z.array(record).min(1)).optional().describe('[{"feature": value, …}, …]'),
    path: z.string().min(1).max(4096).optional().describe('Absolute path of a file'),
    from_hours: z.number().positive().max(87_600).optional(),
    outcome_column: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .describe('Not with from_hours: the log knows outcomes'),
  }),
  output: z.strictObject({
    model_id: z.string(),
    version: z.string(),
    reference_id: z.string(),
    rows: z.number(),
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
    kept_rows: z.number(),
    outcomes: z.number(),
    warnings,
  }),
  rowArguments: ['data'],
  async handle(services, input, { origin, signal }) {
    const {
      record: version_,
      reference,
      warnings: found,
    } = await services.monitoring.setReference(
      {
        modelId: input.model_id,
        version: input.version,
        rows: rowSource(input),
        outcomeColumn: input.outcome_column,
        signal,
      },
      origin,
    );
    return {
      model_id: version_.modelId,
      version: version_.version,
      reference_id: reference.referenceId,
      rows: reference.rows,
      source: reference.source,
      created_at: isoTime(reference.createdAt),
      features: reference.features.map(({ name, kind, count, missing }) => ({
        name,
        type: kind,
        missing: missing / Math.max(1, count + missing),
      })),
      predictions: reference.predictions.map(({ name }) => name),
      kept_rows: reference.keptRows,
      outcomes: reference.outcomes,
      warnings: found,
    };
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
