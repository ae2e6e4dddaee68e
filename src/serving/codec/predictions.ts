import { ModelYardError } from '../../errors.ts';
import type { TensorSpec } from '../../registry/signature.ts';
import type { NamedTensors } from '../engine/protocol.ts';
import { elementCount, type Tensor } from './datatypes.ts';
import { readElement } from './elements.ts';
import { classesOf, type Reading, readingOf } from './reading.ts';

export type PredictedValue = number | string | boolean | null | PredictedValue[];

/** One row's prediction. */
export interface RowPrediction {
  /** The label, number or array. */
  value: PredictedValue;
  /** [class, probability] in the model's order, where there are classes and the model gives probabilities. */
  probabilities: [string, number][] | undefined;
  /** What else the model says of the row beside its label: decision values, distances, anomaly scores. */
  scores?: PredictedValue;
}

/** One row of the outputs, before it is known what they are. */
type RowOf = (name: string) => PredictedValue;

/**
 * Reads the outputs of a run as one prediction a row. Where there is a label, it is the value; what a model
 * gives as probabilities is shown as such only where it can be: within 0 and 1, and 1 together. A model
 * without a label whose classes are named is a classifier too: its most probable class is the value, and a
 * single column is the probability of the second of two classes. Any other model gives the row of its
 * output, or of each of its outputs in order.
 * @param classLabels names of the classes in the order of the columns; they rename those of the model.
 * @param rows number of rows of the call; outputs that do not have as many belong to all rows together.
 * @throws INFERENCE_FAILED when what must be a probability by the class labels is none.
 */
export function readPredictions(
  specs: readonly TensorSpec[],
  outputs: NamedTensors,
  classLabels: readonly string[] | undefined,
  rows: number,
): RowPrediction[] {
  const names = classLabels ?? classesOf(specs).map(String);
  const reading = readingOf(specs, names);
  return Array.from({ length: rows }, (_, row) => {
    const rowOf: RowOf = (name) => {
      const spec = specs.find((candidate) => candidate.name === name);
      const tensor = outputs.get(name);
      return spec === undefined || tensor === undefined ? null : rowValue(spec, tensor, row, rows);
    };
    return readRow(reading, names, specs, rowOf);
  });
}

function readRow(
  reading: Reading,
  names: readonly string[],
  specs: readonly TensorSpec[],
  rowOf: RowOf,
): RowPrediction {
  const { label, columns, isPositive } = reading;
  const values = columns.flatMap(rowOf).map(numberOf);
  const full = isPositive ? positive(values, names) : values;
  const classScores = full.map((value, index): [string, number] => [names[index] ?? String(index), value]);
  const isShown = reading.areProbabilities && sumsToOne(specs, columns, full);
  const probabilities = isShown ? classScores : undefined;
  if (label === undefined && columns.length === 0)
    return { value: only(specs.map(({ name }) => rowOf(name))), probabilities: undefined };

  const rest = specs
    .map(({ name }) => name)
    .filter((name) => name !== label && !(isShown && columns.includes(name)));
  const value =
    label === undefined ? mostProbable(full, reading, names) : className(rowOf(label), reading, names);
  return {
    value,
    probabilities,
    ...(rest.length > 0 && { scores: only(rest.map(rowOf)) }),
  };
}

function only(values: PredictedValue[]): PredictedValue {
  return values.length === 1 ? (values[0] ?? null) : values;
}

/** NaN and infinities are null in a row. */
function numberOf(value: PredictedValue): number {
  return typeof value === 'number' ? value : Number.NaN;
}

/** Both probabilities, of which the model gives the second. */
function positive([value = Number.NaN]: readonly number[], names: readonly string[]): number[] {
  if (value >= 0 && value <= 1) return [1 - value, value];
  if (Number.isNaN(value)) return [value, value];
  throw new ModelYardError(
    'INFERENCE_FAILED',
    `The model gave ${value}, which cannot be the probability of ${JSON.stringify(names[1])}, as its class_labels say.`,
    'Register the model under a new version without class_labels to get its numbers.',
  );
}

/** Half precision rounds more than the rest. */
function sumsToOne(
  specs: readonly TensorSpec[],
  columns: readonly string[],
  values: readonly number[],
): boolean {
  const isHalf = specs.some((spec) => spec.datatype === 'FP16' && columns.includes(spec.name));
  const tolerance = isHalf ? 1e-2 : 1e-3;
  const within = values.every((value) => value >= -tolerance / 1000 && value <= 1 + tolerance);
  return within && Math.abs(values.reduce((sum, value) => sum + value, 0) - 1) <= tolerance;
}

function mostProbable(values: readonly number[], reading: Reading, names: readonly string[]): PredictedValue {
  if (values.length === 0 || values.some(Number.isNaN)) return null;
  const best = values.reduce((found, value, index) => (value > (values[found] ?? value) ? index : found), 0);
  return className(reading.classes[best] ?? best, reading, names);
}

/** A class by its name: what the model codes it as, unless the version's class labels call it otherwise. */
function className(code: PredictedValue, { classes }: Reading, names: readonly string[]): PredictedValue {
  const codes: readonly PredictedValue[] = classes;
  const index = codes.length === 0 ? Number(code) : codes.indexOf(code);
  const name = typeof code === 'string' && classes.length === 0 ? undefined : names[index];
  return name === undefined || name === String(code) ? code : name;
}

/**
 * One row of an output: a number or text where it has one element, else an array nested like its shape. Rows
 * lie along the axis that the signature leaves free, else along the first.
 */
function rowValue(spec: TensorSpec, tensor: Tensor, row: number, rows: number): PredictedValue {
  const { shape } = tensor;
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  const axis = [spec.shape.indexOf(-1), 0].find((candidate) => shape[candidate] === rows);
  if (axis === undefined) return nested(tensor, shape, strides, 0);
  const offset = row * (strides[axis] ?? 0);
  const inRow = shape.toSpliced(axis, 1);
  if (elementCount(inRow) === 1) return readElement(tensor, offset);
  return nested(tensor, inRow, strides.toSpliced(axis, 1), offset);
}

function nested(
  tensor: Tensor,
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
): PredictedValue {
  const [length, ...rest] = shape;
  const [step = 0, ...steps] = strides;
  if (length === undefined) return readElement(tensor, offset);
  return Array.from({ length }, (_, index) => nested(tensor, rest, steps, offset + index * step));
}
