import { randomUUID } from 'node:crypto';

/** Stands before the digits of a whole number that JSON.parse would round; nobody outside can write it. */
const mark = `whole-number-${randomUUID()}:`;

/** Whether a whole number of sixteen digits or more stands somewhere, or in a text; a double holds fifteen exactly. */
const longInteger = /(?:^|[\s[,:])-?\d{16,}(?=[\s,}\]]|$)/;

/** A text, or a part of one with so many escapes: the engine has no room to remember each of millions. */
const texts = '(?:"|\\\\.)[^"\\\\]*(?:\\\\.[^"\\\\]*){0,1000}"?';
const tokens = new RegExp(`${texts}|NaN|-?Infinity|-?\\d+(?:\\.\\d+)?(?:[eE][-+]?\\d+)?`, 'gs');

/** No datatype holds more than twenty digits, and reading many takes the square of their number. */
const exactInteger = /^-?\d{16,20}$/;

/** What a text of JSON says, and whether some of it is bigint. */
export interface ExactJson {
  value: unknown;
  hasBigIntegers: boolean;
}

/**
 * Reads JSON as Python and others write it: whole numbers of at most twenty digits that a double does not hold are bigint,
 * and NaN, Infinity and -Infinity, for which JSON has no literal, are null, "Infinity" and "-Infinity", as tensors have them.
 * @throws SyntaxError
 */
export function parseExactJson(text: string): ExactJson {
  if (!longInteger.test(text)) {
    try {
      return { value: JSON.parse(text), hasBigIntegers: false };
    } catch (error) {
      if (!text.includes('NaN') && !text.includes('Infinity')) throw error;
    }
  }
  let hasBigIntegers = false;
  const marked = text.replace(tokens, (token) => {
    if (token.startsWith('"') || token.startsWith('\\')) return token;
    if (token === 'NaN') return 'null';
    if (token.endsWith('Infinity')) return `"${token}"`;
    if (!exactInteger.test(token) || Number.isSafeInteger(Number(token))) return token;
    hasBigIntegers = true;
    return `"${mark}${token}"`;
  });
  if (!hasBigIntegers) return { value: JSON.parse(marked), hasBigIntegers };
  const value: unknown = JSON.parse(marked, (_, member: unknown) =>
    typeof member === 'string' && member.startsWith(mark) ? BigInt(member.slice(mark.length)) : member,
  );
  return { value, hasBigIntegers };
}
