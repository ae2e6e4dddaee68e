import { ModelYardError } from '../../errors.ts';
import type { DatatypeName } from '../../registry/datatypes.ts';
import { roundAsModel } from '../../serving/codec/round_as_model.ts';
import type { Column } from '../../tables/column.ts';
import { shownValue, type ValueReader } from './values.ts';

/** A column that is wanted from given rows. `any`: of whatever kind its values are. */
export interface WantedColumn {
  name: string;
  kind: 'numeric' | 'categorical' | 'boolean' | 'any';
  /** The model's datatype for it, where known: numbers are rounded to it. */
  datatype?: DatatypeName | undefined;
}

/** How a column is built from a source's values. */
export interface ColumnSource {
  reader: ValueReader;
  /** Where a value stands, as the beginning of a sentence: `Row 3, feature "age"`. */
  place(row: number, name: string): string;
  /** What to do about a value of the wrong kind. */
  hint: string;
  /**
   * Whether a value of the wrong kind is an error. Otherwise it counts as missing; a column in which most values are
   * of the wrong kind becomes text.
   */
  strict: boolean;
}

export interface ColumnBuilder {
  push(value: unknown): void;
  finish(): { column: Column; warning: string | undefined };
}

export function columnBuilder(wanted: WantedColumn, source: ColumnSource, capacity = 1024): ColumnBuilder {
  if (wanted.kind === 'any') return inferringBuilder(wanted.name, source, capacity);
  return wanted.kind === 'numeric'
    ? numberBuilder(wanted, source, capacity)
    : categoryBuilder(wanted.name, wanted.kind, source, capacity);
}

/** @throws INVALID_INPUT always */
function refuse(source: ColumnSource, name: string, value: unknown, row: number, expected: string): never {
  throw new ModelYardError(
    'INVALID_INPUT',
    `${source.place(row, name)}: expected ${expected}, got ${shownValue(value)}.`,
    source.hint,
  );
}

function numberBuilder(
  { name, datatype }: WantedColumn,
  source: ColumnSource,
  capacity: number,
): ColumnBuilder {
  const { reader, strict } = source;
  let values = new Float64Array(capacity);
  let rows = 0;
  /** Rows whose value is not a number, with their text. */
  const odd = new Map<number, string>();
  return {
    push(value) {
      if (rows === values.length) values = grown(values, new Float64Array(2 * rows));
      let number = Number.NaN;
      if (typeof value === 'number') number = value;
      else if (!reader.isMissing(value)) {
        const read = reader.number(value, true);
        if (read !== undefined) number = read;
        else if (strict) refuse(source, name, value, rows, 'a number');
        else odd.set(rows, reader.text(value) ?? shownValue(value));
      }
      values[rows++] = number;
    },
    finish() {
      const numbers = values.subarray(0, rows);
      roundAsModel(numbers, datatype);
      const [first] = odd;
      if (first === undefined)
        return { column: { name, kind: 'numeric', values: numbers }, warning: undefined };
      const [row, text] = first;
      const found = `"${name}" has ${odd.size} value${odd.size === 1 ? '' : 's'} that ${odd.size === 1 ? 'is' : 'are'} no number (${source.place(row, name)}: ${shownValue(text)})`;
      const present = numbers.reduce((count, value) => count + (Number.isFinite(value) ? 1 : 0), 0);
      if (odd.size <= present)
        return {
          column: { name, kind: 'numeric', values: numbers },
          warning: `${found}: counted as missing.`,
        };
      const dictionary = categoryCodes();
      const codes = Int32Array.from(numbers, (value, at) => {
        const category = odd.get(at) ?? (Number.isFinite(value) ? String(value) : undefined);
        return category === undefined ? -1 : dictionary.codeOf(category);
      });
      return {
        column: { name, kind: 'categorical', categories: dictionary.categories, codes },
        warning: `${found}, most of them: the column is taken as text.`,
      };
    },
  };
}

function categoryBuilder(
  name: string,
  kind: 'categorical' | 'boolean',
  source: ColumnSource,
  capacity: number,
): ColumnBuilder {
  const { reader, strict } = source;
  const dictionary = categoryCodes();
  let codes = new Int32Array(capacity);
  let rows = 0;
  const categoryOf = (value: unknown): string => {
    if (kind === 'boolean') {
      const truth = reader.truth(value, true);
      if (truth !== undefined) return String(truth);
      if (strict) refuse(source, name, value, rows, 'true or false');
    }
    const text = reader.text(value);
    if (text === undefined && strict) refuse(source, name, value, rows, 'text');
    return text ?? shownValue(value);
  };
  return {
    push(value) {
      if (rows === codes.length) codes = grown(codes, new Int32Array(2 * rows));
      codes[rows] = reader.isMissing(value) ? -1 : dictionary.codeOf(categoryOf(value));
      rows++;
    },
    finish: () => ({
      column: { name, kind, categories: dictionary.categories, codes: codes.subarray(0, rows) },
      warning: undefined,
    }),
  };
}

/** Keeps each different value once and decides at the end whether the column is boolean, numeric or text. */
function inferringBuilder(name: string, { reader }: ColumnSource, capacity: number): ColumnBuilder {
  const values: unknown[] = [];
  const known = new Map<unknown, number>();
  let codes = new Int32Array(capacity);
  let rows = 0;
  const codeOf = (value: unknown): number => {
    if (reader.isMissing(value)) return -1;
    const code = known.get(value);
    if (code !== undefined) return code;
    known.set(value, values.length);
    return values.push(value) - 1;
  };
  return {
    push(value) {
      if (rows === codes.length) codes = grown(codes, new Int32Array(2 * rows));
      codes[rows++] = codeOf(value);
    },
    finish() {
      const used = codes.subarray(0, rows);
      const isTruth = values.length > 0 && values.every((value) => reader.truth(value, false) !== undefined);
      if (!isTruth && values.every((value) => reader.number(value, false) !== undefined)) {
        const numbers = Float64Array.from(values, (value) => reader.number(value, false) ?? Number.NaN);
        const column = Float64Array.from(used, (code) => numbers[code] ?? Number.NaN);
        return { column: { name, kind: 'numeric', values: column }, warning: undefined };
      }
      // Different texts may mean the same value, as TRUE and true do.
      const dictionary = categoryCodes();
      const translated = values.map((value) =>
        dictionary.codeOf(
          isTruth ? String(reader.truth(value, false)) : (reader.text(value) ?? shownValue(value)),
        ),
      );
      return {
        column: {
          name,
          kind: isTruth ? 'boolean' : 'categorical',
          categories: dictionary.categories,
          codes: used.map((code) => translated[code] ?? -1),
        },
        warning: undefined,
      };
    },
  };
}

function categoryCodes() {
  const categories: string[] = [];
  const known = new Map<string, number>();
  return {
    categories,
    codeOf(category: string): number {
      const code = known.get(category);
      if (code !== undefined) return code;
      known.set(category, categories.length);
      return categories.push(category) - 1;
    },
  };
}

function grown<Values extends Float64Array | Int32Array>(from: Values, into: Values): Values {
  into.set(from);
  return into;
}
