import { booleanCell, isMissingCell, numberCell } from '../../tables/cells.ts';

/**
 * How the values of a source are read. `declared`: the feature's kind is known from the signature; otherwise only
 * values that are plainly of the kind are accepted.
 */
export interface ValueReader {
  isMissing(value: unknown): boolean;
  /** undefined: not a number. Infinite numbers count as missing in comparisons. */
  number(value: unknown, declared: boolean): number | undefined;
  truth(value: unknown, declared: boolean): boolean | undefined;
  text(value: unknown): string | undefined;
}

/** JSON and Parquet values. */
export const jsonValues: ValueReader = {
  isMissing: (value) => value === null || value === undefined,
  number(value, declared) {
    if (typeof value === 'number') return value;
    if (typeof value === 'bigint') return Number(value);
    // 64-bit integers beyond 2^53 travel as text; for comparing distributions they may be rounded.
    return declared && typeof value === 'string' && /^-?\d{1,20}$/.test(value) ? Number(value) : undefined;
  },
  truth: (value) => (typeof value === 'boolean' ? value : undefined),
  text: (value) => (typeof value === 'object' ? undefined : String(value)),
};

/** The cells of a CSV column without a known datatype; empty, NA, NaN, null and None are missing. */
export const textCells: ValueReader = {
  isMissing: (value) => isMissingCell(cellText(value)),
  number: (value) => numberCell(cellText(value)),
  truth(value) {
    const text = cellText(value);
    return /^(true|false)$/i.test(text) ? booleanCell(text) : undefined;
  },
  text: cellText,
};

function cellText(value: unknown): string {
  return typeof value === 'string' ? value.trim() : '';
}

/** The value as an error message shows it. */
export function shownValue(value: unknown): string {
  const text = typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.slice(0, 60);
}
