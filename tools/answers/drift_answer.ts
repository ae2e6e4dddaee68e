import { z } from 'zod';
import type { DriftReport } from '../../src/monitoring/drift/index.ts';
import { openAlerts } from './open_alerts.ts';
import { beginning, type Room } from './room.ts';
import { isoTime, notWhole, warnings } from './schemas.ts';
import { storedNote, storedTexts } from './stored_texts.ts';

const severity = z.enum(['none', 'low', 'moderate', 'high']);
const nullableNumber = z.number().nullable();

export const driftAnswer = z.strictObject({
  note: storedNote.optional(),
  model_id: z.string(),
  version: z.string(),
  is_drift: z.boolean(),
  drifted_share: z.number(),
  drifted_features: z.array(z.string()),
  drifted_predictions: z.array(z.string()),
  results: z.array(
    z.strictObject({
      feature: z.string(),
      type: z.string(),
      method: z.string(),
      score: nullableNumber,
      p_value: nullableNumber,
      p_adjusted: nullableNumber,
      effect: nullableNumber,
      threshold: nullableNumber,
      is_drift: z.boolean(),
      severity,
      reference_n: z.int(),
      current_n: z.int(),
      reference_missing: z.number(),
      current_missing: z.number(),
      over_threshold: z.number().optional(),
      missing_shift: z.literal(true).optional(),
      cause: z.enum(['values', 'missing', 'unseen', 'absent', 'type']).optional(),
      reference_median: z.number().optional(),
      current_median: z.number().optional(),
      note: z.string().optional(),
    }),
  ),
  results_total: z.int(),
  drifted_total: z.int(),
  missing_shift: z.array(z.string()).optional(),
  unseen_categories: z
    .array(
      z.strictObject({
        feature: z.string(),
        categories: z.int(),
        most_frequent: z.array(z.strictObject({ category: z.string(), rows: z.int() })),
        share: z.number(),
        is_drift: z.boolean(),
      }),
    )
    .optional(),
  new_columns: z.array(z.string()).optional(),
  absent_columns: z.array(z.string()).optional(),
  type_changed: z
    .array(z.strictObject({ feature: z.string(), reference: z.string(), current: z.string() }))
    .optional(),
  multivariate: z
    .strictObject({
      score: nullableNumber,
      p_value: nullableNumber,
      effect: nullableNumber,
      threshold: nullableNumber,
      severity,
      features: z.int(),
      reference_sampled: z.int(),
      current_sampled: z.int(),
      imputed: z.number(),
      parts: z.array(z.strictObject({ name: z.string(), p_value: z.number(), effect: z.number() })),
      contributions: z.array(z.strictObject({ feature: z.string(), share: z.number() })),
      changed_pairs: z.array(
        z.strictObject({
          features: z.array(z.string()),
          reference: z.number(),
          current: z.number(),
        }),
      ),
      skipped: z.array(z.strictObject({ feature: z.string(), reason: z.string() })),
      note: z.string().optional(),
    })
    .optional(),
  segments: z
    .strictObject({
      by: z.string(),
      is_drift: z.boolean(),
      drifted: z.array(z.string()),
      groups: z.array(
        z.strictObject({
          segment: z.string(),
          is_drift: z.boolean(),
          drifted_share: z.number(),
          drifted_features: z.array(z.string()),
          drifted_predictions: z.array(z.string()).optional(),
          score: nullableNumber.describe('Of the worst feature, in multiples of its threshold'),
          reference_n: z.int(),
          current_n: z.int(),
          note: z.string().optional(),
        }),
      ),
      recommendation: z.string(),
    })
    .optional(),
  over_time: z
    .strictObject({
      is_drift: z.boolean(),
      buckets: z.array(
        z.strictObject({
          since: z.string(),
          until: z.string(),
          rows: z.int(),
          is_drift: z.boolean(),
          score: nullableNumber.describe('Of the worst feature, in multiples of its threshold'),
          worst: z.string().optional(),
          drifted_share: z.number(),
        }),
      ),
      recommendation: z.string(),
    })
    .optional(),
  reference: z.strictObject({
    reference_id: z.string().optional(),
    created_at: z.string().optional(),
    source: z.string(),
    rows: z.int(),
  }),
  window: z.strictObject({ source: z.string(), rows: z.int() }),
  recommendation: z.string(),
  warnings,
  not_whole: notWhole,
  ...openAlerts,
});
export type DriftAnswer = z.input<typeof driftAnswer>;

/** Items of long lists in a concise answer; a detailed one shows all. */
export const conciseResults = 12;
const conciseNames = 20;
const conciseGroups = 6;
const conciseBuckets = 24;
const namedInGroup = 3;
/** Characters of the parts of a concise answer. */
const most = { warnings: 700, names: 600, results: 5000, groups: 1600, buckets: 3600 };

