import { ModelYardError } from '../errors.ts';
import type { Feature } from '../registry/signature.ts';
import { readTensorElement } from '../tensors/elements.ts';
import { batchRows, fitTogether, joinRows, splitRows } from './engine/batching.ts';
import type { Engine, RunOptions } from './engine/engine.ts';
import { RunFailure } from './engine/fault.ts';
import type { NamedTensors } from './engine/protocol.ts';
import { describeRows, findGuiltyRows } from './guilty_rows.ts';
import type { PredictInput } from './predict_input.ts';
import { newPredictionId } from './prediction_id.ts';
import type { PredictionEntry } from './prediction_sink.ts';
import type { ServedVersion } from './served_models.ts';

/** Runs that may be tried to find the rows that a run failed on, and of those how many may fail. */
const searchOfRefused = { runs: 40, failures: 24 };
/** Each that ends the host costs everybody a restart. */
const searchOfDeadly = { runs: 8, failures: 3 };
/** Of the one row, to find the feature. */
const searchOfFeature = { runs: 24, failures: 12 };

export interface ExplainedFailure {
  /** What the caller is told. */
  error: ModelYardError;
  /** The same without values of features, which may not be written down. */
  logged: string;
  /** The rows that it failed on, as far as they were found. */
  guilty: readonly [number, number][];
}

export interface FailedCall {
  engine: Engine;
  version: ServedVersion;
  input: PredictInput;
  tensors: NamedTensors;
  rows: number;
  asked: RunOptions;
}

/**
 * A failure with the rows that it fails on, found by running parts of the call alone, and of a single one the feature,
 * found by exchanging features with a row that is known good. The model's own failures are left as they are.
 */
export async function explainFailure(call: FailedCall, error: ModelYardError): Promise<ExplainedFailure> {
  const whole: ExplainedFailure = { error, logged: error.message, guilty: [] };
  if (!(error instanceof RunFailure) || error.fault === 'model' || error.code === 'TIMEOUT') return whole;
  try {
    return (await withRowsNamed(call, error)) ?? whole;
  } catch (stopped) {
    // The search itself was stopped; the call failed all the same.
    if (stopped instanceof ModelYardError) return whole;
    throw stopped;
  }
}

async function withRowsNamed(call: FailedCall, whole: RunFailure): Promise<ExplainedFailure | undefined> {
  const { input, tensors, rows } = call;
  const { inputs } = call.version.engineModel;
  const isDivisible = batchRows(tensors) === rows && inputs.every(({ shape }) => shape[0] === -1);
  const parts = isDivisible ? splitRows(tensors, Array<number>(rows).fill(1)) : undefined;
  if (parts === undefined) return undefined;
  const limits = whole.code === 'ENGINE_CRASHED' ? searchOfDeadly : searchOfRefused;
  const tried = (start: number, end: number) => failureOf(call, whole, joinRows(parts.slice(start, end)));
  const { ranges, isComplete, failure } = await findGuiltyRows(rows, whole, tried, limits);
  const feature = whole.fault === 'caller' ? await guiltyFeature(call, ranges, parts, failure) : undefined;
  // A call of one tensor, such as an image, has no rows to speak of.
  const named = rows === 1 && input.kind !== 'records' ? [] : [describeRows({ ranges, isComplete })];
  const known = feature?.known === undefined ? '' : `${feature.known} `;
  return {
    error: new RunFailure(whole, whole.fault, {
      message: onThese(failure.message, [
        ...named,
        ...(feature === undefined ? [] : [`${feature.name} = ${feature.value}`]),
      ]),
      hint: `${known}${whole.hint}`,
    }),
    logged: onThese(failure.message, [...named, ...(feature === undefined ? [] : [feature.name])]),
    guilty: ranges,
  };
}

/** The same kind of failure of other inputs; undefined when they run. */
async function failureOf(
  { engine, version, asked }: FailedCall,
  whole: RunFailure,
  tensors: NamedTensors,
): Promise<RunFailure | undefined> {
  try {
    await engine.run(version.engineModel, tensors, { ...asked, alone: true, isSearch: true });
    return undefined;
  } catch (error) {
    if (error instanceof RunFailure && error.code === whole.code) return error;
    throw error;
  }
}

/** A message about inputs, with what is known of them. */
function onThese(message: string, named: readonly string[]): string {
  const where = named.join(', ');
  if (where === '') return message;
  return message.includes('these inputs')
    ? message.replace('these inputs', () => where)
    : message.replace(/ ended \((.*?)\)\./, (_, how: string) => ` ended (${how}) on ${where}.`);
}

