import { z } from 'zod';
import type { LogColumn } from './log/column.ts';
import { encodeBlob, openBlob } from './log/column_blob.ts';
import type { WindowColumn } from './log/window_column.ts';

/**
 * Whole rows of a reference, drawn at random: which values came together no profile knows. Columns have a value a
 * row; those of the answers are empty where the model could not answer.
 */
export interface ReferenceRows {
  rows: number;
  features: WindowColumn[];
  /** What the version predicts: the label or number; of a model that answers arrays one column an element. */
  values: WindowColumn[];
  /** One column a class, NaN where there is none. */
  probabilities: { label: string; values: Float64Array }[];
  /** What really was, where it is known. */
  outcome: WindowColumn | undefined;
}

const mostRows = 20_000;
/** Megabytes that are written in one go hold up everything else. */
const mostCells = 1_000_000;

/** Rows of so many columns that are kept at most: 20 000, fewer from 50 columns on. */
export function mostReferenceRows(columns: number): number {
  return Math.min(mostRows, Math.ceil(mostCells / Math.max(1, columns)));
}

/** A column's name in the blob, as JSON: what it belongs to, its kind and its own name. */
const nameSchema = z.tuple([
  z.enum(['feature', 'value', 'probability', 'outcome']),
  z.enum(['numeric', 'categorical', 'boolean']),
  z.string(),
]);

export function encodeReferenceRows(given: ReferenceRows): Uint8Array<ArrayBuffer> {
  const columns: [string, LogColumn][] = [];
  const add = (part: z.infer<typeof nameSchema>[0], column: WindowColumn) =>
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

function toLogColumn(column: WindowColumn): LogColumn {
  if (column.kind === 'numeric') return { kind: 'numbers', values: column.values };
  const missing = column.categories.length;
  return {
    kind: 'dictionary',
    entries: [...column.categories, null],
    codes: Uint32Array.from(column.codes, (code) => (code < 0 ? missing : code)),
  };
}

function fromLogColumn(name: string, kind: WindowColumn['kind'], column: LogColumn): WindowColumn {
  if (kind === 'numeric')
    return { name, kind, values: column.kind === 'numbers' ? column.values : new Float64Array() };
  // A column without any value comes back as numbers.
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
