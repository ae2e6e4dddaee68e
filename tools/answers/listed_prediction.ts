import { z } from 'zod';
import type { LoggedPrediction } from '../../src/prediction_log/list.ts';
import { primaryIdOf } from '../../src/serving/shadow_id.ts';
import { isoTime } from './schemas.ts';

export const listedPrediction = z.strictObject({
  prediction_id: z.string(),
  model_id: z.string().optional(),
  version: z.string(),
  at: z.string(),
  route: z.string(),
  shadow_of: z.string().optional(),
  entity_key: z.string().nullable(),
  trace_id: z.string().optional(),
  latency_ms: z.number().nullable(),
  features: z.record(z.string(), z.unknown()).nullable(),
  value: z.unknown(),
  probabilities: z.record(z.string(), z.number()).nullable(),
  error: z.string().nullable(),
  actual: z.unknown().optional().describe('The actual value (ground truth), where it is recorded'),
  left_out: z
    .record(z.string(), z.number())
    .optional()
    .describe('How many features, probabilities, numbers or characters a concise answer has no room for'),
});
type ListedPrediction = z.output<typeof listedPrediction>;

const longestText = 200;

export function describePrediction(prediction: LoggedPrediction): ListedPrediction {
  return {
    prediction_id: prediction.predictionId,
    version: prediction.version,
    at: isoTime(prediction.at),
    route: prediction.route,
    ...(prediction.route === 'shadow' && { shadow_of: primaryIdOf(prediction.predictionId) }),
    entity_key: prediction.entityKey,
    ...(prediction.traceId !== null && { trace_id: prediction.traceId }),
    latency_ms: prediction.latencyMs === null ? null : Number(prediction.latencyMs.toFixed(3)),
    features: prediction.features === null ? null : Object.fromEntries(prediction.features),
    value: prediction.value,
    probabilities: prediction.probabilities === null ? null : Object.fromEntries(prediction.probabilities),
    error: prediction.error,
    ...(prediction.actual !== undefined && { actual: prediction.actual }),
  };
}

/** A prediction in its share of the characters, which counts what it leaves out. */
export function describeWithin(prediction: LoggedPrediction, share: number): ListedPrediction {
  return within(share, describePrediction(prediction));
}

function within(share: number, whole: ListedPrediction): ListedPrediction {
  if (JSON.stringify(whole).length <= share) return whole;
  const { features, probabilities, value, actual, error, entity_key, ...rest } = whole;
  const shortValue = shortened(value);
  const shortActual = shortened(actual);
  const facts = {
    ...rest,
    entity_key: entity_key === null ? null : shortened(entity_key).shown,
    value: shortValue.shown,
    error: error === null ? null : shortened(error).shown,
    ...(actual !== undefined && { actual: shortActual.shown }),
  };
  // The likeliest classes first.
  const likeliest = Object.entries(probabilities ?? {}).toSorted(([, one], [, other]) => other - one);
  let room =
    share - JSON.stringify({ ...facts, features: {}, probabilities: {}, left_out: { features: 100 } }).length;
  const fitting = <Value>(entries: [string, Value][]) =>
    entries.filter((entry) => {
      const characters = JSON.stringify(Object.fromEntries([entry])).length;
      if (characters <= room) room -= characters;
      else return false;
      return true;
    });
  const keptProbabilities = fitting(likeliest.slice(0, 3));
  const keptFeatures = fitting(Object.entries(features ?? {}));
  const leftOut = {
    features: Object.keys(features ?? {}).length - keptFeatures.length,
    probabilities: likeliest.length - keptProbabilities.length,
    value: shortValue.leftOut,
    actual: shortActual.leftOut,
  };
  return {
    ...facts,
    entity_key: facts.entity_key === null ? null : String(facts.entity_key),
    error: facts.error === null ? null : String(facts.error),
    features: features === null ? null : Object.fromEntries(keptFeatures),
    probabilities: probabilities === null ? null : Object.fromEntries(keptProbabilities),
    left_out: Object.fromEntries(Object.entries(leftOut).filter(([, count]) => count > 0)),
  };
}

/** The beginning of a long text or array, and the number of characters or elements left out. */
function shortened(value: unknown): { shown: unknown; leftOut: number } {
  if (typeof value === 'string' && value.length > longestText)
    return { shown: `${value.slice(0, longestText)}…`, leftOut: value.length - longestText };
  if (!Array.isArray(value) || JSON.stringify(value).length <= longestText)
    return { shown: value, leftOut: 0 };
  const flat: unknown[] = value.flat(Number.POSITIVE_INFINITY);
  const beginning = flat.slice(0, 8).map((item) => shortened(item).shown);
  return { shown: beginning, leftOut: flat.length - beginning.length };
}
