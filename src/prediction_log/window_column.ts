import type { Column, WantedKind } from '../tables/column.ts';
import type { LogColumn } from './column.ts';

/**
 * Collects a column of known length from its end to its beginning, segment by segment.
 *
 * @param rows the largest number of rows that there may be
 */
export function columnCollector(name: string, wanted: WantedKind, rows: number) {
  const categories: string[] = [];
  let areTruthValues = true;
  const known = new Map<string, number>();
  let numbers =
    wanted === 'numeric' || wanted === 'any' ? new Float64Array(rows).fill(Number.NaN) : undefined;
  let codes = numbers === undefined ? new Int32Array(rows).fill(-1) : undefined;

  const codeOf = (value: unknown): number => {
    if (value === null || value === undefined) return -1;
    areTruthValues &&= typeof value === 'boolean';
    const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
    const code = known.get(text);
    if (code !== undefined) return code;
    known.set(text, categories.length);
    return categories.push(text) - 1;
  };
  const codeOfNumber = (value: number): number => (Number.isNaN(value) ? -1 : codeOf(value));
  /** All values were numbers so far and another kind occurs: they become categories. */
  const categorise = (): Int32Array => {
    codes ??= Int32Array.from(numbers ?? [], codeOfNumber);
    numbers = undefined;
    return codes;
  };
  const putNumbers = (into: Float64Array, column: LogColumn, selection: Uint32Array, start: number) => {
    if (column.kind === 'numbers') {
      const { values } = column;
      if (selection.length === values.length) into.set(values, start);
      else
        for (let index = 0; index < selection.length; index++)
          into[start + index] = values[selection[index] ?? 0] ?? Number.NaN;
    } else if (column.kind === 'dictionary') {
      const entries = Float64Array.from(column.entries, numberOf);
      for (let index = 0; index < selection.length; index++)
        into[start + index] = entries[column.codes[selection[index] ?? 0] ?? 0] ?? Number.NaN;
    }
  };
  const putCodes = (into: Int32Array, column: LogColumn, selection: Uint32Array, start: number) => {
    if (column.kind === 'numbers')
      for (let index = 0; index < selection.length; index++)
        into[start + index] = codeOfNumber(column.values[selection[index] ?? 0] ?? Number.NaN);
    else if (column.kind === 'dictionary') {
      const entries = Int32Array.from(column.entries, codeOf);
      for (let index = 0; index < selection.length; index++)
        into[start + index] = entries[column.codes[selection[index] ?? 0] ?? 0] ?? -1;
    }
  };

  return {
    /** Writes the selected rows of a segment's column at row `start` and after. */
    put(column: LogColumn, selection: Uint32Array, start: number): void {
      if (numbers !== undefined && (column.kind === 'numbers' || wanted === 'numeric'))
        putNumbers(numbers, column, selection, start);
      else putCodes(categorise(), column, selection, start);
    },
    /** The memory for that many rows from `start` on; undefined once not all values are numbers. */
    numbers: (start: number, count: number) => numbers?.subarray(start, start + count),
    /** The rows from `start` on. */
    finish(start: number): Column {
      if (numbers !== undefined) return { name, kind: 'numeric', values: numbers.subarray(start) };
      return {
        name,
        kind: wanted === 'boolean' || (wanted === 'any' && areTruthValues) ? 'boolean' : 'categorical',
        categories,
        codes: categorise().subarray(start),
      };
    },
  };
}

/** 64-bit integers beyond 2^53 are logged as text; for comparing distributions they may be rounded. */
function numberOf(value: unknown): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^-?\d{1,20}$/.test(value) ? Number(value) : Number.NaN;
}
