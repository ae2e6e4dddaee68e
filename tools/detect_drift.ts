import { z } from 'zod';
import { ModelYardError } from '../src/errors.ts';
import type { RowSource } from '../src/monitoring/monitor.ts';
import { defineTool } from './define_tool.ts';
import { answerOf, conciseResults, driftAnswer } from './drift_answer.ts';
import {
  hoursToMs,
  isoTime,
  modelId,
  names,
  orJsonText,
  record,
  responseFormat,
  timestamp,
  version,
} from './schemas.ts';

const methods = [
  'auto',
  'ks_test',
  'psi',
  'kl_divergence',
  'js_distance',
  'wasserstein',
  'chi_square',
  'multivariate',
] as const;
export const detectDrift = defineTool({
  name: 'detect_drift',
  title: 'Detect drift',
  description:
    "Compares current rows with the version's reference data, feature by feature and for its predictions, and says which drifted, worst first; columns that came or went, shifts of missing values and new categories are findings of their own. Current rows are the prediction log's window (window_hours, or since/until), or current_data (records), or current_path (a file). A verdict needs statistical evidence, corrected for the number of features, and an effect of at least min_effect, so large samples raise no alarm over nothing; below 30 rows there is no verdict. Needs set_reference_data first. For errors and latency use health_check.",
  permission: 'READ',
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    version: version.optional().describe('Default: the active version, else the one in production'),
    target: z.enum(['features', 'predictions', 'all']).default('all'),
    method: z
      .enum(methods)
      .default('auto')
      .describe('auto: ks_test for numbers, chi_square for the rest; multivariate: all numbers at once'),
    current_data: orJsonText(z.array(record)).optional(),
    current_path: z.string().min(1).max(4096).optional().describe('Absolute path: CSV, Parquet, JSON Lines'),
    window_hours: z.number().positive().max(87_600).default(24),
    since: timestamp.optional(),
    until: timestamp.optional(),
    features: names.optional().describe('Only these features'),
    threshold: z
      .number()
      .positive()
      .optional()
      .describe('Tests: adjusted p below it; distances: score from it on'),
    min_effect: z.number().min(0).max(1).optional().describe('Default 0.1; 0 turns the guard off'),
    correction: z.enum(['bh', 'bonferroni', 'none']).default('bh'),
    segment_by: z.string().min(1).max(256).optional().describe('Compare each segment of this feature too'),
    buckets: z.number().int().min(2).max(100).optional().describe('Drift over time, in so many stretches'),
    reference_id: z.string().min(1).max(64).optional().describe('An older reference; default: the newest'),
    chart: z.boolean().default(false).describe('Adds pictures (PNG)'),
    response_format: responseFormat.describe(`concise: at most ${conciseResults} results, drifted first`),
  }),
  output: driftAnswer,
  rowArguments: ['current_data'],
  async handle(services, input, { caller, signal, show }) {
    const isDetailed = input.response_format === 'detailed';
    const report = await services.monitoring.detectDrift(
      {
        modelId: input.model_id,
        version: input.version,
        target: input.target,
        rows: rowSource(input),
        features: input.features,
        referenceId: input.reference_id,
        segmentBy: input.segment_by,
        buckets: input.buckets,
        chart: input.chart,
        medians: isDetailed ? 200 : conciseResults,
        options: {
          method: input.method,
          correction: input.correction,
          significance: services.settings.driftThreshold,
          ...(input.threshold !== undefined && { threshold: input.threshold }),
          ...(input.min_effect !== undefined && { minEffect: input.min_effect }),
        },
        signal,
      },
      caller,
    );
    for (const picture of report.pictures) show(picture);
    return answerOf(report, isDetailed, input.segment_by);
  },
});

function rowSource(input: {
  current_data?: Record<string, unknown>[] | undefined;
  current_path?: string | undefined;
  window_hours: number;
  since?: string | undefined;
  until?: string | undefined;
}): RowSource {
  const { current_data, current_path } = input;
  if (current_data !== undefined && current_path !== undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      'current_data and current_path were both given.',
      'Give one of them.',
    );
  if (current_data !== undefined) return { kind: 'records', records: current_data };
  if (current_path !== undefined) return { kind: 'path', path: current_path };
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
