import { ModelYardError } from '../../errors.ts';
import type { TensorSpec } from '../../registry/signature.ts';
import { elementCount, type Tensor } from '../../tensors/datatypes.ts';
import { readElement } from '../../tensors/elements.ts';
import type { NamedTensors } from '../engine/protocol.ts';
import { classByScores } from './labels.ts';
import { classesOf, type Reading, readingOf } from './reading.ts';

export type PredictedValue = number | string | boolean | null | PredictedValue[];

/** One row's prediction. */
export interface RowPrediction {
  /** The label, number or array; null where no output has rows. */
  value: PredictedValue;
  /** [class, probability] in the model's order, where there are classes and the model gives probabilities. */
  probabilities: [string, number][] | undefined;
  /** Further outputs for the row beside its label: decision values, distances, anomaly scores. */
  scores?: PredictedValue | undefined;
}

/** Reads one row of an output. */
type ReadRow = (row: number) => PredictedValue;

/**
 * Reads the outputs of a run as one prediction a row. Where there is a label, it is the value; what a model
 * gives as probabilities is shown as such only where it can be: within 0 and 1, and 1 together. A model
 * without a label whose classes are named is a classifier too: its most probable class is the value, and a
 * single column is the probability of the second of two classes. Any other model gives the row of its
 * output, or of each of its outputs in order. Outputs that belong to the call are in no row: where there are no others,
 * the value is null.
 * @param classLabels names of the classes in the order of the columns; they rename those of the model.
 * @param rows number of rows of the call; outputs that do not have as many belong to all rows together.
 * @throws INFERENCE_FAILED when what must be a probability by the class labels is none.
 */
export function readPredictions(
  signature: readonly TensorSpec[],
  outputs: NamedTensors,
  classLabels: readonly string[] | undefined,
  rows: number,
): RowPrediction[] {
  const readRow = predictionReader(planOf(signature, classLabels), outputs, rows);
  return Array.from({ length: rows }, (_, row) => readRow(row));
}

/** How the outputs of a version are read, whatever the call; outputs by their positions in `specs`. */
interface Plan {
  classLabels: readonly string[] | undefined;
  /** Those that have rows. */
  specs: readonly TensorSpec[];
  names: readonly string[];
  reading: Reading;
  label: number | undefined;
  deciding: number | undefined;
  columns: readonly number[];
  /** All but the label … */
  others: readonly number[];
  /** … and those of them that are no column. */
  othersThanColumns: readonly number[];
  tolerance: number;
}

/** A signature never changes, and a version's calls come with the same one. */
const plans = new WeakMap<readonly TensorSpec[], Plan>();

function planOf(signature: readonly TensorSpec[], classLabels: readonly string[] | undefined): Plan {
  const known = plans.get(signature);
  if (known !== undefined && known.classLabels === classLabels) return known;
  const specs = signature.filter(({ role }) => role !== 'call');
  const names = classLabels ?? classesOf(specs).map(String);
  const reading = readingOf(specs, names);
  const { columns, decidedBy } = reading;
  const label = positionsOf(specs, [reading.label])[0];
  const others = specs.flatMap((_, position) => (position === label ? [] : [position]));
  const plan: Plan = {
    classLabels,
    specs,
    names,
    reading,
    label,
    deciding: positionsOf(specs, [decidedBy])[0],
    columns: positionsOf(specs, columns),
    others,
    othersThanColumns: others.filter((position) => !columns.includes(specs[position]?.name ?? '')),
    tolerance: toleranceOf(specs, columns),
  };
  plans.set(signature, plan);
  return plan;
}

function positionsOf(specs: readonly TensorSpec[], wanted: readonly (string | undefined)[]): number[] {
  return wanted
    .map((name) => specs.findIndex((spec) => spec.name === name))
    .filter((position) => position !== -1);
}

