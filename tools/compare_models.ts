import { z } from 'zod';
import { ModelYardError } from '../src/errors.ts';
import { memberName } from '../src/json_shape.ts';
import type { ComparedMetric, ComparedVersion, LiveMetric } from '../src/registry/compare.ts';
import { metricDirections } from '../src/registry/metric_direction.ts';
import { whileWaiting } from '../src/while_waiting.ts';
import { latency, latencyAnswer } from './answers/latency.ts';
import { fittingAnswer, type Room } from './answers/room.ts';
import { isoTime, notWhole, warnings } from './answers/schemas.ts';
import { storedNote, storedTexts } from './answers/stored_texts.ts';
import {
  hoursToMs,
  modelId,
  orJsonText,
  responseFormat,
  stage,
  version,
  versionReference,
} from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

const byVersion = <Value extends z.ZodType>(value: Value) => z.record(z.string(), value);
const direction = z.enum([...metricDirections, 'unknown']);
const two = { min: 2, max: 10 };

export const compareModels = defineTool({
  name: 'compare_models',
  title: 'Compare models',
  description:
    "Compares 2 to 10 versions with the first: metrics' winners, breaking changes of signature, live performance (95 % intervals). Give model_id and versions, or refs. Before promote_model or set_traffic; A/B verdict: get_performance by_version.",
  permission: 'READ',
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  input: z.strictObject({
    model_id: modelId.optional(),
    versions: orJsonText(z.array(version).min(two.min).max(two.max)).optional(),
    refs: orJsonText(z.array(versionReference).min(two.min).max(two.max))
      .optional()
      .describe('[model:version]'),
    directions: orJsonText(z.record(memberName, z.enum(metricDirections)))
      .optional()
      .describe('Where names do not tell'),
    window_hours: z.number().positive().max(87_600).default(24).describe('Of live performance'),
    response_format: responseFormat,
  }),
  output: z.strictObject({
    note: storedNote.optional(),
    versions: z.array(
      z.strictObject({
        version: z.string(),
        stage,
        created_at: z.string(),
        artifact_bytes: z.int(),
        traffic: z.number().nullable().describe('null: not deployed'),
        calls: z.int(),
        errors: z.int(),
        latency_ms: latency.describe('Of the last hour'),
        outcomes: z.int(),
      }),
    ),
    metrics: z.array(
      z.strictObject({
        name: z.string(),
        direction,
        values: byVersion(z.number().nullable()),
        differences: byVersion(z.number().nullable()),
        winners: z.array(z.string()),
        note: z.string().optional(),
      }),
    ),
    live_performance: z.array(
      z.strictObject({
        name: z.string(),
        direction,
        values: byVersion(z.number().nullable()),
        intervals: byVersion(z.array(z.number()).nullable()),
      }),
    ),
    hyperparameters: z.array(z.strictObject({ name: z.string(), values: byVersion(z.unknown()) })),
    signatures: z.array(
      z.strictObject({
        version: z.string(),
        is_breaking: z.boolean(),
        breaking: z.array(z.string()),
        other: z.array(z.string()),
      }),
    ),
    warnings: warnings.optional(),
    not_whole: notWhole,
  }),
  async handle(services, input, { progress }) {
    const {
      versions,
      metrics,
      live,
      hyperparameters,
      warnings: found,
    } = await whileWaiting(progress, 'taking up and measuring logged calls', () =>
      services.registry.compare(
        { ...referencesOf(input), directions: input.directions ?? {} },
        hoursToMs(input.window_hours),
      ),
    );
    const names = versions.map(({ name }) => name);
    const keyed = <Value>(values: readonly Value[]) =>
      Object.fromEntries(names.map((name, index) => [name, values[index] ?? null]));
    return fittingAnswer(input.response_format === 'detailed', (room) => {
      const described = versions.map(describe);
      room.take(described);
      const differences = signaturesOf(versions, room);
      const told = room.items(found, 'warnings', most.warnings);
      const performance = room.items(
        live.map(({ name, direction, values }) => ({
          name,
          direction: direction ?? ('unknown' as const),
          values: keyed(values.map((metric) => metric?.value ?? null)),
          intervals: keyed(values.map((metric) => intervalOf(metric))),
        })),
        'metrics of live performance',
        most.live,
      );
      const parameters = room.items(
        hyperparameters.map(({ name, values }) => ({ name, values: keyed(values) })),
        'hyperparameters that differ',
        most.hyperparameters,
      );
      const compared = metrics.map(
        ({ name, direction, values, differences, winners, note }: ComparedMetric) => ({
          name,
          direction: direction ?? ('unknown' as const),
          values: keyed(values),
          differences: keyed(differences),
          winners,
          ...(note !== undefined && { note }),
        }),
      );
      // Those in which the versions differ first.
      const isTie = ({ winners }: { winners: readonly string[] }) => Number(winners.length === names.length);
      return {
        note: storedTexts,
        versions: described,
        metrics: room.items(
          compared.toSorted((a, b) => isTie(a) - isTie(b)),
          'metrics, those with a difference first',
        ),
        live_performance: performance,
        hyperparameters: parameters,
        signatures: differences,
        ...(found.length > 0 && { warnings: told }),
        ...room.notWhole('All: response_format=detailed.'),
      };
    });
  },
});

/** Characters of the parts of a concise answer. */
const most = { sentences: 1000, live: 1800, hyperparameters: 1000, warnings: 600 };

function signaturesOf(versions: readonly ComparedVersion[], room: Room) {
  const different = versions.flatMap(({ name, signature }) => (signature ? [{ name, ...signature }] : []));
  const share = most.sentences / Math.max(1, different.length);
  return different.map(({ name, breaking, other }) => {
    room.take({ version: name, is_breaking: true, breaking: [], other: [] });
    return {
      version: name,
      is_breaking: breaking.length > 0,
      breaking: room.items(breaking, `breaking changes of ${name}`, share),
      other: room.items(other, `other changes of ${name}`, share / 2),
    };
  });
}

/** @throws INVALID_INPUT unless the versions are named in exactly one of the two ways */
function referencesOf(input: {
  model_id?: string | undefined;
  versions?: string[] | undefined;
  refs?: string[] | undefined;
}): { modelId: string; references: string[] } {
  const { model_id: model, versions, refs } = input;
  if (refs === undefined && model !== undefined && versions !== undefined)
    return { modelId: model, references: versions };
  const short = refs?.find((reference) => !reference.includes(':'));
  if (refs !== undefined && versions === undefined && model === undefined && short === undefined)
    return { modelId: '', references: refs };
  throw new ModelYardError(
    'INVALID_INPUT',
    short === undefined
      ? 'compare_models takes either model_id and versions, or refs.'
      : `refs has "${short}", which names no model.`,
    'Give {"model_id": "m", "versions": ["1", "2"]} or {"refs": ["m:1", "other:2"]}.',
  );
}

function describe({ name, described: { record }, live }: ComparedVersion) {
  return {
    version: name,
    stage: record.stage,
    created_at: isoTime(record.createdAt),
    artifact_bytes: record.artifact.bytes,
    traffic: live.weight,
    calls: live.calls,
    errors: live.errors,
    latency_ms: latencyAnswer(live.latencyMs),
    outcomes: live.outcomes,
  };
}

function intervalOf(metric: LiveMetric | null): number[] | null {
  const interval = metric?.interval;
  return interval ? [interval.low, interval.high].map((end) => Number(end.toPrecision(4))) : null;
}
