import type { DatatypeName } from './datatypes.ts';

/** Text cells, as a CSV file has them, read as what they say and as nothing else. */

const missing = new Set(['', 'na', 'n/a', 'nan', 'null', 'none']);

/** Whether a cell of a number or truth value says that there is none: empty, NA, N/A, NaN, null or None. */
export function isMissingCell(text: string): boolean {
  return missing.has(text.toLowerCase());
}

const numberPattern = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$|^[-+]?inf(inity)?$/i;

/** The number that a cell says; undefined when it says none. */
export function numberCell(text: string): number | undefined {
  if (!numberPattern.test(text)) return undefined;
  if (/inf/i.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(text);
}

/** The truth value that a cell says: true, false, 1 or 0; undefined when it says none. */
export function booleanCell(text: string): boolean | undefined {
  if (/^(true|1|1\.0)$/i.test(text)) return true;
  return /^(false|0|0\.0)$/i.test(text) ? false : undefined;
}

/**
 * A cell as predict takes a value of the datatype. Text stays exactly the text it is. A cell that is not of
 * the datatype is given back as text, which the codec then refuses by name; a missing one is null.
 */
export function cellValue(datatype: DatatypeName, cell: string): unknown {
  if (datatype === 'BYTES') return cell;
  const text = cell.trim();
  if (isMissingCell(text)) return null;
  if (datatype === 'BOOL') return booleanCell(text) ?? text;
  const number = numberCell(text);
  if (number === undefined) return text;
  // Digits beyond 2^53 stay digits: 64-bit integers are taken as text too.
  const isExact = isFloat(datatype) || Number.isSafeInteger(number) || !/^[-+]?\d+$/.test(text);
  return isExact ? number : text.replace(/^\+/, '');
}

function isFloat(datatype: DatatypeName): boolean {
  return datatype.startsWith('FP');
}
