import { z } from 'zod';
import { ModelYardError } from '../src/errors.ts';
import { driftMethodNames } from '../src/monitoring/drift/index.ts';
import type { RowSource } from '../src/monitoring/rows/read_source.ts';
import { whileWaiting } from '../src/while_waiting.ts';
import { answerOf, conciseResults, driftAnswer } from './answers/drift_answer.ts';
import { openAlertsOf } from './answers/open_alerts.ts';
import { fittingAnswer } from './answers/room.ts';
import { isoTime } from './answers/schemas.ts';
import {
  filePath,
  hoursToMs,
  modelId,
  names,
  orJsonText,
  record,
  responseFormat,
  timestamp,
  version,
} from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

export const detectDrift = defineTool({
  name: 'detect_drift',
  title: 'Detect drift',
  description:
    "Compares current rows (the log's window, current_data or current_path) with the reference (set_reference_data first): features, predictions, columns, missing values, categories; worst first. Drift takes evidence, corrected for the number of features, and min_effect: large samples raise no alarm over nothing; under 30 rows no verdict. Errors, latency: health_check.",
  permission: 'READ',
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    version: version.optional().describe('Default, here and elsewhere: active, else in production'),
    target: z.enum(['features', 'predictions', 'all']).default('all'),
    method: z
      .enum(['auto', ...driftMethodNames, 'multivariate'])
      .default('auto')
      .describe('auto: ks_test for numbers, else chi_square; multivariate: all numbers at once'),
    current_data: orJsonText(z.array(record)).optional(),
    current_path: filePath.optional(),
    reference_data: orJsonText(z.array(record)).optional().describe('Not kept'),
    reference_path: filePath.optional(),
    window_hours: z.number().positive().max(87_600).default(24),
    since: timestamp.optional(),
    until: timestamp.optional(),
    features: names.optional(),
    threshold: z.number().positive().optional().describe('Adjusted p below it; distances: score from it on'),
    min_effect: z.number().min(0).max(1).optional().describe('Default 0.1; 0: no guard'),
    missing_threshold: z.number().min(0).max(1).optional().describe('Change of a missing share'),
    correction: z.enum(['bh', 'bonferroni', 'none']).default('bh'),
    segment_by: z.string().min(1).max(256).optional().describe('A feature'),
    buckets: z.number().int().min(2).max(100).optional().describe('Parts over time'),
    reference_id: z.string().min(1).max(64).optional(),
    chart: z.boolean().default(false).describe('PNG'),
    response_format: responseFormat,
  }),
  output: driftAnswer,
  rowArguments: ['current_data', 'reference_data'],
  async handle(services, input, { caller, signal, show, progress }) {
    const isDetailed = input.response_format === 'detailed';
    const report = await whileWaiting(progress, 'reading the rows', (step) =>
      services.monitoring.detectDrift(
        {
          modelId: input.model_id,
          version: input.version,
          target: input.target,
          rows: rowSource(input),
          features: input.features,
          referenceId: input.reference_id,
          reference: givenReference(input),
          segmentBy: input.segment_by,
          buckets: input.buckets,
          chart: input.chart,
          medians: isDetailed ? 200 : conciseResults,
          options: {
            method: input.method,
            correction: input.correction,
            significance: services.settings.driftThreshold,
            missingThreshold: input.missing_threshold ?? services.settings.missingThreshold,
            ...(input.threshold !== undefined && { threshold: input.threshold }),
            ...(input.min_effect !== undefined && { minEffect: input.min_effect }),
          },
          signal,
          step,
        },
        caller,
      ),
    );
    for (const picture of report.pictures) show(picture);
    const alerts = await openAlertsOf(services, input.model_id);
    return fittingAnswer(isDetailed, (room) => ({
      ...answerOf(report, room, isDetailed, input.segment_by),
      ...alerts,
    }));
  },
});

function rowSource(input: {
  current_data?: Record<string, unknown>[] | undefined;
  current_path?: string | undefined;
  window_hours: number;
  since?: string | undefined;
  until?: string | undefined;
}): RowSource {
  const given = givenRows(
    { name: 'current_data', value: input.current_data },
    { name: 'current_path', value: input.current_path },
  );
  if (given !== undefined) return given;
  const until = input.until === undefined ? Date.now() + 1 : Date.parse(input.until);
  const since = input.since === undefined ? until - hoursToMs(input.window_hours) : Date.parse(input.since);
  if (since >= until)
    throw new ModelYardError(
      'INVALID_INPUT',
      `since=${input.since} is not before until=${isoTime(until)}.`,
      'Swap them.',
    );
  return { kind: 'window', since, until };
}

/** @throws INVALID_INPUT when a stored reference is named as well */
function givenReference(input: {
  reference_data?: Record<string, unknown>[] | undefined;
  reference_path?: string | undefined;
  reference_id?: string | undefined;
}): RowSource | undefined {
  const given = givenRows(
    { name: 'reference_data', value: input.reference_data },
    { name: 'reference_path', value: input.reference_path },
  );
  if (given !== undefined && input.reference_id !== undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      'reference_id and rows of a reference were both given.',
      'Give one of reference_id, reference_data and reference_path.',
    );
  return given;
}

/** @throws INVALID_INPUT when both were given */
function givenRows(
  data: { name: string; value: Record<string, unknown>[] | undefined },
  path: { name: string; value: string | undefined },
): RowSource | undefined {
  if (data.value !== undefined && path.value !== undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `${data.name} and ${path.name} were both given.`,
      'Give one of them.',
    );
  if (data.value !== undefined) return { kind: 'records', records: data.value };
  return path.value === undefined ? undefined : { kind: 'path', path: path.value };
}