/** Reads one row's prediction; what is the same for all rows is done once. */
function predictionReader(plan: Plan, outputs: NamedTensors, rows: number): (row: number) => RowPrediction {
  const { specs, names, reading, tolerance } = plan;
  const all = specs.map((spec) => rowReader(spec, outputs.get(spec.name), rows));
  if (reading.label === undefined && reading.columns.length === 0)
    return (row) => ({ value: only(all.map((read) => read(row))), probabilities: undefined });

  const at = (position: number) => all[position] ?? missing;
  const readColumns = plan.columns.map(at);
  const readOthers = plan.others.map(at);
  const readOthersThanColumns = plan.othersThanColumns.map(at);
  const readLabel = plan.label === undefined ? undefined : at(plan.label);
  const readDeciding =
    reading.decidedBy === undefined ? undefined : plan.deciding === undefined ? missing : at(plan.deciding);
  return (row) => {
    const values = readColumns.flatMap((read) => read(row)).map(numberOf);
    const full = reading.isPositive ? positive(values, names) : values;
    const isShown = reading.areProbabilities && sumToOne(full, tolerance);
    const rest = isShown ? readOthersThanColumns : readOthers;
    const value =
      readLabel === undefined
        ? mostProbable(full, reading, names)
        : className(labelOf(readLabel(row), reading, readDeciding?.(row), values), reading, names);
    const probabilities = isShown
      ? full.map((probability, index): [string, number] => [names[index] ?? String(index), probability])
      : undefined;
    if (rest.length === 0) return { value, probabilities };
    return { value, probabilities, scores: only(rest.map((read) => read(row))) };
  };
}

/** An output that was not computed. */
const missing: ReadRow = () => null;

/** The class of a row as the model codes it. */
function labelOf(
  given: PredictedValue,
  { classes }: Reading,
  deciding: PredictedValue | undefined,
  columns: readonly number[],
): PredictedValue {
  if (Array.isArray(given)) return given;
  const scores = deciding === undefined ? undefined : [deciding].flat().map(numberOf);
  return classByScores(given, classes, scores, columns);
}

function only(values: PredictedValue[]): PredictedValue {
  return values.length < 2 ? (values[0] ?? null) : values;
}

/** NaN and infinities are null in a row. */
function numberOf(value: PredictedValue): number {
  return typeof value === 'number' ? value : Number.NaN;
}

/** Both probabilities, from the second. */
function positive([value = Number.NaN]: readonly number[], names: readonly string[]): number[] {
  if (value >= 0 && value <= 1) return [1 - value, value];
  if (Number.isNaN(value)) return [value, value];
  throw new ModelYardError(
    'INFERENCE_FAILED',
    `The model gave ${value}, which cannot be the probability of ${JSON.stringify(names[1])}, as its class_labels say.`,
    'Register the model under a new version without class_labels to get its numbers.',
  );
}

/** How far from 1 the sum of probabilities may be; half precision has a larger rounding error. */
export function toleranceOf(specs: readonly TensorSpec[], columns: readonly string[]): number {
  return specs.some((spec) => spec.datatype === 'FP16' && columns.includes(spec.name)) ? 1e-2 : 1e-3;
}

export function sumToOne(values: readonly number[], tolerance: number): boolean {
  const within = values.every((value) => value >= -tolerance / 1000 && value <= 1 + tolerance);
  return within && Math.abs(values.reduce((sum, value) => sum + value, 0) - 1) <= tolerance;
}

function mostProbable(values: readonly number[], reading: Reading, names: readonly string[]): PredictedValue {
  if (values.length === 0 || values.some(Number.isNaN)) return null;
  const best = values.reduce((found, value, index) => (value > (values[found] ?? value) ? index : found), 0);
  return className(reading.classes[best] ?? best, reading, names);
}

/** The name of a class: the version's class label, or else the model's code. */
export function className(
  code: PredictedValue,
  { classes }: Reading,
  names: readonly string[],
): PredictedValue {
  const codes: readonly PredictedValue[] = classes;
  const index = codes.length === 0 ? Number(code) : codes.indexOf(code);
  const name = typeof code === 'string' && classes.length === 0 ? undefined : names[index];
  return name === undefined || name === String(code) ? code : name;
}

/**
 * Reads rows of an output: a number or text where it has one element, else an array nested like its shape. Rows
 * lie along the axis that the signature leaves free, else along the first.
 */
function rowReader(spec: TensorSpec, tensor: Tensor | undefined, rows: number): ReadRow {
  if (tensor === undefined) return missing;
  const { shape, data } = tensor;
  // One element a row, whichever axis they lie along.
  if (spec.row_axis === undefined && shape[0] === rows && data.length === rows)
    return (row) => readElement(tensor, row);
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  const axes = spec.row_axis === undefined ? [spec.shape.indexOf(-1), 0] : [spec.row_axis];
  const axis = axes.find((candidate) => shape[candidate] === rows);
  if (axis === undefined) return () => nested(tensor, shape, strides, 0);
  const stride = strides[axis] ?? 0;
  const inRow = shape.toSpliced(axis, 1);
  if (elementCount(inRow) === 1) return (row) => readElement(tensor, row * stride);
  const inRowStrides = strides.toSpliced(axis, 1);
  return (row) => nested(tensor, inRow, inRowStrides, row * stride);
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
