/** Parses the text cells of a CSV file, without guessing. */

const missing = new Set(['', 'na', 'n/a', 'nan', 'null', 'none']);

/** Whether a cell of a numeric or boolean column is missing: empty, NA, N/A, NaN, null or None. */
export function isMissingCell(text: string): boolean {
  return missing.has(text.toLowerCase());
}

const numberPattern = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$|^[-+]?inf(inity)?$/i;

/** The number in a cell; undefined when it is not a number. */
export function numberCell(text: string): number | undefined {
  if (!numberPattern.test(text)) return undefined;
  if (/inf/i.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(text);
}

/** The boolean in a cell: true, false, 1 or 0; undefined when it is none of them. */
export function booleanCell(text: string): boolean | undefined {
  if (/^(true|1|1\.0)$/i.test(text)) return true;
  return /^(false|0|0\.0)$/i.test(text) ? false : undefined;
}

/**
 * The value of a cell as predict takes it for the datatype (FP32, INT64, BOOL, BYTES …). Text stays exactly as it is.
 * A cell that does not fit the datatype is returned as text, which the codec then refuses by name; a missing one is
 * null.
 */
export function cellValue(datatype: string, cell: string): unknown {
  if (datatype === 'BYTES') return cell;
  const text = cell.trim();
  if (isMissingCell(text)) return null;
  if (datatype === 'BOOL') return booleanCell(text) ?? text;
  const number = numberCell(text);
  if (number === undefined) return text;
  // Integers beyond 2^53 stay text, which the codec accepts for 64-bit integers.
  const isExact = isFloat(datatype) || Number.isSafeInteger(number) || !/^[-+]?\d+$/.test(text);
  return isExact ? number : text.replace(/^\+/, '');
}

function isFloat(datatype: string): boolean {
  return datatype.startsWith('FP');
}
