import type { Signature } from '../../registry/signature.ts';
import { type Datatype, datatype, elementCount, type TensorData } from '../../tensors/datatypes.ts';
import { writeElement } from '../../tensors/elements.ts';
import type { NamedTensors } from '../engine/protocol.ts';

/** The values of a feature: numbers, with NaN for a missing one and 1 and 0 for booleans, or texts. */
export type FeatureValues = Float64Array | string[];

/**
 * The same tensors as `encodeRecords` makes of the rows, from the values of each feature of the signature.
 * @returns undefined where a value does not fit: which one, encodeRecords says of the rows
 */
export function encodeColumns(
  { features, inputs }: Signature,
  columns: readonly FeatureValues[],
  from: number,
  to: number,
): NamedTensors | undefined {
  const tensors: NamedTensors = new Map();
  const rows = to - from;
  for (const input of inputs) {
    const own = features.flatMap((feature, index) =>
      feature.input === input.name ? [{ feature, index }] : [],
    );
    const shape = input.shape.length === 1 ? [rows] : [rows, own.length];
    const type = datatype(input.datatype);
    const length = elementCount(shape);
    const data = type.kind === 'string' ? new Array<string>(length).fill('') : type.create(length);
    for (const { feature, index } of own) {
      const values = columns[index];
      const place = { first: feature.column, step: own.length };
      if (values === undefined) return undefined;
      const fits = Array.isArray(values)
        ? writeTexts(data, type, place, values, from, to)
        : writeNumbers(data, type, place, values, from, to, feature.nullable === true);
      if (!fits) return undefined;
    }
    tensors.set(input.name, { datatype: input.datatype, shape, data });
  }
  return tensors;
}

interface Place {
  first: number;
  step: number;
}

function writeTexts(
  data: TensorData,
  type: Datatype,
  { first, step }: Place,
  values: readonly string[],
  from: number,
  to: number,
): boolean {
  if (type.kind !== 'string') return false;
  for (let row = from, at = first; row < to; row++, at += step)
    if (!writeElement(data, at, type, values[row])) return false;
  return true;
}

function writeNumbers(
  data: TensorData,
  type: Datatype,
  { first, step }: Place,
  values: Float64Array,
  from: number,
  to: number,
  isNullable: boolean,
): boolean {
  switch (type.kind) {
    case 'float': {
      const { min, max } = type;
      for (let row = from, at = first; row < to; row++, at += step) {
        const value = values[row] ?? Number.NaN;
        if (!(value >= min && value <= max) && !(isNullable && Number.isNaN(value))) return false;
        data[at] = value;
      }
      return true;
    }
    case 'boolean':
      for (let row = from, at = first; row < to; row++, at += step)
        if (!writeElement(data, at, type, values[row] === 1 || (values[row] === 0 ? false : undefined)))
          return false;
      return true;
    case 'string':
    case 'half':
      // A number is no text, and half precision is rare.
      return false;
    default:
      // Whole numbers, which have no NaN.
      for (let row = from, at = first; row < to; row++, at += step)
        if (!writeElement(data, at, type, values[row])) return false;
      return true;
  }
}
