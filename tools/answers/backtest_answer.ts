import { z } from 'zod';
import type { BacktestReport, PairedMetric } from '../../src/backtest/report.ts';
import { backtestVerdicts } from '../../src/backtest/report.ts';
import { agreementTolerance } from '../../src/serving/shadow.ts';
import { roomFor } from './room.ts';
import { notWhole, warnings } from './schemas.ts';
import { storedNote, storedTexts } from './stored_texts.ts';

const nullable = z.number().nullable();
const runTimes = z.strictObject({ p50: z.number(), p95: z.number(), runs: z.int() }).nullable();

export const backtestAnswer = z.strictObject({
  note: storedNote.optional(),
  model_id: z.string(),
  version: z.string(),
  against: z.string(),
  verdict: z.enum(backtestVerdicts),
  reason: z.string(),
  rows: z.strictObject({
    available: z.int(),
    replayed: z.int(),
    compared: z.int().describe('Answered by both'),
    with_outcome: z.int(),
    units: z.int().describe('Entities, else calls, with outcomes'),
    sample: z.string().optional(),
  }),
  agreement: z.strictObject({
    agreed: z.int(),
    share: nullable,
    tolerance: z.number().optional().describe('Relative'),
    mean_difference: nullable.optional(),
    mean_absolute_difference: nullable.optional(),
    where: z
      .array(z.strictObject({ feature: z.string(), range: z.string(), rows: z.int(), share: nullable }))
      .describe('Where they disagree more than elsewhere, beyond chance'),
    segments: z
      .array(
        z.strictObject({
          segment: z.string(),
          rows: z.int(),
          share: nullable,
          with_outcome: z.int(),
          against: nullable.describe('Accuracy or mean absolute error'),
          version: nullable,
        }),
      )
      .optional(),
  }),
  differences: z
    .array(
      z.strictObject({
        row: z.string(),
        features: z.record(z.string(), z.unknown()),
        against: z.unknown(),
        version: z.unknown(),
        difference: nullable,
        actual: z.unknown(),
      }),
    )
    .describe('The largest'),
  metrics: z.array(
    z.strictObject({
      metric: z.string(),
      against: nullable,
      version: nullable,
      difference: nullable,
      interval: z.array(z.number()).nullable().describe('95 %'),
      p_value: nullable,
      p_adjusted: nullable.describe('Holm'),
      test: z.string(),
      verdict: z.string().nullable(),
      detail: z.string().optional(),
    }),
  ),
  refused_rows: z.strictObject({
    version: z.int(),
    against: z.int(),
    reasons: z.array(z.strictObject({ by: z.string(), rows: z.int(), reason: z.string() })),
  }),
  latency_ms: z
    .strictObject({ version: runTimes, against: runTimes })
    .describe('Of runs of one row, in turns, on processors that live calls have first'),
  source: z.string(),
  warnings,
  not_whole: notWhole,
});

/** What a concise answer has at most, so that it stays below 2 000 tokens. */
const concise = { differences: 3, features: 8, ranges: 5, segments: 10, reasons: 3, characters: 80 };
/** Characters of lists of a concise answer. */
const parts = { warnings: 800, metrics: 3000 };
const detailed = { differences: 20, features: 12, ranges: 20, segments: 20, reasons: 20, characters: 500 };

export function describeBacktest(
  report: BacktestReport,
  isDetailed: boolean,
): z.input<typeof backtestAnswer> {
  const most = isDetailed ? detailed : concise;
  const { agreement, refused, rows } = report;
  const room = roomFor(isDetailed);
  const told = room.items(report.warnings, 'warnings', parts.warnings);
  const metrics = room.items(
    report.metrics.map((metric) => describeMetric(metric, isDetailed)),
    'metrics',
    parts.metrics,
  );
  const isOfNumbers = agreement.meanDifference !== null;
  return {
    note: storedTexts,
    model_id: report.modelId,
    version: report.candidate,
    against: report.incumbent,
    verdict: report.verdict,
    reason: report.reason,
    rows: {
      available: rows.available,
      replayed: rows.replayed,
      compared: rows.compared,
      with_outcome: rows.withOutcome,
      units: report.units.count,
      ...(report.sampleSeed !== null && {
        sample: `Uniform over the rows, without replacement, seed ${report.sampleSeed}: the same each time.`,
      }),
    },
    agreement: {
      agreed: agreement.agreed,
      share: rounded(agreement.share),
      ...(isOfNumbers && {
        tolerance: agreementTolerance.relative,
        mean_difference: rounded(agreement.meanDifference),
        mean_absolute_difference: rounded(agreement.meanAbsoluteDifference),
      }),
      where: agreement.where.slice(0, most.ranges).map(({ feature, range, rows: own, share }) => ({
        feature,
        range: short(range, most.characters),
        rows: own,
        share: rounded(share),
      })),
      ...(agreement.segments.length > 0 && {
        segments: agreement.segments.slice(0, most.segments).map((part) => ({
          segment: short(part.segment, most.characters),
          rows: part.rows,
          share: rounded(part.share),
          with_outcome: part.outcomes,
          against: rounded(part.incumbent),
          version: rounded(part.candidate),
        })),
      }),
    },
    differences: report.differences.slice(0, most.differences).map((one) => ({
      row: one.row,
      features: Object.fromEntries(
        Object.entries(one.features)
          .slice(0, most.features)
          .map(([name, value]) => [name, shortValue(value, most.characters)]),
      ),
      against: shortValue(one.incumbent, most.characters),
      version: shortValue(one.candidate, most.characters),
      difference: rounded(one.difference),
      actual: shortValue(one.actual, most.characters),
    })),
    metrics,
    refused_rows: {
      version: refused.candidate,
      against: refused.incumbent,
      reasons: refused.reasons.slice(0, most.reasons).map(({ by, rows: own, reason }) => ({
        by: by === 'candidate' ? report.candidate : report.incumbent,
        rows: own,
        reason: short(reason, 3 * most.characters),
      })),
    },
    latency_ms: { version: report.latencyMs.candidate, against: report.latencyMs.incumbent },
    source: report.source,
    warnings: told,
    ...room.notWhole('All: response_format=detailed.'),
  };
}

function describeMetric(metric: PairedMetric, isDetailed: boolean) {
  const { verdict, interval, detail } = metric;
  const isExplained = isDetailed || verdict === 'not_enough_data';
  return {
    metric: metric.metric,
    against: rounded(metric.incumbent),
    version: rounded(metric.candidate),
    difference: rounded(metric.difference),
    interval: interval && [rounded(interval.low) ?? 0, rounded(interval.high) ?? 0],
    p_value: rounded(metric.pValue),
    p_adjusted: rounded(metric.pAdjusted),
    test: metric.test,
    verdict,
    ...(isExplained && { detail }),
  };
}

function rounded(value: number | null): number | null {
  return value === null ? null : Number(value.toPrecision(5));
}

function short(text: string, characters: number): string {
  return text.length > characters ? `${text.slice(0, characters)}…` : text;
}

function shortValue(value: unknown, characters: number): unknown {
  if (typeof value === 'string') return short(value, characters);
  const text = JSON.stringify(value) ?? '';
  return text.length > 2 * characters ? `${text.slice(0, 2 * characters)}…` : value;
}
