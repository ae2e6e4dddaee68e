import type { TensorSpec } from '../../registry/signature.ts';
import { datatype, elementCount, type Tensor, type TensorData } from '../codec/datatypes.ts';
import type { NamedTensors } from './protocol.ts';

/** Whether the first dimension of every input and output is free, so that rows of several calls can share a run. */
export function hasFreeBatch(inputs: readonly TensorSpec[], outputs: readonly TensorSpec[]): boolean {
  return [...inputs, ...outputs].every((spec) => spec.shape[0] === -1);
}

/** The rows of a call: the first dimension that all its tensors share; undefined when they do not. */
export function batchRows(tensors: NamedTensors): number | undefined {
  let rows: number | undefined;
  for (const { shape } of tensors.values()) {
    if (shape[0] === undefined || (rows !== undefined && shape[0] !== rows)) return undefined;
    rows = shape[0];
  }
  return rows;
}

/** Whether two calls' tensors differ in nothing but their number of rows. */
export function fitTogether(a: NamedTensors, b: NamedTensors): boolean {
  for (const [name, one] of a) {
    const other = b.get(name);
    if (other === undefined || other.shape.length !== one.shape.length) return false;
    for (let axis = 1; axis < one.shape.length; axis++)
      if (one.shape[axis] !== other.shape[axis]) return false;
  }
  return a.size === b.size;
}

/** The tensors of several calls, row after row. All must fit together. */
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
  const total = rows.reduce((sum, count) => sum + count, 0);
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

/**
 * Whether two results agree within what another order of floating-point operations explains (1e-4 relative;
 * texts and whole numbers exactly): used to see that rows do not influence one another.
 */
export function sameRows(a: NamedTensors, b: NamedTensors): boolean {
  for (const [name, one] of a) {
    const other = b.get(name);
    if (other === undefined || other.data.length !== one.data.length) return false;
    for (let index = 0; index < one.data.length; index++)
      if (!nearlyEqual(one.data[index], other.data[index])) return false;
  }
  return true;
}

function nearlyEqual(a: unknown, b: unknown): boolean {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return true;
  if (typeof a !== 'number' || typeof b !== 'number') return false;
  return Math.abs(a - b) <= 1e-4 * Math.max(1e-6, Math.abs(a), Math.abs(b));
}
