import { ModelYardError } from '../errors.ts';
import type { DatatypeName } from '../registry/datatypes.ts';
import type { Signature } from '../registry/signature.ts';
import type { Column } from './drift/profile.ts';

/** A feature to be read from rows, and how its values compare. */
export interface FeatureKind {
  name: string;
  kind: Column['kind'];
}

export function featureKinds(signature: Signature): FeatureKind[] {
  return signature.features.map(({ name, datatype }) => ({ name, kind: kindOf(datatype) }));
}

function kindOf(datatype: DatatypeName): Column['kind'] {
  if (datatype === 'BOOL') return 'boolean';
  return datatype === 'BYTES' ? 'categorical' : 'numeric';
}

/** The names of all features that occur in the records, in the order of their first appearance. */
export function namesIn(records: readonly Record<string, unknown>[]): string[] {
  const names = new Set<string>();
  for (const record of records) for (const name of Object.keys(record)) names.add(name);
  return [...names];
}

/**
 * One column of row values. null, undefined, NaN and infinities are missing.
 * @throws INVALID_INPUT naming the row and the value that is not of the kind.
 */
export function toColumn(feature: FeatureKind, values: readonly unknown[]): Column {
  const { name, kind } = feature;
  if (kind === 'numeric')
    return { name, kind, values: Float64Array.from(values, (value, row) => toNumber(name, value, row)) };
  return { name, kind, values: values.map((value, row) => toCategory(feature, value, row)) };
}

function toNumber(name: string, value: unknown, row: number): number {
  if (typeof value === 'number') return value;
  if (value === null || value === undefined) return Number.NaN;
  // 64-bit integers beyond 2^53 travel as text; a comparison of distributions can take them rounded.
  if (typeof value === 'string' && /^-?\d{1,20}$/.test(value)) return Number(value);
  throw wrongValue(name, value, row, 'a number');
}

function toCategory({ name, kind }: FeatureKind, value: unknown, row: number): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean') return String(value);
  if (kind === 'categorical' && (typeof value === 'string' || typeof value === 'number'))
    return String(value);
  throw wrongValue(name, value, row, kind === 'boolean' ? 'true or false' : 'text');
}

function wrongValue(name: string, value: unknown, row: number, expected: string): ModelYardError {
  const shown = JSON.stringify(value) ?? String(value);
  return new ModelYardError(
    'INVALID_INPUT',
    `Row ${row}, feature "${name}": expected ${expected}, got ${shown.slice(0, 60)}.`,
    'Correct the row, or leave the value empty (null) if it is missing.',
  );
}

/** Guesses the kind of a column that no signature describes: numeric when every value present is a number. */
export function inferKind(name: string, values: readonly unknown[]): FeatureKind {
  const present = values.filter((value) => value !== null && value !== undefined);
  if (present.length > 0 && present.every((value) => typeof value === 'boolean'))
    return { name, kind: 'boolean' };
  return { name, kind: present.every((value) => typeof value === 'number') ? 'numeric' : 'categorical' };
}

/**
 * The columns of predictions: the value of a regression or label-only model as `prediction`, the
 * probability of each class of a classifier as `P(class)` (of two classes the second, which says both).
 */
export function predictionColumns(
  predictions: readonly { value: unknown; probabilities?: [string, number][] | null | undefined }[],
): Column[] {
  const classes = predictions
    .find((prediction) => prediction.probabilities)
    ?.probabilities?.map(([label]) => label);
  if (classes !== undefined) {
    const shown = classes.length === 2 ? classes.slice(1) : classes;
    return shown.map((label) => ({
      name: `P(${label})`,
      kind: 'numeric',
      values: Float64Array.from(predictions, ({ probabilities }) => {
        // A probability that was NaN is null in the log's JSON.
        return probabilities?.find(([name]) => name === label)?.[1] ?? Number.NaN;
      }),
    }));
  }
  const values = predictions.map(({ value }) => value);
  if (values.some(Array.isArray)) {
    const width = values.reduce<number>(
      (widest, value) => Math.max(widest, Array.isArray(value) ? value.length : 0),
      0,
    );
    return Array.from({ length: Math.min(width, 50) }, (_, index) => {
      const column = values.map((value): unknown => (Array.isArray(value) ? value[index] : null));
      const flat = column.map((value) => (Array.isArray(value) ? null : value));
      return toColumn(inferKind(`prediction[${index}]`, flat), flat);
    });
  }
  return [toColumn(inferKind('prediction', values), values)];
}
