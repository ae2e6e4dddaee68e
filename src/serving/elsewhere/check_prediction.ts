import { ModelYardError } from '../../errors.ts';
import { isPlainObject } from '../../plain_object.ts';
import { actualReader, listedClasses } from '../../registry/actual_value.ts';
import type { VersionRecord } from '../../registry/version_record.ts';
import { maxEntityKeyLength } from '../../tables/table.ts';
import { digestOf, idFault } from '../caller_ids.ts';
import type { PredictedValue } from '../codec/predictions.ts';
import { encodeRecords } from '../codec/records.ts';

/** A prediction that another server made, as the caller gives it; null or undefined: not given. */
export interface ToldPrediction {
  predictionId?: unknown;
  features: unknown;
  prediction: unknown;
  /** {class: probability} */
  probabilities?: unknown;
  actual?: unknown;
  latencyMs?: unknown;
  /** ISO 8601 with a zone. */
  at?: unknown;
  entityKey?: unknown;
}

/** A prediction that the version could have made. */
export interface CheckedPrediction {
  predictionId: string | undefined;
  /** Digest of the version, its input and its prediction. */
  digest: string;
  features: [string, unknown][] | null;
  value: PredictedValue;
  probabilities: [string, number][] | null;
  actual: PredictedValue;
  /** An actual class that the version does not list. */
  unlistedActual: string | undefined;
  latencyMs: number | null;
  /** Milliseconds since 1970; undefined: now. */
  at: number | undefined;
  entityKey: string | null;
}

/** How much the clocks of machines may differ, milliseconds. */
const clockToleranceMs = 300_000;
/** How far the sum of a softmax in single precision may be from 1. */
const sumTolerance = 1e-3;
const timePattern = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/;

/**
 * Checks predictions of a version one by one: features by the signature, the prediction as what it answers.
 * @param times now, and how far back the log keeps anything (undefined: all), milliseconds.
 * @returns the prediction, or why it cannot be one of the version.
 */
export function predictionChecker(
  record: VersionRecord,
  { now, keptMs }: { now: number; keptMs: number | undefined },
): (told: ToldPrediction) => CheckedPrediction | { fault: string } {
  const readValue = actualReader(record);
  const classes = listedClasses(record);

  const check = (told: ToldPrediction): CheckedPrediction => {
    const features = checkFeatures(record, told.features);
    const read = readValue(told.prediction);
    if (read.kind === 'missing') fail('the prediction is missing');
    if (read.kind === 'wrong') fail(`prediction ${shown(told.prediction)} is not ${read.expected}`);
    if (read.kind !== 'value') throw new TypeError('unreachable');
    if (read.isUnlisted)
      fail(`prediction ${shown(told.prediction)} is none of the classes ${classes?.slice(0, 20).join(', ')}`);
    const actual = readValue(told.actual);
    if (actual.kind === 'wrong') fail(`actual ${shown(told.actual)} is not ${actual.expected}`);
    const probabilities = checkProbabilities(classes, told.probabilities);
    return {
      predictionId: checkId(told.predictionId),
      digest: digestOf([record.version, features, read.value, probabilities]),
      features,
      value: read.value,
      probabilities,
      actual: actual.kind === 'value' ? actual.value : null,
      unlistedActual: actual.kind === 'value' && actual.isUnlisted ? String(actual.value) : undefined,
      latencyMs: checkLatency(told.latencyMs),
      at: checkTime(told.at, now, keptMs),
      entityKey: checkEntity(told.entityKey),
    };
  };
  return (told) => {
    try {
      return check(told);
    } catch (error) {
      if (error instanceof Fault) return { fault: error.message };
      throw error;
    }
  };
}

class Fault extends Error {}

function fail(message: string): never {
  throw new Fault(message);
}

function checkFeatures({ signature }: VersionRecord, given: unknown): [string, unknown][] | null {
  const isGiven = given !== null && given !== undefined;
  if (signature.features.length === 0) {
    if (isGiven) fail('the version has no named features: leave features out');
    return null;
  }
  if (!isGiven) fail('features are missing');
  if (!isPlainObject(given)) return fail(`features ${shown(given)} are not an object {feature: value}`);
  try {
    encodeRecords(signature, [given]);
  } catch (error) {
    if (!(error instanceof ModelYardError)) throw error;
    fail(
      error.message
        .replace(/^Row 0, f/, 'f')
        .replace(/^Row 0 does/, 'it does')
        .replace(/\.$/, ''),
    );
  }
  return signature.features.map(({ name }) => [name, given[name]]);
}

function checkProbabilities(
  classes: readonly string[] | undefined,
  given: unknown,
): [string, number][] | null {
  if (given === null || given === undefined) return null;
  if (classes === undefined) fail('the version answers no classes, so it has no probabilities');
  if (!isPlainObject(given))
    return fail(`probabilities ${shown(given)} are not an object {class: probability}`);
  const names = classes.length > 0 ? classes : Object.keys(given);
  const unknown = Object.keys(given).filter((name) => !names.includes(name));
  if (unknown.length > 0)
    fail(`probabilities of ${unknown.slice(0, 3).join(', ')}, which the version's classes are not`);
  const pairs = names.map((name): [string, number] => {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    if (typeof value !== 'number' || !(value >= 0 && value <= 1 + sumTolerance))
      return fail(`the probability of ${name} is ${shown(value)}, not a number from 0 to 1`);
    return [name, Math.min(1, value)];
  });
  const sum = pairs.reduce((total, [, value]) => total + value, 0);
  if (Math.abs(sum - 1) > sumTolerance) fail(`the probabilities are ${sum.toFixed(4)} together, not 1`);
  return pairs;
}

function checkId(given: unknown): string | undefined {
  if (given === null || given === undefined || given === '') return undefined;
  if (typeof given !== 'string' && typeof given !== 'number' && typeof given !== 'bigint')
    return fail(`prediction_id ${shown(given)} is not text`);
  const id = String(given);
  const fault = idFault(id);
  if (fault !== undefined) fail(`prediction_id ${shown(id)} ${fault}`);
  return id;
}

function checkLatency(given: unknown): number | null {
  if (given === null || given === undefined || given === '') return null;
  const value = typeof given === 'string' ? Number(given) : given;
  if (typeof value !== 'number' || !(value >= 0 && Number.isFinite(value)))
    return fail(`latency_ms ${shown(given)} is not a number of milliseconds`);
  return value;
}

function checkTime(given: unknown, now: number, keptMs: number | undefined): number | undefined {
  if (given === null || given === undefined || given === '') return undefined;
  const text = given instanceof Date ? given.toISOString() : given;
  const at = typeof text === 'string' && timePattern.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at)) fail(`at ${shown(given)} is not an ISO 8601 time with a zone (2026-01-31T12:00:00Z)`);
  if (at > now + clockToleranceMs) fail(`at ${shown(given)} is in the future`);
  if (keptMs !== undefined && at < now - keptMs)
    fail(`at ${shown(given)} is older than the ${Math.round(keptMs / 86_400_000)} days that the log keeps`);
  return at;
}

function checkEntity(given: unknown): string | null {
  if (given === null || given === undefined || given === '') return null;
  const key = String(given);
  if (typeof given === 'object' || key.length > maxEntityKeyLength)
    return fail(`entity_key ${shown(given)} is not text of at most ${maxEntityKeyLength} characters`);
  return key;
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 60);
}
