import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { mimeTypeOf } from '../src/serving/file/formats.ts';
import type { OutcomeSummary } from '../src/serving/file/summary.ts';
import { defineTool } from './define_tool.ts';
import { modelId, version } from './schemas.ts';

const path = z.string().min(1).max(4096);
const column = z.string().min(1).max(512);

export const predictFile = defineTool({
  name: 'predict_file',
  title: 'Predict a file',
  description:
    "Predicts every row of a CSV, JSON Lines or Parquet file of any size and writes a new file of the same format: the input's columns, then prediction_id, prediction, P(class) or prediction[0]…, error. Columns are matched to features by name. Rows that fail get an error and do not stop the rest. One version answers the whole file. Nothing is overwritten; the output appears whole or not at all. For up to 1000 rows at hand use predict. Next: detect_drift.",
  permission: 'PREDICT',
  hints: { readOnly: false, destructive: false, idempotent: false, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    input_path: path.describe('Absolute path of a .csv, .jsonl, .ndjson or .parquet file'),
    output_path: path.optional().describe('A new file; default: NAME.predictions.EXT beside the input'),
    version: version.optional().describe('Pins a deployed version'),
    entity_column: column.optional().describe('Column that says whom a row is about; kept in the log'),
    outcome_column: column.optional().describe('Column with what really was, to compare with'),
    log: z.boolean().default(true).describe('Write the answered rows to the prediction log'),
  }),
  output: z.strictObject({
    model_id: z.string(),
    version: z.string(),
    route: z.enum(['active', 'pinned']),
    rows: z.number(),
    failed_rows: z.number(),
    failures: z
      .array(z.strictObject({ line: z.number(), error: z.string() }))
      .describe('The first ten; in Parquet line is the row number from 1'),
    output_path: z.string(),
    seconds: z.number(),
    rows_per_s: z.number(),
    summary: z.strictObject({
      classes: z.record(z.string(), z.number()).optional().describe('Rows per predicted class'),
      other_class_rows: z.number().optional(),
      numbers: z.strictObject({ min: z.number(), mean: z.number(), max: z.number() }).optional(),
      outcome: z
        .strictObject({
          rows: z.number(),
          rows_without: z.number(),
          accuracy: z.number().optional(),
          mae: z.number().optional(),
          rmse: z.number().optional(),
        })
        .optional(),
    }),
  }),
  async handle(services, input, { progress, signal }) {
    const { summary, ...report } = await services.files.predict(
      {
        modelId: input.model_id,
        version: input.version,
        inputPath: input.input_path,
        outputPath: input.output_path,
        entityColumn: input.entity_column,
        outcomeColumn: input.outcome_column,
        log: input.log,
      },
      progress,
      signal,
    );
    return {
      model_id: input.model_id,
      version: report.version,
      route: report.route,
      rows: report.rows,
      failed_rows: report.failedRows,
      failures: report.failures,
      output_path: report.outputPath,
      seconds: Number(report.seconds.toFixed(3)),
      rows_per_s: Math.round(report.rows / report.seconds),
      summary: {
        ...(summary.classes && { classes: Object.fromEntries(summary.classes) }),
        ...(summary.otherClassRows !== undefined && { other_class_rows: summary.otherClassRows }),
        ...(summary.numbers && { numbers: summary.numbers }),
        ...(summary.outcome && { outcome: describeOutcome(summary.outcome) }),
      },
    };
  },
  links: ({ output_path: written }) => [
    { uri: pathToFileURL(written).href, name: basename(written), mimeType: mimeTypeOf(written) },
  ],
});

function describeOutcome({ rowsWithout, ...compared }: OutcomeSummary) {
  return { ...compared, rows_without: rowsWithout };
}
