import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { uploadNameIn } from '../src/files/file_access.ts';
import type { OutcomeSummary } from '../src/serving/file/summary.ts';
import { mimeTypeOf } from '../src/tables/formats.ts';
import { beginning, roomFor } from './answers/room.ts';
import { notWhole } from './answers/schemas.ts';
import { storedNote, storedTexts } from './answers/stored_texts.ts';
import { filePath, modelId, names, version } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

/** Characters of the parts of an answer; classes have what is left. */
const most = { failures: 2500, error: 500, warnings: 1500 };

const column = z.string().min(1).max(512);

export const predictFile = defineTool({
  name: 'predict_file',
  title: 'Predict file',
  description:
    'Predicts a file of any size into a new one: its columns, then prediction_id, prediction, P(class) or prediction[0]…, error. Columns match features by name. Failed rows get an error, the rest go on. One version answers all. Nothing is overwritten; the output appears whole or not at all. Up to 1000 rows: predict. Next: detect_drift.',
  permission: 'FILE',
  hints: { readOnly: false, destructive: false, idempotent: false, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    input_path: filePath.describe('.csv, .jsonl, .ndjson, .parquet'),
    output_path: filePath.optional().describe('Default: NAME.predictions.EXT beside it'),
    version: version.optional(),
    outputs: names.optional(),
    id_column: column.optional().describe('Your own prediction ids'),
    entity_column: column.optional().describe('Whom a row is about; logged'),
    outcome_column: column.optional().describe('Actual values: compared, and recorded where log is true'),
    log: z.boolean().default(true),
  }),
  output: z.strictObject({
    note: storedNote.optional(),
    model_id: z.string(),
    version: z.string(),
    route: z.enum(['active', 'pinned']),
    rows: z.int(),
    failed_rows: z.int(),
    failures: z
      .array(z.strictObject({ line: z.int(), error: z.string() }))
      .describe('First ten; Parquet: line is the row from 1'),
    output_path: z.string(),
    seconds: z.number(),
    rows_per_s: z.number(),
    warnings: z.array(z.string()).optional(),
    not_whole: notWhole,
    summary: z.strictObject({
      classes: z.record(z.string(), z.int()).optional().describe('Rows per predicted class'),
      other_class_rows: z.int().optional(),
      numbers: z.strictObject({ min: z.number(), mean: z.number(), max: z.number() }).optional(),
      outcome: z
        .strictObject({
          rows: z.int(),
          rows_without: z.int(),
          accuracy: z.number().optional(),
          mae: z.number().optional(),
          rmse: z.number().optional(),
        })
        .optional(),
    }),
  }),
  async handle(services, input, { progress, signal, origin }) {
    const { summary, ...report } = await services.serving.predictFile(
      {
        modelId: input.model_id,
        version: input.version,
        outputs: input.outputs,
        inputPath: input.input_path,
        outputPath: input.output_path,
        idColumn: input.id_column,
        entityColumn: input.entity_column,
        outcomeColumn: input.outcome_column,
        log: input.log,
        origin,
      },
      progress,
      signal,
    );
    const room = roomFor(false);
    const failures = room.items(
      report.failures.map(({ line, error }) => ({ line, error: beginning(error, most.error) })),
      'failures',
      most.failures,
    );
    const told = room.items(report.warnings, 'warnings', most.warnings);
    const { classes } = summary;
    return {
      note: storedTexts,
      model_id: input.model_id,
      version: report.version,
      route: report.route,
      rows: report.rows,
      failed_rows: report.failedRows,
      failures,
      output_path: report.outputPath,
      seconds: Number(report.seconds.toFixed(3)),
      rows_per_s: Math.round(report.rows / report.seconds),
      ...(report.warnings.length > 0 && { warnings: told }),
      summary: {
        ...(classes && { classes: room.members(Object.fromEntries(classes), 'classes') }),
        ...(summary.otherClassRows !== undefined && { other_class_rows: summary.otherClassRows }),
        ...(summary.numbers && { numbers: summary.numbers }),
        ...(summary.outcome && { outcome: describeOutcome(summary.outcome) }),
      },
      ...room.notWhole('All are in the file.'),
    };
  },
  // What is in the store is no file that a client could open: it downloads it.
  links: ({ output_path: written }) =>
    uploadNameIn(written) === undefined
      ? [{ uri: pathToFileURL(written).href, name: basename(written), mimeType: mimeTypeOf(written) }]
      : [],
});

function describeOutcome({ rowsWithout, ...compared }: OutcomeSummary) {
  return { ...compared, rows_without: rowsWithout };
}
