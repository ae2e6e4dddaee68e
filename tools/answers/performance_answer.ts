import type { z } from 'zod';
import type { VersionPerformance } from '../../src/monitoring/live_performance/index.ts';
import {
  describeDrops,
  type Measured,
  metricsOf,
  type VersionComparison,
} from '../../src/monitoring/live_performance/index.ts';
import { type Estimate, type Metric, metricsFor } from '../../src/monitoring/performance/index.ts';
import { agreementAnswer } from './agreement_answer.ts';
import { latencyAnswer, queueTimeAnswer } from './latency.ts';
import type { metric, metrics, versionAmongOthers, versionFields } from './performance_fields.ts';
import { isoTime } from './schemas.ts';
import { streamChangeAnswer } from './stream_change.ts';

type VersionAnswer = z.input<z.ZodObject<typeof versionFields>>;

/** Versions beyond which each is told of in few words, unless all is asked for. */
const conciseVersions = 3;
const briefNotes = 1;

/** Segments and changes in a concise answer. */
const conciseItems = 8;
/** The most important metrics, shown of each segment. */
const segmentMetrics = metricsFor('segments').map(({ name }) => name);
/** Confusion matrices of more classes are shown in detailed answers only. */
const conciseClasses = 8;

export function versionAnswer(given: VersionPerformance, isDetailed: boolean): VersionAnswer {
  const { record, calls, measured, segments, changes } = given;
  const shown = isDetailed ? Number.POSITIVE_INFINITY : conciseItems;
  return {
    version: record.version,
    count: calls.calls,
    error_count: calls.errors,
    error_rate: shownMetric(calls.errorRate, isDetailed),
    latency_ms: latencyAnswer(calls.latencyMs),
    queue_ms: queueTimeAnswer(calls.queueMs),
    throughput: {
      calls_per_s: short(calls.callsPerSecond),
      peak_calls_per_minute: calls.peakCallsPerMinute,
    },
    outcomes:
      given.rowsOf === 'shadow'
        ? {
            answered_rows: given.shadow?.agreement.rows ?? 0,
            with_outcome: given.shadowsWithOutcome,
            of: 'shadow',
          }
        : { answered_rows: given.answered, with_outcome: given.withOutcome, of: 'callers' },
    ...measuredAnswer(measured, isDetailed),
    ...(given.estimate && { estimated: estimateAnswer(given.estimate) }),
    ...(given.reference && { reference: referenceAnswer(given.reference) }),
    ...(given.shadow && { agreement: shadowAnswer(given, given.shadow, isDetailed) }),
    ...(segments && {
      segments: segments.slice(0, shown).map((segment) => segmentAnswer(segment, isDetailed)),
      segments_total: segments.length,
    }),
    changes: changes.slice(0, shown).map(streamChangeAnswer),
    notes: [...notesOnSegments(given, isDetailed), ...notesOf(given)],
  };
}

/** Each version; of many what tells them apart. */
export function versionAnswers(
  versions: readonly VersionPerformance[],
  isDetailed: boolean,
): z.input<typeof versionAmongOthers>[] {
  if (isDetailed || versions.length <= conciseVersions)
    return versions.map((one) => versionAnswer(one, isDetailed));
  return versions.map((one) => {
    const { version, count, error_rate, latency_ms, outcomes, task, notes, agreement } = versionAnswer(
      one,
      false,
    );
    const { note: _, ...quantiles } = latency_ms;
    return {
      version,
      count,
      error_rate: rounded(error_rate),
      latency_ms: quantiles,
      outcomes,
      task,
      metrics: Object.fromEntries(
        Object.entries(shownMetrics(metricsOf(one.measured), false, segmentMetrics)).map(([name, value]) => [
          name,
          rounded(value),
        ]),
      ),
      ...(agreement && { agreement }),
      notes: notes.slice(0, briefNotes),
    };
  });
}

function rounded({ value, ...rest }: z.input<typeof metric>): z.input<typeof metric> {
  return { ...rest, value: value === null ? null : short(value) };
}

