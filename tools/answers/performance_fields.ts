import { z } from 'zod';
import { agreementFields } from './agreement_answer.ts';
import { latency, queueTime } from './latency.ts';
import { streamChange } from './stream_change.ts';

export const metric = z.strictObject({
  value: z.number().nullable(),
  interval: z.array(z.number()).nullable(),
  method: z.string().optional(),
  note: z.string().optional(),
});
export const metrics = z.record(z.string(), metric);

const segmentDrop = z.strictObject({
  metric: z.string(),
  by: z.number(),
  p_value: z.number(),
  p_adjusted: z.number(),
  dropped: z.boolean(),
});

/** What is said of one version; of one among many less. */
export const versionFields = {
  version: z.string(),
  count: z.int().describe('Calls'),
  error_count: z.int(),
  error_rate: metric,
  latency_ms: latency,
  queue_ms: queueTime,
  throughput: z.strictObject({ calls_per_s: z.number(), peak_calls_per_minute: z.number() }),
  outcomes: z.strictObject({
    answered_rows: z.int(),
    with_outcome: z.int(),
    of: z.enum(['callers', 'shadow']).describe('Whose rows the metrics are of'),
  }),
  task: z.enum(['binary', 'multiclass', 'regression']).nullable(),
  positive_class: z.string().nullable().optional(),
  metrics,
  per_class: z.array(z.strictObject({ label: z.string(), support: z.int(), metrics })).optional(),
  confusion_matrix: z
    .strictObject({ labels: z.array(z.string()), counts: z.array(z.array(z.int())) })
    .optional()
    .describe('Rows: actual'),
  calibration: z
    .strictObject({
      expected_calibration_error: z.number(),
      reliability: z.number(),
      resolution: z.number(),
      uncertainty: z.number(),
      bins: z
        .array(
          z.strictObject({
            low: z.number(),
            high: z.number(),
            count: z.int(),
            mean_predicted: z.number(),
            observed: z.number(),
            interval: z.array(z.number()),
          }),
        )
        .optional(),
    })
    .optional(),
  estimated: z
    .strictObject({
      is_estimate: z.literal(true),
      method: z.string(),
      count: z.int(),
      metrics: z.record(
        z.string(),
        z.strictObject({
          value: z.number().nullable(),
          standard_error: z.number().nullable(),
          band: z.array(z.number()).nullable(),
          note: z.string().optional(),
        }),
      ),
    })
    .optional()
    .describe('Where no outcomes'),
  reference: z
    .strictObject({
      reference_id: z.string(),
      rows: z.int(),
      metrics: z.record(z.string(), z.number().nullable()),
      drops: z.array(
        z.strictObject({
          metric: z.string(),
          dropped: z.boolean(),
          by: z.number().nullable(),
          detail: z.string(),
        }),
      ),
    })
    .optional(),
  agreement: z
    .strictObject({ ...agreementFields, with_outcome: z.int().optional(), metrics: metrics.optional() })
    .optional()
    .describe('As a shadow'),
  segments: z
    .array(
      z.strictObject({
        segment: z.string(),
        rows: z.int(),
        metrics,
        reference: z
          .strictObject({ rows: z.int(), metrics: z.record(z.string(), z.number().nullable()) })
          .nullable(),
        drops: z.array(segmentDrop).optional(),
      }),
    )
    .optional(),
  segments_total: z.int().optional(),
  changes: z.array(streamChange).describe('Of error share or typical ms'),
  notes: z.array(z.string()),
};

export const versionAmongOthers = z
  .strictObject(versionFields)
  .partial({ error_count: true, queue_ms: true, throughput: true, changes: true });
