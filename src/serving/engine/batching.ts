import type { TensorSpec } from '../../registry/signature.ts';
import { datatype, elementCount, isFloat, type Tensor, type TensorData } from '../../tensors/datatypes.ts';
import { fromFloat16Bits } from '../../tensors/float16.ts';
import type { NamedTensors } from './protocol.ts';

/** Whether the first dimension of every input and output is free, so that rows of several calls can share a run. */
export function hasFreeBatch(inputs: readonly TensorSpec[], outputs: readonly TensorSpec[]): boolean {
  return (
    [...inputs, ...outputs].every((spec) => spec.shape[0] === -1) &&
    outputs.every(({ role, row_axis }) => role !== 'call' && row_axis === undefined)
  );
}

/** The number of rows of a call: the first dimension that all its tensors share; undefined when they differ. */
export function batchRows(tensors: NamedTensors): number | undefined {
  let rows: number | undefined;
  for (const { shape } of tensors.values()) {
    if (shape[0] === undefined || (rows !== undefined && shape[0] !== rows)) return undefined;
    rows = shape[0];
  }
  return rows;
}

/** Whether two calls' tensors differ only in their number of rows. */
export function fitTogether(a: NamedTensors, b: NamedTensors): boolean {
  for (const [name, one] of a) {
    const other = b.get(name);
    if (other === undefined || other.shape.length !== one.shape.length) return false;
    for (let axis = 1; axis < one.shape.length; axis++)
      if (one.shape[axis] !== other.shape[axis]) return false;
  }
  return a.size === b.size;
}

/** Whether two runs compute the same outputs. */
export function sameOutputs(a: readonly TensorSpec[], b: readonly TensorSpec[]): boolean {
  return a === b || (a.length === b.length && a.every(({ name }, index) => name === b[index]?.name));
}

/** Joins the tensors of several calls, row after row. All must fit together. */
export function joinRows(calls: readonly NamedTensors[]): NamedTensors {
  const [first] = calls;
  if (first === undefined || calls.length === 1) return first ?? new Map();
  const joined: NamedTensors = new Map();
  for (const [name, { datatype: datatypeName, shape }] of first) {
    const parts = calls.flatMap((call) => call.get(name) ?? []);
    const rows = parts.reduce((sum, part) => sum + (part.shape[0] ?? 0), 0);
    joined.set(name, {
      datatype: datatypeName,
      shape: [rows, ...shape.slice(1)],
      data: concatenate(parts),
    });
  }
  return joined;
}

/**
 * The inverse of joinRows on a run's outputs: `rows[i]` rows for call i.
 * @returns undefined when an output does not have one row per input row.
 */
export function splitRows(outputs: NamedTensors, rows: readonly number[]): NamedTensors[] | undefined {
  let total = 0;
  for (const count of rows) total += count;
  for (const { shape } of outputs.values()) if (shape[0] !== total) return undefined;
  let start = 0;
  return rows.map((count) => {
    const own: NamedTensors = new Map();
    for (const [name, tensor] of outputs) own.set(name, sliceRows(tensor, start, count));
    start += count;
    return own;
  });
}

function sliceRows(tensor: Tensor, start: number, count: number): Tensor {
  const rest = tensor.shape.slice(1);
  const width = elementCount(rest);
  return {
    datatype: tensor.datatype,
    shape: [count, ...rest],
    data: tensor.data.slice(start * width, (start + count) * width),
  };
}

function concatenate(parts: readonly Tensor[]): TensorData {
  const [first] = parts;
  if (first === undefined) return [];
  const type = datatype(first.datatype);
  if (type.kind === 'string') return parts.flatMap((part) => Array.from(part.data, String));
  const joined = type.create(parts.reduce((sum, part) => sum + part.data.length, 0));
  const bytes = new Uint8Array(joined.buffer);
  let offset = 0;
  for (const { data } of parts) {
    if (Array.isArray(data)) continue;
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return joined;
}

/** How much the runtime's rounding may vary with the size of a run, as a share of the output's largest number. */
const rounding = 1e-5;
/** Half precision has eleven bits. */
const halfRounding = 2 ** -10;

/**
 * Whether two results of the same rows are the same: numbers within the runtime's rounding (1e-5 of the output's
 * scale), all else exactly.
 * @param run the outputs of the run that they come from, whose largest numbers are their scale
 * @param share of the scale that numbers may differ by
 */
export function sameRows(
  a: NamedTensors,
  b: NamedTensors,
  run: NamedTensors,
  share: number = rounding,
): boolean {
  for (const [name, one] of a) {
    const other = b.get(name);
    if (other === undefined || other.data.length !== one.data.length) return false;
    const isHalf = one.datatype === 'FP16';
    if (!isFloat(one.datatype)) {
      for (let index = 0; index < one.data.length; index++)
        if (one.data[index] !== other.data[index]) return false;
      continue;
    }
    const within = (isHalf ? Math.max(halfRounding, share) : share) * scaleOf(run.get(name) ?? one);
    for (let index = 0; index < one.data.length; index++) {
      const [x, y] = [floatAt(one, index), floatAt(other, index)];
      if (!(Object.is(x, y) || Math.abs(x - y) <= within)) return false;
    }
  }
  return true;
}

function floatAt({ datatype: name, data }: Tensor, index: number): number {
  const value = Number(data[index]);
  return name === 'FP16' ? fromFloat16Bits(value) : value;
}

function scaleOf(tensor: Tensor): number {
  let scale = 0;
  for (let index = 0; index < tensor.data.length; index++) {
    const value = Math.abs(floatAt(tensor, index));
    if (value > scale && value !== Number.POSITIVE_INFINITY) scale = value;
  }
  return scale;
}
