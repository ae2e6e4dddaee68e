import { z } from 'zod';
import {
  type Measured,
  metricsOf,
  type VersionComparison,
  type VersionPerformance,
} from '../src/monitoring/live_performance/index.ts';
import type { Estimate, Metric } from '../src/monitoring/performance/index.ts';
import { isoTime } from './schemas.ts';
import { streamChange, streamChangeAnswer } from './stream_change.ts';

const metric = z.strictObject({
  value: z.number().nullable(),
  interval: z.array(z.number()).nullable(),
  method: z.string().optional(),
  note: z.string().optional(),
});
const metrics = z.record(z.string(), metric);

/** What is said of one version. */
export const versionFields = {
  version: z.string(),
  count: z.number().describe('Calls'),
  error_count: z.number(),
  error_rate: metric,
  latency_ms: z.strictObject({
    p50: z.number().nullable(),
    p95: z.number().nullable(),
    p99: z.number().nullable(),
  }),
  throughput: z.strictObject({ calls_per_s: z.number(), peak_calls_per_minute: z.number() }),
  outcomes: z.strictObject({ answered_rows: z.number(), with_outcome: z.number() }),
  task: z.enum(['binary', 'multiclass', 'regression']).nullable(),
  positive_class: z.string().nullable().optional(),
  metrics,
  per_class: z.array(z.strictObject({ label: z.string(), support: z.number(), metrics })).optional(),
  confusion_matrix: z
    .strictObject({ labels: z.array(z.string()), counts: z.array(z.array(z.number())) })
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
            count: z.number(),
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
      count: z.number(),
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
    .describe('Without outcomes, from calibrated confidence'),
  reference: z
    .strictObject({
      reference_id: z.string(),
      rows: z.number(),
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
  segments: z.array(z.strictObject({ segment: z.string(), rows: z.number(), metrics })).optional(),
  segments_total: z.number().optional(),
  changes: z.array(streamChange).describe('Of the share of errors, or the typical ms'),
  notes: z.array(z.string()),
};

type VersionAnswer = z.input<z.ZodObject<typeof versionFields>>;

/** Of a concise answer: segments and changes. */
const conciseItems = 8;
/** Of segments the metrics that matter most. */
const segmentMetrics = ['accuracy', 'f1', 'roc_auc', 'mae', 'bias'];
/** A matrix of more classes is a matter of detail. */
const conciseClasses = 8;

export function versionAnswer(given: VersionPerformance, isDetailed: boolean): VersionAnswer {
  const { record, calls, measured, segments, changes } = given;
  const shown = isDetailed ? Number.POSITIVE_INFINITY : conciseItems;
  return {
    version: record.version,
    count: calls.calls,
    error_count: calls.errors,
    error_rate: shownMetric(calls.errorRate, isDetailed),
    latency_ms: calls.latencyMs,
    throughput: {
      calls_per_s: short(calls.callsPerSecond),
      peak_calls_per_minute: calls.peakCallsPerMinute,
    },
    outcomes: { answered_rows: given.answered, with_outcome: given.withOutcome },
    ...measuredAnswer(measured, isDetailed),
    ...(given.estimate && { estimated: estimateAnswer(given.estimate) }),
    ...(given.reference && { reference: referenceAnswer(given.reference) }),
    ...(segments && {
      segments: segments.slice(0, shown).map(({ name, rows, measured: own }) => ({
        segment: name,
        rows,
        metrics: shownMetrics(metricsOf(own), isDetailed, isDetailed ? undefined : segmentMetrics),
      })),
      segments_total: segments.length,
    }),
    changes: changes.slice(0, shown).map(streamChangeAnswer),
    notes: notesOf(given),
  };
}

type MeasuredAnswer = Pick<
  VersionAnswer,
  'task' | 'positive_class' | 'metrics' | 'per_class' | 'confusion_matrix' | 'calibration'
>;

function measuredAnswer(measured: Measured, isDetailed: boolean): MeasuredAnswer {
  if (measured.task === 'none' || measured.performance.count === 0) return { task: null, metrics: {} };
  const metrics = shownMetrics(metricsOf(measured), isDetailed);
  if (measured.task === 'regression') return { task: 'regression', metrics };
  const { task, positive_class, per_class, confusion_matrix } = measured.performance;
  const { labels, counts } = confusion_matrix;
  const reliability = measured.calibration?.equal_width;
  return {
    task,
    positive_class,
    metrics,
    ...(isDetailed && {
      per_class: per_class.map(({ label, support, precision, recall, f1 }) => ({
        label,
        support,
        metrics: shownMetrics({ precision, recall, f1 }, true),
      })),
    }),
    ...((isDetailed || labels.length <= conciseClasses) && { confusion_matrix: { labels, counts } }),
    ...(reliability && {
      calibration: {
        expected_calibration_error: short(reliability.expected_calibration_error),
        reliability: short(reliability.reliability),
        resolution: short(reliability.resolution),
        uncertainty: short(reliability.uncertainty),
        ...(isDetailed && {
          bins: reliability.bins.map(({ interval, ...bin }) => ({
            ...bin,
            interval: [short(interval.low), short(interval.high)],
          })),
        }),
      },
    }),
  };
}

function estimateAnswer({
  count,
  method,
  accuracy,
  f1,
  roc_auc,
}: NonNullable<VersionPerformance['estimate']>): VersionAnswer['estimated'] {
  const shown = ({ value, standard_error, band, note }: Estimate) => ({
    value,
    standard_error: standard_error === null ? null : short(standard_error),
    band: band && [short(band.low), short(band.high)],
    ...(note !== undefined && { note }),
  });
  return {
    is_estimate: true,
    method,
    count,
    metrics: { accuracy: shown(accuracy), f1: shown(f1), roc_auc: shown(roc_auc) },
  };
}

function referenceAnswer({
  referenceId,
  measured,
  drops,
}: NonNullable<VersionPerformance['reference']>): VersionAnswer['reference'] {
  const values = Object.entries(metricsOf(measured)).map(([name, { value }]): [string, number | null] => [
    name,
    value,
  ]);
  return {
    reference_id: referenceId,
    rows: measured.task === 'none' ? 0 : measured.performance.count,
    metrics: Object.fromEntries(values),
    drops: drops.map(({ metric: name, drop }) => ({ metric: name, ...drop })),
  };
}

function notesOf({ answered, withOutcome, measured, estimate, calls, notes }: VersionPerformance): string[] {
  const said = [...notes];
  if (measured.task === 'none') said.push(measured.note);
  else said.push(...measured.performance.notes);
  if (calls.calls === 0 && answered === 0)
    return ['NOT_ENOUGH_DATA: it was not called in the window.', ...said];
  if (withOutcome === 0)
    said.unshift(
      estimate === undefined
        ? 'NOT_ENOUGH_DATA: no row has an outcome. record_outcomes gives them; a reference with outcomes allows estimates.'
        : 'No row has an outcome: what is estimated is right as long as the probabilities are calibrated.',
    );
  return said;
}

export function comparisonAnswer({ since, arms, sampleRatio, comparisons, notes }: VersionComparison) {
  return {
    since: isoTime(since),
    arms: arms.map(({ version, weight, units, calls }) => ({ version, weight, units, calls })),
    sample_ratio: { p_value: sampleRatio.p_value, is_mismatch: sampleRatio.is_mismatch },
    verdicts: comparisons.map(({ metric: name, versionA, versionB, interval, ...comparison }) => ({
      metric: name,
      a: versionA,
      b: versionB,
      verdict: comparison.verdict,
      value_a: comparison.a,
      value_b: comparison.b,
      difference: comparison.difference,
      interval: interval && [short(interval.low), short(interval.high)],
      detail: comparison.detail,
    })),
    notes,
  };
}

function shownMetrics(
  given: Readonly<Record<string, Metric>>,
  isDetailed: boolean,
  only?: readonly string[],
): z.input<typeof metrics> {
  const shown = Object.entries(given)
    .filter(([name]) => only?.includes(name) ?? true)
    .map(([name, one]): [string, z.input<typeof metric>] => [name, shownMetric(one, isDetailed)]);
  return Object.fromEntries(shown);
}

/** The value as it was computed; of its interval a few digits. */
function shownMetric({ value, interval, note }: Metric, isDetailed: boolean): z.input<typeof metric> {
  return {
    value,
    interval: interval && [short(interval.low), short(interval.high)],
    ...(isDetailed && interval && { method: interval.method }),
    ...(note !== undefined && { note }),
  };
}

function short(value: number): number {
  return Number(value.toPrecision(4));
}