/** A report as the tool's answer; empty kinds of findings are left out. */
export function answerOf(
  report: DriftReport,
  room: Room,
  isDetailed: boolean,
  segmentBy: string | undefined,
): DriftAnswer {
  const { record, results, summary, columns, unseen, reference } = report;
  room.take(summary.recommendation);
  room.take([report.current, reference.source, record.modelId, record.version]);
  const shared = sharedNotes(results);
  const told = room.items([...shared.told, ...report.warnings], 'warnings', most.warnings);
  const some = <Item>(items: readonly Item[], what: string, limit = conciseNames) =>
    items.length === 0 ? undefined : room.items(items, what, most.names, { limit });
  const names = (given: readonly string[], what: string) =>
    room.items(given, what, most.names, { limit: conciseNames });
  const answer: DriftAnswer = {
    note: storedTexts,
    model_id: record.modelId,
    version: record.version,
    ...summary,
    drifted_features: names(summary.drifted_features, 'drifted features'),
    drifted_predictions: names(summary.drifted_predictions, 'drifted predictions'),
    results: room.items(
      results.map((one) => shared.without(one)),
      'results, the strongest first',
      most.results,
      { limit: conciseResults },
    ),
    results_total: results.length,
    drifted_total: summary.drifted_features.length,
    missing_shift: some(
      results.filter((one) => one.missing_shift).map(({ feature }) => feature),
      'features with other missing shares',
    ),
    unseen_categories: some(
      unseen.map(({ feature, categories, most_frequent, share, is_drift }) => ({
        feature,
        categories,
        most_frequent: isDetailed ? most_frequent : most_frequent.slice(0, namedInGroup),
        share,
        is_drift,
      })),
      'features with unseen categories',
      5,
    ),
    new_columns: some(columns?.added ?? [], 'new columns'),
    absent_columns: some(columns?.absent ?? [], 'absent columns'),
    type_changed: some(columns?.type_changed ?? [], 'columns of another type'),
    multivariate: multivariateAnswer(report, room),
    segments: segmentsAnswer(report, segmentBy, { room, isDetailed }),
    over_time: overTimeAnswer(report, room),
    reference: {
      ...(reference.referenceId !== undefined && { reference_id: reference.referenceId }),
      ...(reference.createdAt !== undefined && { created_at: isoTime(reference.createdAt) }),
      source: reference.source,
      rows: reference.rows,
    },
    window: report.current,
    warnings: told,
  };
  return { ...defined(answer), ...room.notWhole('All: response_format=detailed.') };
}

/** A note that this many results have stands once among the warnings, not with each. */
const sharedBy = 3;

/** The notes of results that could not be judged, where several have the same. */
function sharedNotes(results: DriftReport['results']) {
  const counts = new Map<string, number>();
  for (const { score, note } of results)
    if (score === null && note !== undefined) counts.set(note, (counts.get(note) ?? 0) + 1);
  const shared = new Map([...counts].filter(([, count]) => count >= sharedBy));
  return {
    told: [...shared].map(([note, count]) => `${count} of ${results.length} were not judged. ${note}`),
    without<Result extends DriftReport['results'][number]>({ note, ...rest }: Result) {
      const isTold = note === undefined || (rest.score === null && shared.has(note));
      return isTold ? rest : { ...rest, note };
    },
  };
}

function multivariateAnswer({ multivariate }: DriftReport, room: Room): DriftAnswer['multivariate'] {
  if (multivariate === undefined) return undefined;
  const { method: _, is_drift: __, reference_n: ___, current_n: ____, ...shown } = multivariate;
  return {
    ...shown,
    contributions: room.items(shown.contributions, 'contributions', most.names, { limit: 10 }),
    changed_pairs: room.items(shown.changed_pairs, 'changed pairs', most.names, { limit: 5 }),
    skipped: room.items(shown.skipped, 'features left out of the joint test', most.names, { limit: 5 }),
  };
}

function segmentsAnswer(
  { segments }: DriftReport,
  by: string | undefined = '',
  { room, isDetailed }: { room: Room; isDetailed: boolean },
): DriftAnswer['segments'] {
  if (segments === undefined) return undefined;
  const { groups, is_drift, drifted_groups, recommendation } = segments;
  const few = (given: readonly string[]) => (isDetailed ? [...given] : given.slice(0, namedInGroup));
  room.take(recommendation);
  // Drifted ones first: a concise answer does not show all.
  const ranked = groups.toSorted((one, other) => Number(other.is_drift) - Number(one.is_drift));
  return {
    by,
    is_drift,
    drifted: room.items(drifted_groups, 'drifted segments', most.names, { limit: conciseGroups }),
    groups: room.items(
      ranked.map((group) => ({
        segment: group.group,
        is_drift: group.is_drift,
        drifted_share: group.drifted_share,
        drifted_features: few(group.drifted_features),
        ...(group.drifted_predictions.length > 0 && {
          drifted_predictions: few(group.drifted_predictions),
        }),
        score: group.worst?.over_threshold ?? null,
        reference_n: group.reference_n,
        current_n: group.current_n,
        ...(group.note !== undefined && { note: isDetailed ? group.note : beginning(group.note, 200) }),
      })),
      'segments',
      most.groups,
      { limit: conciseGroups },
    ),
    recommendation,
  };
}

function overTimeAnswer({ overTime }: DriftReport, room: Room): DriftAnswer['over_time'] {
  if (overTime === undefined) return undefined;
  const { groups, is_drift, recommendation } = overTime;
  return {
    is_drift,
    buckets: room.items(
      groups.map((group) => ({
        since: isoTime(group.since),
        until: isoTime(group.until),
        rows: group.current_n,
        is_drift: group.is_drift,
        score: group.worst?.over_threshold ?? null,
        ...(group.worst !== undefined && { worst: group.worst.feature }),
        drifted_share: group.drifted_share,
      })),
      'spans of time',
      most.buckets,
      { limit: conciseBuckets },
    ),
    recommendation,
  };
}

/** Without members that are undefined, which JSON cannot hold. */
function defined<Value extends object>(value: Value): Value {
  const copy = { ...value };
  for (const [name, member] of Object.entries(copy))
    if (member === undefined) Reflect.deleteProperty(copy, name);
  return copy;
}
