import { booleanCell, isMissingCell, numberCell } from './cells.ts';
import { classesOf } from './class_labels.ts';
import type { TensorSpec } from './signature.ts';
import type { VersionRecord } from './version_record.ts';

/** What really was, in the form in which the version answers. */
export type ActualValue = number | string | boolean | ActualValue[];

export type ReadActual =
  | { kind: 'value'; value: ActualValue /** A class that is none of the model's. */; isUnlisted?: true }
  | { kind: 'missing' }
  | { kind: 'wrong'; expected: string };

/**
 * Reads what really was as the version would have answered it: a class by its name, a number, an array. Numbers may
 * come as text and labels as numbers, as files have them: 1, 1.0 and "1" are the class 1; of the classes 0 and 1 true
 * is 1. null and empty text are missing, and so is NA, N/A, NaN, null or None where it is no class of the model.
 */
export function actualReader({ signature, classLabels }: VersionRecord): (given: unknown) => ReadActual {
  const { outputs } = signature;
  if (outputs.some(({ role }) => role !== undefined)) {
    const label = outputs.find(({ role }) => role === 'label');
    const listed = classValues(outputs, classLabels);
    return (given) => readClass(listed, label, given);
  }
  const [only] = outputs;
  if (outputs.length === 1 && only !== undefined && isScalar(only)) {
    if (only.datatype === 'BYTES' || only.datatype === 'BOOL') return (given) => readClass([], only, given);
    return readNumber;
  }
  return readArray;
}

function isScalar({ shape, unranked }: TensorSpec): boolean {
  return unranked !== true && (shape.length <= 1 || (shape.length === 2 && shape[1] === 1));
}

type ClassValue = string | number | boolean;

/** The classes as predictions name them; empty where the model does not list them. */
function classValues(
  outputs: readonly TensorSpec[],
  classLabels: readonly string[] | undefined,
): ClassValue[] {
  const codes = outputs.find(({ classes }) => classes !== undefined)?.classes ?? [];
  const names = classLabels ?? classesOf(outputs) ?? [];
  return names.map((name, index) => {
    const code = codes[index] ?? index;
    return name === String(code) ? code : name;
  });
}

function readClass(listed: readonly ClassValue[], label: TensorSpec | undefined, given: unknown): ReadActual {
  if (given === null || given === undefined) return { kind: 'missing' };
  if (typeof given === 'object') return { kind: 'wrong', expected: 'a class' };
  const text = String(given).trim();
  const [number, truth] = [numberCell(text), booleanCell(text)];
  const value =
    listed.find((name) => String(name) === text) ??
    listed.find((name) => number !== undefined && numberCell(String(name)) === number) ??
    // As data frames write the two classes of a binary model.
    (truth === undefined ? undefined : listed.find((name) => String(name) === String(Number(truth))));
  if (value !== undefined) return { kind: 'value', value };
  if (isMissingCell(text)) return { kind: 'missing' };
  const isNumeric = label !== undefined && /INT/.test(label.datatype) && listed.every(isNumber);
  const own = label?.datatype === 'BOOL' ? truth : isNumeric ? number : undefined;
  return { kind: 'value', value: own ?? text, ...(listed.length > 0 && { isUnlisted: true }) };
}

function isNumber(value: ClassValue): boolean {
  return typeof value === 'number';
}

function readNumber(given: unknown): ReadActual {
  if (given === null || given === undefined) return { kind: 'missing' };
  if (typeof given === 'number' && Number.isFinite(given)) return { kind: 'value', value: given };
  if (typeof given === 'number' || (typeof given === 'string' && isMissingCell(given.trim())))
    return { kind: 'missing' };
  const value = typeof given === 'string' ? numberCell(given.trim()) : undefined;
  if (value === undefined || !Number.isFinite(value)) return { kind: 'wrong', expected: 'a number' };
  return { kind: 'value', value };
}

/** Of a model with several outputs or columns: an array of the same form, in a file as JSON text. */
function readArray(given: unknown): ReadActual {
  if (given === null || given === undefined || given === '') return { kind: 'missing' };
  const array = typeof given === 'string' ? parseJson(given) : given;
  return isActualArray(array)
    ? { kind: 'value', value: array }
    : { kind: 'wrong', expected: 'an array of numbers or labels' };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isActualArray(value: unknown): value is ActualValue[] {
  return Array.isArray(value) && value.every((item) => isActualArray(item) || isActualScalar(item));
}

function isActualScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
}