function segmentAnswer(
  { name, rows, measured, reference, drops }: NonNullable<VersionPerformance['segments']>[number],
  isDetailed: boolean,
): NonNullable<VersionAnswer['segments']>[number] {
  const only = isDetailed ? undefined : segmentMetrics;
  const shownDrops = drops.filter(({ dropped }) => isDetailed || dropped);
  return {
    segment: name,
    rows,
    metrics: shownMetrics(metricsOf(measured), isDetailed, only),
    reference: reference
      ? {
          rows: reference.rows,
          metrics: Object.fromEntries(
            Object.entries(metricsOf(reference.measured))
              .filter(([metricName]) => only?.includes(metricName) ?? true)
              .map(([metricName, { value }]) => [metricName, value]),
          ),
        }
      : null,
    ...(shownDrops.length > 0 && {
      drops: shownDrops.map(({ metric: metricName, by, p_value, p_adjusted, dropped }) => ({
        metric: metricName,
        by: short(by),
        p_value: short(p_value),
        p_adjusted: short(p_adjusted),
        dropped,
      })),
    }),
  };
}

/** The segments that got worse, by name, and how many more. */
function notesOnSegments({ segments, segmentBy }: VersionPerformance, isDetailed: boolean): string[] {
  const said = (segments ?? []).flatMap(({ name, drops }) => describeDrops(segmentBy ?? '', name, drops));
  const left = isDetailed ? 0 : said.length - conciseItems;
  return left <= 0 ? said : [...said.slice(0, conciseItems), `… and ${left} more drops of segments.`];
}

function shadowAnswer(
  { record, shadowsWithOutcome }: VersionPerformance,
  shadow: NonNullable<VersionPerformance['shadow']>,
  isDetailed: boolean,
): VersionAnswer['agreement'] {
  const areClasses = record.signature.outputs.some(({ role }) => role !== undefined);
  return {
    ...agreementAnswer(shadow, areClasses),
    ...(shadow.measured && {
      with_outcome: shadowsWithOutcome,
      metrics: shownMetrics(metricsOf(shadow.measured), isDetailed, isDetailed ? undefined : segmentMetrics),
    }),
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
  const reliability = measured.performance.calibration?.equal_width;
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

function notesOf(given: VersionPerformance): string[] {
  const { answered, measured, estimate, calls, shadows, rowsOf } = given;
  const said = [...given.notes];
  if (measured.task === 'none') said.push(measured.note);
  else said.push(...measured.performance.notes);
  said.push(...(estimate?.notes ?? []));
  if (calls.calls === 0 && answered === 0 && shadows === 0)
    return ['NOT_ENOUGH_DATA: it was not called in the window.', ...said];
  if ((rowsOf === 'shadow' ? given.shadowsWithOutcome : given.withOutcome) === 0)
    said.unshift(
      estimate === undefined
        ? 'NOT_ENOUGH_DATA: no row has an outcome. record_outcomes gives them; a reference with outcomes allows estimates.'
        : 'No row has an outcome: what is estimated is right as long as the probabilities are calibrated.',
    );
  if (rowsOf === 'shadow')
    said.unshift(
      'It answered nobody in the window but as a shadow: metrics are of that, by the outcomes of the predictions given.',
    );
  return said;
}

/** Of many versions error rates that are not surely apart are left out, unless all is asked for. */
export function comparisonAnswer(
  { since, arms, sampleRatio, comparisons: all, winner, notes }: VersionComparison,
  isDetailed: boolean,
) {
  const isBrief = !isDetailed && arms.length > conciseVersions;
  const comparisons = isBrief
    ? all.filter(
        ({ metric: name, verdict }) =>
          name !== 'error_rate' || verdict === 'a_better' || verdict === 'b_better',
      )
    : all;
  const left = all.length - comparisons.length;
  const number = (value: number | null) => (value === null || !isBrief ? value : short(value));
  return {
    since: isoTime(since),
    arms: arms.map(({ version, weight, units, calls, value, isShadow }) => ({
      version,
      weight: number(weight) ?? 0,
      units,
      calls,
      value: number(value ?? null),
      ...(isShadow && { shadow: true }),
    })),
    sample_ratio: { p_value: sampleRatio.p_value, is_mismatch: sampleRatio.is_mismatch },
    verdicts: comparisons.map(({ metric: name, versionA, versionB, interval, ...comparison }) => ({
      metric: name,
      a: versionA,
      b: versionB,
      verdict: comparison.verdict,
      value_a: number(comparison.a),
      value_b: number(comparison.b),
      difference: number(comparison.difference),
      interval: interval && [short(interval.low), short(interval.high)],
      detail: comparison.detail,
      ...(comparison.isPaired && { paired: true }),
    })),
    winner: winner ?? null,
    notes: left === 0 ? notes : [...notes, `${left} error rates are not surely apart.`],
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

/** The value in full precision; its interval rounded. */
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
