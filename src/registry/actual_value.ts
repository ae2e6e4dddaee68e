import { booleanCell, isMissingCell, numberCell } from '../tables/cells.ts';
import { classesOf } from './class_labels.ts';
import type { TensorSpec } from './signature.ts';
import type { VersionRecord } from './version_record.ts';

/** An actual value (ground truth), in the form of the version's predictions. */
type ActualValue = number | string | boolean | ActualValue[];

export type ReadActual =
  | { kind: 'value'; value: ActualValue /** A class that is none of the model's. */; isUnlisted?: true }
  | { kind: 'missing' }
  | { kind: 'wrong'; expected: string };

/**
 * Reads an actual value as the version would have answered it: a class by its name, a number, an array. Numbers may
 * come as text and labels as numbers, as files have them: 1, 1.0 and "1" are the class 1; of the classes 0 and 1 true
 * is 1, also of a two-class model that lists none. null and empty text are missing, and so is NA, N/A, NaN, null or None where it is no class of the model.
 */
export function actualReader({ signature, classLabels }: VersionRecord): (given: unknown) => ReadActual {
  const { outputs } = signature;
  if (outputs.some(({ role }) => role !== undefined)) {
    const label = outputs.find(({ role }) => role === 'label');
    const listed = classValues(outputs, classLabels);
    const scores = outputs.find(({ role }) => role === 'probabilities' || role === 'scores');
    const width = scores?.shape.length === 2 ? scores.shape[1] : undefined;
    return (given) => readClass(listed, label, width === -1 ? undefined : width, given);
  }
  const [single] = outputs;
  if (outputs.length === 1 && single !== undefined && isScalar(single)) {
    if (single.datatype === 'BYTES' || single.datatype === 'BOOL')
      return (given) => readClass([], single, undefined, given);
    return readNumber;
  }
  return readArray;
}

function isScalar({ shape, unranked }: TensorSpec): boolean {
  return unranked !== true && (shape.length <= 1 || (shape.length === 2 && shape[1] === 1));
}

/**
 * The classes of a version in the model's order; empty where it lists none; undefined for a version that does not
 * predict classes.
 */
export function listedClasses({ signature, classLabels }: VersionRecord): string[] | undefined {
  const { outputs } = signature;
  if (!outputs.some(({ role }) => role !== undefined)) return undefined;
  return classValues(outputs, classLabels).map(String);
}

type ClassValue = string | number | boolean;

/** The classes as predictions name them; empty where the model does not list them. */
export function classValues(
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

function readClass(
  listed: readonly ClassValue[],
  label: TensorSpec | undefined,
  width: number | undefined,
  given: unknown,
): ReadActual {
  if (given === null || given === undefined) return { kind: 'missing' };
  if (typeof given === 'object') return { kind: 'wrong', expected: 'a class' };
  const text = String(given).trim();
  const [number, truth] = [numberCell(text), booleanCell(text)];
  const value =
    listed.find((name) => String(name) === text) ??
    listed.find((name) => number !== undefined && numberCell(String(name)) === number) ??
    only(listed.filter((name) => String(name).toLowerCase() === text.toLowerCase())) ??
    // Data frames often write the two classes of a binary model as booleans.
    only(listed.filter((name) => truth !== undefined && booleanCell(String(name)) === truth));
  if (value !== undefined) return { kind: 'value', value };
  if (isMissingCell(text)) return { kind: 'missing' };
  if (listed.length > 0) {
    const isNumeric =
      label !== undefined && /INT/.test(label.datatype) && listed.every(isNumber) && Number.isFinite(number);
    return { kind: 'value', value: (isNumeric ? number : undefined) ?? text, isUnlisted: true };
  }
  return readUnlistedClass(label, width, text);
}

/** A class of a model that lists none: text or a number; of a binary model also a boolean. */
function readUnlistedClass(
  label: TensorSpec | undefined,
  width: number | undefined,
  text: string,
): ReadActual {
  const [number, truth] = [numberCell(text), booleanCell(text)];
  if (label?.datatype === 'BOOL')
    return truth === undefined
      ? { kind: 'wrong', expected: 'true or false' }
      : { kind: 'value', value: truth };
  // Without a label the class is the index of the largest score.
  if (label !== undefined && label.datatype === 'BYTES') return { kind: 'value', value: text };
  if (number !== undefined && Number.isFinite(number)) return { kind: 'value', value: number };
  if (truth !== undefined && (width === undefined || width <= 2))
    return { kind: 'value', value: Number(truth) };
  return { kind: 'wrong', expected: 'a class: the model answers numbers' };
}

function only<Item>(items: readonly Item[]): Item | undefined {
  return items.length === 1 ? items[0] : undefined;
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

/** For a model with several outputs or columns: an array of the same form, in a file as JSON text. */
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
