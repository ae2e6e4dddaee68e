import { z } from 'zod';
import type { LogColumn } from '../../prediction_log/column.ts';
import { encodeBlob, openBlob } from '../../prediction_log/column_blob.ts';
import type { Column } from '../../tables/column.ts';

/**
 * Whole rows of a reference, drawn at random, for questions that profiles cannot answer because they do not know
 * which values belong to one row. Columns have one value a row; those of predictions are empty where the model could
 * not answer.
 */
export interface ReferenceRows {
  rows: number;
  features: Column[];
  /** What the version predicts: the label or number; of a model that answers arrays one column an element. */
  values: Column[];
  /** One column a class, NaN where there is none. */
  probabilities: { label: string; values: Float64Array }[];
  /** Actual values, where they are known. */
  outcome: Column | undefined;
}

const maxRows = 20_000;
/** Cells that are written at once; more would hold up everything else. */
const maxCells = 1_000_000;

/** Rows that are kept at most, by the number of columns: 20 000, fewer from 50 columns on. */
export function maxReferenceRows(columns: number): number {
  return Math.min(maxRows, Math.ceil(maxCells / Math.max(1, columns)));
}

/** A column's name in the blob, as JSON: what it belongs to, its kind and its own name. */
const nameSchema = z.tuple([
  z.enum(['feature', 'value', 'probability', 'outcome']),
  z.enum(['numeric', 'categorical', 'boolean']),
  z.string(),
]);

export function encodeReferenceRows(given: ReferenceRows): Uint8Array<ArrayBuffer> {
  const columns: [string, LogColumn][] = [];
  const add = (part: z.infer<typeof nameSchema>[0], column: Column) =>
    columns.push([JSON.stringify([part, column.kind, column.name]), toLogColumn(column)]);
  for (const column of given.features) add('feature', column);
  for (const column of given.values) add('value', column);
  for (const { label, values } of given.probabilities)
    add('probability', { name: label, kind: 'numeric', values });
  if (given.outcome !== undefined) add('outcome', given.outcome);
  return new Uint8Array(encodeBlob(given.rows, columns).bytes);
}

export function decodeReferenceRows(bytes: Uint8Array): ReferenceRows {
  const blob = openBlob(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  const decoded: ReferenceRows = {
    rows: blob.rows,
    features: [],
    values: [],
    probabilities: [],
    outcome: undefined,
  };
  for (const [stored, values] of blob.read()) {
    const [part, kind, name] = nameSchema.parse(JSON.parse(stored));
    const column = fromLogColumn(name, kind, values);
    if (part === 'feature') decoded.features.push(column);
    else if (part === 'value') decoded.values.push(column);
    else if (part === 'outcome') decoded.outcome = column;
    else if (column.kind === 'numeric') decoded.probabilities.push({ label: name, values: column.values });
  }
  return decoded;
}

function toLogColumn(column: Column): LogColumn {
  if (column.kind === 'numeric') return { kind: 'numbers', values: column.values };
  const missing = column.categories.length;
  return {
    kind: 'dictionary',
    entries: [...column.categories, null],
    codes: Uint32Array.from(column.codes, (code) => (code < 0 ? missing : code)),
  };
}

function fromLogColumn(name: string, kind: Column['kind'], column: LogColumn): Column {
  if (kind === 'numeric')
    return { name, kind, values: column.kind === 'numbers' ? column.values : new Float64Array() };
  // A column of which every value is missing is stored as numbers.
  if (column.kind !== 'dictionary') {
    const rows = column.kind === 'numbers' ? column.values.length : 0;
    return { name, kind, categories: [], codes: new Int32Array(rows).fill(-1) };
  }
  const categories: string[] = [];
  const translated = column.entries.map((entry) =>
    typeof entry === 'string' ? categories.push(entry) - 1 : -1,
  );
  return { name, kind, categories, codes: Int32Array.from(column.codes, (code) => translated[code] ?? -1) };
}
