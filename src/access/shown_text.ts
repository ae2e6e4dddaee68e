/**
 * Characters that are invisible or affect how their surroundings are displayed: control, format and bidirectional
 * marks, line ends, fillers.
 */
const unseen = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/** Combining marks beyond the third on one letter, which would cover the lines above and below. */
const piledMarks = /(?<=\p{M}{3})\p{M}/gu;

/** Text from outside with everything visible, on one line: invisible characters are shown as `\u{…}`. */
export function visible(text: string): string {
  return text.replace(unseen, asCode).replace(piledMarks, asCode);
}

/**
 * Text from outside on one line with everything visible: invisible characters are shown as `\u{…}`, runs of spaces as
 * one. At most `limit` characters of it, and then how many there were.
 */
export function visibleText(text: string, limit: number): string {
  const seen = visible(text.slice(0, 2 * limit).replace(/ {2,}/g, ' '));
  if (seen.length <= limit && text.length <= 2 * limit) return seen;
  return `${wholeCharacters(seen, limit)}… (${text.length} characters in all)`;
}

/**
 * Text from outside for a question: visible, and without anything that a client that renders Markdown or HTML would
 * take as markup.
 */
export function questionText(text: string, limit: number): string {
  return visibleText(text, limit)
    .replace(/\\(?!u\{)|[`*[\]>#~|]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, '\\$&')
    .replace(/[<&]/g, asCode);
}

function asCode(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** A text of at most `limit` characters: one that is longer ends there, and says how long it was. */
export function shortText(text: string, limit: number): string {
  return text.length <= limit ? text : `${wholeCharacters(text, limit)}… (${text.length} characters in all)`;
}

/** The first characters, without half of a surrogate pair or of an escape at the end. */
function wholeCharacters(text: string, limit: number): string {
  return text
    .slice(0, limit)
    .replace(/[\uD800-\uDBFF]$/, '')
    .replace(/\\(u(\{[0-9a-f]*)?)?$/, '');
}