/** The feature, named as in `feature "city"`, its value, and the categories that the graph knows for it. */
interface GuiltyFeature {
  name: string;
  value: string;
  known: string | undefined;
}

/**
 * The one feature that makes a row fail: the known good row fails with its value as well. undefined where no one does
 * alone, where there is more than one row, or no known good one of the same shape.
 */
async function guiltyFeature(
  call: FailedCall,
  ranges: readonly [number, number][],
  parts: readonly NamedTensors[],
  failure: RunFailure,
): Promise<GuiltyFeature | undefined> {
  const { engine, version } = call;
  const { features } = version.record.signature;
  const [range, ...others] = ranges;
  const row = range !== undefined && range[1] - range[0] === 1 ? parts[range[0]] : undefined;
  const known = engine.known(version.engineModel);
  const good = known.good && oneRow(known.good);
  if (others.length > 0 || row === undefined || good === undefined || !fitTogether(row, good))
    return undefined;
  // One that ends the host costs everybody a restart each time.
  if (failure.code !== 'INFERENCE_FAILED' || features.length === 0) return undefined;
  const tried = (start: number, end: number) =>
    failureOf(call, failure, withFeatures(good, row, features.slice(start, end)));
  const found =
    features.length === 1
      ? { ranges: [[0, 1]] }
      : await findGuiltyRows(features.length, failure, tried, searchOfFeature);
  const [[start = 0, end = 0] = [], ...more] = found.ranges;
  const feature = features[start];
  if (more.length > 0 || end - start !== 1 || feature === undefined) return undefined;
  const { name, input, column } = feature;
  const tensor = row.get(input);
  const value = tensor && readTensorElement(tensor, column);
  const listed = known.inputs.find((one) => one.name === input)?.listed?.[column] ?? [];
  return {
    name: `feature ${JSON.stringify(name.slice(0, maxShown))}`,
    value: shown(value ?? null),
    known:
      listed.length === 0
        ? undefined
        : `Categories that the model knows for it: ${listed.slice(0, maxListed).map(shown).join(', ')}${listed.length > maxListed ? ', …' : ''}.`,
  };
}

const maxShown = 80;
const maxListed = 20;

function shown(value: string | number | boolean | null): string {
  const text = JSON.stringify(value);
  return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text;
}

function oneRow(tensors: NamedTensors): NamedTensors | undefined {
  const rows = batchRows(tensors) ?? 0;
  return rows < 1 ? undefined : splitRows(tensors, [1, rows - 1])?.[0];
}

/** One row with some features of another of the same shape. */
function withFeatures(row: NamedTensors, other: NamedTensors, features: readonly Feature[]): NamedTensors {
  const mixed: NamedTensors = new Map(
    [...row].map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }]),
  );
  for (const { input, column } of features) {
    const [to, from] = [mixed.get(input)?.data, other.get(input)?.data];
    const value = from?.[column];
    if (to !== undefined && value !== undefined) Object.assign(to, { [column]: value });
  }
  return mixed;
}

/** Of the rows that a call failed on, so many are kept in the log. */
const maxKeptRows = 10;

/** A failed call as it is logged: with the inputs of the rows that it failed on, else of its first row. */
export function failedEntry(
  { error, logged, guilty }: ExplainedFailure,
  features: [string, unknown[]][] | null,
  rows: number,
): Pick<PredictionEntry, 'predictionIds' | 'features' | 'values' | 'probabilities' | 'error'> {
  const found = guilty.flatMap(([start, end]) =>
    Array.from({ length: Math.min(end - start, maxKeptRows) }, (_, offset) => start + offset),
  );
  const kept = features === null || found.length === 0 ? [0] : found.slice(0, maxKeptRows);
  const isPart = features !== null && rows > kept.length;
  const which = describeRows({ ranges: kept.map((row) => [row, row + 1]), isComplete: true });
  return {
    predictionIds: kept.map(() => newPredictionId()),
    features: features?.map(([name, values]) => [name, kept.map((row) => values[row])]) ?? null,
    values: [],
    probabilities: [],
    error: loggedError(error, isPart ? `${logged} (Of the ${rows} rows, the log keeps ${which}.)` : logged),
  };
}

export function loggedError(
  error: ModelYardError,
  message = error.message,
): NonNullable<PredictionEntry['error']> {
  const fault = error instanceof RunFailure && error.fault !== 'model' ? error.fault : undefined;
  return { code: error.code, message, ...(fault !== undefined && { fault }) };
}
