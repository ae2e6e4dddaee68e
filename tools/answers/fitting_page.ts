import { answerCharacters } from './room.ts';

/** Characters of a whole concise page; what stands around it keeps below 2 000 tokens with them. */
const pageCharacters = answerCharacters - 700;
/** Characters of a row at least, however many are requested. */
const leastCharacters = 600;

/**
 * As many rows as fit on one page, at least the first, each limited to its share of the characters. The next page begins
 * after the last.
 */
export function fittingPage<Row, Shown>(
  rows: readonly Row[],
  show: (row: Row, characters: number) => Shown,
): Shown[] {
  const share = Math.max(pageCharacters / Math.max(1, rows.length), leastCharacters);
  let left = pageCharacters;
  const shown: Shown[] = [];
  for (const row of rows) {
    const one = show(row, share);
    left -= JSON.stringify(one).length + 1;
    if (left < 0 && shown.length > 0) break;
    shown.push(one);
  }
  return shown;
}
