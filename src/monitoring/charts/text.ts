/** Characters of a name that a chart shows at most. */
const nameLength = 60;

/**
 * The share of a shortened name that is taken from its beginning; the rest is its end, since names often differ there
 * (`_mean`, `_30d`).
 */
const headShare = 0.6;

/** Controls, direction overrides, halves of surrogate pairs, line separators: what would disturb the text around it. */
const disturbing = /[\p{Cc}\p{Cs}\p{Co}\p{Cn}\u061c\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/u;

/**
 * A name as a chart shows it: control characters as their codes, an empty name or one with spaces at its ends in
 * quotes, at most `length` characters, with … for those left out of the middle.
 */
export function shownName(name: string, length = nameLength): string {
  const characters = [...cutMiddle(name, length)].map((character) =>
    disturbing.test(character)
      ? `\\u${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`
      : character,
  );
  // A code is longer than the character that it stands for.
  const shown = cutMiddle(characters.join(''), length);
  return shown === '' || shown !== shown.trim() ? `"${shown}"` : shown;
}

/**
 * A name among other words, set apart so that a right-to-left name does not turn the words around it (Unicode
 * Bidirectional Algorithm: FSI … PDI).
 */
export function isolatedName(name: string, length = nameLength): string {
  return `\u2068${shownName(name, length)}\u2069`;
}

function cutMiddle(text: string, length: number): string {
  if (text.length <= length) return text;
  const characters = [...text];
  if (characters.length <= length) return text;
  const head = Math.ceil((length - 1) * headShare);
  const tail = length - 1 - head;
  return `${characters.slice(0, head).join('')}…${characters.slice(characters.length - tail).join('')}`;
}

/** A number with that many significant digits: `0.01235`, and 12 350 000 as `1.235e7`. */
export function shownNumber(value: number, digits = 4): string {
  const rounded = Number(value.toPrecision(digits));
  const size = Math.abs(rounded);
  if (size === 0 || (size >= 1e-3 && size < 1e6)) return String(rounded);
  return rounded.toExponential().replace('e+', 'e');
}

/** A count with spaces between thousands. */
export function shownCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+(?!\d))/g, '\u00a0');
}

/** `1 row`, `12 345 rows`. */
export function shownRows(rows: number): string {
  return `${shownCount(rows)} row${rows === 1 ? '' : 's'}`;
}

/** A count in at most five characters, for small cells: `9999`, `12.3k`, `4.56M`. */
export function compactCount(count: number): string {
  if (count < 10_000) return String(count);
  const [unit, suffix] = count < 999_500 ? [1e3, 'k'] : count < 999_500_000 ? [1e6, 'M'] : [1e9, 'G'];
  return `${Number((count / unit).toPrecision(3))}${suffix}`;
}

/** A share of 0 … 1 in percent; 0 % and 100 % only where they are exact. */
export function shownShare(share: number): string {
  if (share > 0 && share < 0.001) return '<0.1\u00a0%';
  if (share < 1 && share > 0.999) return '>99.9\u00a0%';
  const percent = 100 * share;
  return `${Number(percent.toFixed(percent < 9.95 || (percent > 99 && percent < 100) ? 1 : 0))}\u00a0%`;
}
