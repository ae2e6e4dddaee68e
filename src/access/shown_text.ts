/** What cannot be seen, or moves what is around it: control, format and bidirectional marks, line ends, fillers. */
const unseen = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/** Marks that pile up on one letter reach over the lines above and below. */
const piledMarks = /(?<=\p{M}{3})\p{M}/gu;

/**
 * A text that others gave, on one line, with everything in it to be seen: what would be invisible stands there as
 * `\u{…}`, runs of spaces as one. At most `limit` characters of the text, and then how many there were.
 */
export function visibleText(text: string, limit: number): string {
  const seen = text
    .slice(0, 2 * limit)
    .replace(/ {2,}/g, ' ')
    .replace(unseen, asCode)
    .replace(piledMarks, asCode);
  if (seen.length <= limit && text.length <= 2 * limit) return seen;
  return `${wholeCharacters(seen, limit)}… (${text.length} characters in all)`;
}

/**
 * A text that others gave as a question may show it: visible, and without anything that a client that renders
 * Markdown or HTML would take as markup.
 */
export function questionText(text: string, limit: number): string {
  return visibleText(text, limit)
    .replace(/\\(?!u\{)|[`*[\]>#~|]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, '\\$&')
    .replace(/[<&]/g, asCode);
}

function asCode(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** The first characters, without the half of a pair or of a code at the end. */
function wholeCharacters(text: string, limit: number): string {
  return text
    .slice(0, limit)
    .replace(/[\uD800-\uDBFF]$/, '')
    .replace(/\\(u(\{[0-9a-f]*)?)?$/, '');
}
