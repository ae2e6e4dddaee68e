import type { Datatype, Tensor, TensorData } from './datatypes.ts';
import { fromFloat16Bits, toFloat16Bits } from './float16.ts';

/**
 * Writes one value into a tensor's elements if it is exactly of the datatype: no rounding to fit, no text
 * read as a number, no null. 64-bit integers may come as decimal text, since JSON numbers beyond 2^53 are
 * not exact; a float is rounded to the nearest float32 or float16, which is what the datatype means.
 * @returns false, writing nothing, when the value does not fit.
 */
export function writeElement(data: TensorData, index: number, type: Datatype, value: unknown): boolean {
  switch (type.kind) {
    case 'float':
    case 'integer': {
      if (typeof value !== 'number' || !Number.isFinite(value) || value < type.min || value > type.max)
        return false;
      if (type.kind === 'integer' && !Number.isInteger(value)) return false;
      data[index] = value;
      return true;
    }
    case 'half': {
      if (typeof value !== 'number' || !Number.isFinite(fromFloat16Bits(toFloat16Bits(value)))) return false;
      data[index] = toFloat16Bits(value);
      return true;
    }
    case 'bigint': {
      const integer = exactInteger(value);
      if (integer === undefined || integer < type.min || integer > type.max) return false;
      data[index] = integer;
      return true;
    }
    case 'boolean':
      if (typeof value !== 'boolean') return false;
      data[index] = value ? 1 : 0;
      return true;
    case 'string':
      if (typeof value !== 'string' || notWhole.test(value)) return false;
      data[index] = value;
      return true;
  }
}

/**
 * Text that would reach the model changed: the runtime ends a text at NUL, and half of a surrogate pair has no UTF-8.
 */
const notWhole = /\0|\p{Surrogate}/u;

/** The numbers that JSON has no literal for, by the texts that stand for them in tensors. */
const nonFinite: ReadonlyMap<unknown, number> = new Map([
  [null, Number.NaN],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

/** The number that null, "NaN", "Infinity" or "-Infinity" stands for in a floating tensor; undefined for anything else. */
export function nonFiniteNumber(value: unknown): number | undefined {
  return nonFinite.get(value);
}

/**
 * Writes null, "NaN", "Infinity" or "-Infinity" into a floating tensor.
 * @returns false, writing nothing, for any other value or datatype.
 */
export function writeNonFinite(data: TensorData, index: number, type: Datatype, value: unknown): boolean {
  const number = nonFinite.get(value);
  if (number === undefined || (type.kind !== 'float' && type.kind !== 'half')) return false;
  data[index] = type.kind === 'half' ? toFloat16Bits(number) : number;
  return true;
}

/** Writes NaN, the missing value of a float tensor; false for a datatype without NaN. */
export function writeMissing(data: TensorData, index: number, type: Datatype): boolean {
  if (type.kind !== 'float' && type.kind !== 'half') return false;
  data[index] = type.kind === 'half' ? toFloat16Bits(Number.NaN) : Number.NaN;
  return true;
}

function exactInteger(value: unknown): bigint | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  return typeof value === 'string' && /^-?\d{1,20}$/.test(value) ? BigInt(value) : undefined;
}

/** The values that a datatype accepts, in a record's feature or as a tensor's element, for an error message. */
export function describeDatatype(type: Datatype, among: 'record' | 'tensor' = 'record'): string {
  const others = among === 'tensor' ? ', null, "NaN", "Infinity" or "-Infinity"' : '';
  switch (type.kind) {
    case 'float':
      return `a finite number (${type.runtimeType})${others}`;
    case 'half':
      return `a number from -65504 to 65504 (float16)${others}`;
    case 'integer':
      return `a whole number from ${type.min} to ${type.max} (${type.runtimeType})`;
    case 'bigint':
      return `a whole number from ${type.min} to ${type.max} (${type.runtimeType}; beyond 2^53 as text)`;
    case 'boolean':
      return 'true or false';
    case 'string':
      return 'text (no NUL, no unpaired surrogate)';
  }
}

/**
 * An element as JSON tensors have it: like readElement, but with NaN and infinities by name, so that they can be sent
 * back.
 */
export function readTensorElement(tensor: Tensor, index: number): number | string | boolean | null {
  const value = readElement(tensor, index);
  if (value !== null) return value;
  const element = Number(tensor.data[index]);
  return String(tensor.datatype === 'FP16' ? fromFloat16Bits(element) : element);
}

/** An element as JSON: 64-bit integers beyond 2^53 as text, NaN and infinities as null. */
export function readElement(tensor: Tensor, index: number): number | string | boolean | null {
  const element = tensor.data[index];
  if (element === undefined) return null;
  const value = tensor.datatype === 'FP16' ? fromFloat16Bits(Number(element)) : element;
  if (tensor.datatype === 'BOOL') return value !== 0;
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  if (typeof value === 'number' && !Number.isFinite(value)) return null;
  return value;
}
