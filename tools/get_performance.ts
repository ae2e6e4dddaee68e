import { z } from 'zod';
import { ModelYardError, messageOf } from '../src/errors.ts';
import { renderChart } from '../src/monitoring/charts/index.ts';
import { comparableMetricNames } from '../src/monitoring/performance/index.ts';
import { whileWaiting } from '../src/while_waiting.ts';
import { openAlerts, openAlertsOf } from './answers/open_alerts.ts';
import { comparisonAnswer, versionAnswer, versionAnswers } from './answers/performance_answer.ts';
import { versionAmongOthers, versionFields } from './answers/performance_fields.ts';
import { versionsWithin, versionWithin } from './answers/performance_room.ts';
import { fittingAnswer } from './answers/room.ts';
import { isoTime, notWhole, warnings } from './answers/schemas.ts';
import { storedNote, storedTexts } from './answers/stored_texts.ts';
import { hoursToMs, modelId, responseFormat, timestamp, version } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

/** Characters of warnings in a concise answer. */
const warningCharacters = 700;

export const getPerformance = defineTool({
  name: 'get_performance',
  title: 'Get performance',
  description:
    "A version's calls, errors, latency; by outcomes (record_outcomes) its metrics, 95 % intervals, drops against the reference; without, estimates. by_version: the others and shadows too, A/B verdicts valid at any look, a winner where one is. Inputs: detect_drift.",
  permission: 'READ',
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    version: version.optional(),
    window_hours: z.number().positive().max(87_600).default(24),
    since: timestamp.optional(),
    until: timestamp.optional(),
    by_version: z.boolean().default(false),
    metric: z.enum(comparableMetricNames).optional().describe("Of by_version's verdict"),
    segment_by: z.string().min(1).max(256).optional().describe('A feature'),
    chart: z.boolean().default(false),
    response_format: responseFormat,
  }),
  output: z.strictObject({
    note: storedNote.optional(),
    model_id: z.string(),
    window: z.strictObject({ since: z.string(), until: z.string() }),
    ...versionFields,
    versions: z.array(versionAmongOthers).optional(),
    comparison: z
      .strictObject({
        since: z.string(),
        arms: z.array(
          z.strictObject({
            version: z.string(),
            weight: z.number(),
            units: z.int(),
            calls: z.int(),
            value: z.number().nullable().optional(),
            shadow: z.boolean().optional(),
          }),
        ),
        sample_ratio: z.strictObject({ p_value: z.number().nullable(), is_mismatch: z.boolean() }),
        verdicts: z.array(
          z.strictObject({
            metric: z.string(),
            a: z.string(),
            b: z.string(),
            verdict: z.enum(['a_better', 'b_better', 'no_difference_yet', 'not_enough_data']).nullable(),
            value_a: z.number().nullable(),
            value_b: z.number().nullable(),
            difference: z.number().nullable(),
            interval: z.array(z.number()).nullable(),
            detail: z.string(),
            paired: z.boolean().optional(),
          }),
        ),
        winner: z.string().nullable().optional(),
        notes: z.array(z.string()),
      })
      .optional(),
    warnings,
    not_whole: notWhole,
    ...openAlerts,
  }),
  async handle(services, input, { show, progress }) {
    const { since, until } = windowOf(input);
    const report = await whileWaiting(progress, 'taking up and measuring logged calls', () =>
      services.monitoring.performance({
        modelId: input.model_id,
        version: input.version,
        since,
        until,
        byVersion: input.by_version,
        segmentBy: input.segment_by,
        chart: input.chart,
        metric: input.metric,
      }),
    );
    const found = [...report.warnings];
    if (input.by_version && report.comparison === undefined)
      found.push(
        'One version has all traffic and there was no shadow: there is nothing to compare. set_traffic splits it.',
      );
    if (input.metric !== undefined && !input.by_version)
      found.push('metric is what by_version=true compares by; without, it changes nothing.');
    if (input.chart && report.charts.length === 0) found.push('There is no chart: no row has an outcome.');
    for (const spec of report.charts)
      await renderChart(spec).then(show, (error: unknown) => found.push(messageOf(error)));
    const isDetailed = input.response_format === 'detailed';
    const alerts = await openAlertsOf(services, input.model_id);
    return fittingAnswer(isDetailed, (room) => {
      room.take(alerts);
      const told = room.items(found, 'warnings', warningCharacters);
      const primary = versionWithin(versionAnswer(report.primary, isDetailed), room, isDetailed);
      const comparison = report.comparison && comparisonAnswer(report.comparison, isDetailed);
      const others =
        input.by_version &&
        versionsWithin(
          { versions: versionAnswers(report.versions, isDetailed), comparison },
          room,
          isDetailed,
        );
      return {
        note: storedTexts,
        model_id: input.model_id,
        window: { since: isoTime(since), until: isoTime(until) },
        ...primary,
        ...others,
        warnings: told,
        ...room.notWhole('All: response_format=detailed.'),
        ...alerts,
      };
    });
  },
});

function windowOf(input: { window_hours: number; since?: string | undefined; until?: string | undefined }): {
  since: number;
  until: number;
} {
  const until = input.until === undefined ? Date.now() + 1 : Date.parse(input.until);
  const since = input.since === undefined ? until - hoursToMs(input.window_hours) : Date.parse(input.since);
  if (since < until) return { since, until };
  throw new ModelYardError(
    'INVALID_INPUT',
    `since=${input.since} is not before until=${isoTime(until)}.`,
    'Swap them.',
  );
}
