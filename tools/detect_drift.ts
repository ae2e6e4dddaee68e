import { z } from 'zod';
import { ModelYardError } from '../src/errors.ts';
import type { RowSource } from '../src/monitoring/monitor.ts';
import { defineTool } from './define_tool.ts';
import {
  isoTime,
  modelId,
  names,
  orJsonText,
  record,
  responseFormat,
  timestamp,
  version,
  warnings,
} from './schemas.ts';

const methods = [
  'auto',
  'ks_test',
  'psi',
  'kl_divergence',
  'js_distance',
  'wasserstein',
  'chi_square',
] as const;
const featureTypes = ['numeric', 'categorical', 'boolean'] as const;
const severities = ['none', 'low', 'moderate', 'high'] as const;

/** How many results a concise answer shows: the drifted ones first, then by score. */
const conciseResults = 20;

export const detectDrift = defineTool({
  name: 'detect_drift',
  title: 'Detect drift',
  description:
    "Compares current rows with the version's reference data, feature by feature and for its predictions, and says which drifted. Current rows are the prediction log's window (window_hours, or since/until), or current_data (records), or current_path (CSV). A verdict needs statistical evidence, corrected for the number of features, and an effect of at least min_effect, so large samples raise no alarm over nothing; below 30 rows there is no verdict. Needs set_reference_data first. For errors and latency use health_check.",
  permission: 'READ',
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    version: version.optional().describe('Default: the active version, else the one in production'),
    target: z.enum(['features', 'predictions', 'all']).default('all'),
    method: z.enum(methods).default('auto').describe('auto: ks_test for numbers, chi_square for the rest'),
    current_data: orJsonText(z.array(record).min(1)).optional(),
    current_path: z.string().min(1).max(4096).optional().describe('Absolute path of a CSV file'),
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
    chart: z
      .boolean()
      .refine((wanted) => !wanted, 'charts are not available in this version yet; leave it false')
      .default(false)
      .describe('Not available yet'),
    response_format: responseFormat.describe(`concise: at most ${conciseResults} results, drifted first`),
  }),
  output: z.strictObject({
    model_id: z.string(),
    version: z.string(),
    is_drift: z.boolean(),
    drifted_share: z.number(),
    drifted_features: z.array(z.string()),
    results: z.array(
      z.strictObject({
        feature: z.string(),
        type: z.enum(featureTypes),
        method: z.enum(['ks_test', 'psi', 'kl_divergence', 'js_distance', 'wasserstein', 'chi_square']),
        score: z.number().nullable(),
        p_value: z.number().nullable(),
        p_adjusted: z.number().nullable(),
        effect: z.number().nullable(),
        threshold: z.number().nullable(),
        is_drift: z.boolean(),
        severity: z.enum(severities),
        reference_n: z.number(),
        current_n: z.number(),
        reference_missing: z.number(),
        current_missing: z.number(),
        reference_median: z.number().optional(),
        current_median: z.number().optional(),
        note: z.string().optional(),
      }),
    ),
    results_total: z.number(),
    reference: z.strictObject({
      reference_id: z.string(),
      created_at: z.string(),
      source: z.string(),
      rows: z.number(),
    }),
    window: z.strictObject({ source: z.string(), rows: z.number() }),
    recommendation: z.string(),
    warnings,
  }),
  async handle(services, input) {
    const report = await services.monitoring.detectDrift({
      modelId: input.model_id,
      version: input.version,
      target: input.target,
      rows: rowSource(input),
      features: input.features,
      options: {
        method: input.method,
        correction: input.correction,
        significance: services.settings.driftThreshold,
        ...(input.threshold !== undefined && { threshold: input.threshold }),
        ...(input.min_effect !== undefined && { minEffect: input.min_effect }),
      },
    });
    const { record: version_, results, summary, reference, current } = report;
    const ranked = results.toSorted(
      (a, b) => Number(b.is_drift) - Number(a.is_drift) || (b.score ?? -1) - (a.score ?? -1),
    );
    return {
      model_id: version_.modelId,
      version: version_.version,
      ...summary,
      results: input.response_format === 'detailed' ? results : ranked.slice(0, conciseResults),
      results_total: results.length,
      reference: {
        reference_id: reference.referenceId,
        created_at: isoTime(reference.createdAt),
        source: reference.source,
        rows: reference.rows,
      },
      window: current,
      warnings: report.warnings,
    };
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
  const since = input.since === undefined ? until - input.window_hours * 3_600_000 : Date.parse(input.since);
  if (since >= until)
    throw new ModelYardError(
      'INVALID_INPUT',
      `since=${input.since} is not before until=${isoTime(until)}.`,
      'Swap them.',
    );
  return { kind: 'window', since, until };
}
