import type { TensorSpec } from '../../registry/signature.ts';
import type { NamedTensors } from '../engine/protocol.ts';
import { elementCount, type Tensor } from './datatypes.ts';
import { readElement } from './elements.ts';

export type PredictedValue = number | string | boolean | null | PredictedValue[];

/** One row's prediction: the label, number or array, and the probability of every class where there are classes. */
export interface RowPrediction {
  value: PredictedValue;
  /** [class, probability] in the model's order. */
  probabilities: [string, number][] | undefined;
}

/** Which outputs are a classifier's label and probabilities; both undefined for anything else. */
interface ClassifierOutputs {
  label: TensorSpec | undefined;
  probabilities: TensorSpec | undefined;
}

/**
 * Reads the outputs of a run as one prediction a row. A classifier is a model with an integer or text
 * output of one value a row (the label) and a float output of several (the probabilities), as skl2onnx
 * makes it, or a single float output with one column per class label. Any other model gives the row of
 * its output, or of each of its outputs in order.
 * @param rows number of rows of the call; outputs whose first dimension is another belong to all rows together.
 */
export function readPredictions(
  specs: readonly TensorSpec[],
  outputs: NamedTensors,
  classLabels: readonly string[] | undefined,
  rows: number,
): RowPrediction[] {
  const classifier = findClassifier(specs, classLabels);
  const label = classifier.label && outputs.get(classifier.label.name);
  const probabilities = classifier.probabilities && outputs.get(classifier.probabilities.name);
  return Array.from({ length: rows }, (_, row) => {
    const distribution = probabilities && rowProbabilities(probabilities, row, classLabels);
    if (label !== undefined) return { value: labelOf(label, row, classLabels), probabilities: distribution };
    if (distribution !== undefined) return { value: mostProbable(distribution), probabilities: distribution };
    const values = specs.flatMap((spec) => {
      const tensor = outputs.get(spec.name);
      return tensor === undefined ? [] : [rowValue(tensor, row, rows)];
    });
    return { value: values.length === 1 ? (values[0] ?? null) : values, probabilities: undefined };
  });
}

function findClassifier(
  specs: readonly TensorSpec[],
  classLabels: readonly string[] | undefined,
): ClassifierOutputs {
  const label = specs.find(
    (spec) =>
      ['INT64', 'INT32', 'BYTES'].includes(spec.datatype) && (spec.shape.length === 1 || isColumn(spec)),
  );
  const probabilities = specs.find((spec) => isFloat(spec) && spec.shape.length === 2 && spec.shape[1] !== 1);
  const [only] = specs;
  if (label !== undefined && specs.length <= 2 && (specs.length === 1 || probabilities !== undefined))
    return { label, probabilities };
  if (specs.length === 1 && only === probabilities && classLabels !== undefined)
    return { label: undefined, probabilities };
  return { label: undefined, probabilities: undefined };
}

function isColumn(spec: TensorSpec): boolean {
  return spec.shape.length === 2 && spec.shape[1] === 1;
}

function isFloat(spec: TensorSpec): boolean {
  return spec.datatype === 'FP32' || spec.datatype === 'FP64';
}

function rowProbabilities(
  tensor: Tensor,
  row: number,
  classLabels: readonly string[] | undefined,
): [string, number][] {
  const classes = tensor.shape[1] ?? 1;
  return Array.from({ length: classes }, (_, index) => [
    classLabels?.[index] ?? String(index),
    Number(tensor.data[row * classes + index]),
  ]);
}

/** An integer label counts the class labels from 0; one outside them stays the number it is. */
function labelOf(tensor: Tensor, row: number, classLabels: readonly string[] | undefined): PredictedValue {
  const value = readElement(tensor, row);
  return typeof value === 'number' ? (classLabels?.[value] ?? value) : value;
}

function mostProbable(distribution: readonly [string, number][]): PredictedValue {
  if (distribution.some(([, probability]) => Number.isNaN(probability))) return null;
  let best = distribution[0];
  for (const entry of distribution) if (best === undefined || entry[1] > best[1]) best = entry;
  return best?.[0] ?? null;
}

/** One row of a tensor: a number or text where it has one element, else an array nested like its shape. */
function rowValue(tensor: Tensor, row: number, rows: number): PredictedValue {
  if (tensor.shape[0] !== rows) return nested(tensor, 0, tensor.shape);
  const shape = tensor.shape.slice(1);
  const size = elementCount(shape);
  return size === 1 ? readElement(tensor, row) : nested(tensor, row * size, shape);
}

function nested(tensor: Tensor, offset: number, shape: readonly number[]): PredictedValue {
  const [length, ...rest] = shape;
  if (length === undefined) return readElement(tensor, offset);
  const size = elementCount(rest);
  return Array.from({ length }, (_, index) => nested(tensor, offset + index * size, rest));
}
