import stringWidth from 'string-width';

/** A cell: its text on one line, and whether it is a number, which stands to the right. */
export interface Cell {
  text: string;
  isNumber: boolean;
}

/** Columns between two columns of a table. */
const gap = 2;

/** A column of a table that is too wide is cut to no less than this. */
const leastWidth = 16;

/**
 * A table's lines, its heads first.
 *
 * @param width columns of the terminal; undefined: as wide as it takes, with every cell whole
 * @returns undefined where it cannot be cut to that width
 */
export function tableLines(
  heads: readonly string[],
  rows: readonly (readonly Cell[])[],
  width: number | undefined,
): string[] | undefined {
  const natural = heads.map((head, at) =>
    Math.max(stringWidth(head), ...rows.map((row) => stringWidth(row[at]?.text ?? ''))),
  );
  const widths = width === undefined ? natural : widthsWithin(natural, width - gap * (heads.length - 1));
  if (widths === undefined) return undefined;
  const line = (cells: readonly Cell[]) =>
    widths
      .map((columns, at) => {
        const { text = '', isNumber = false } = cells[at] ?? {};
        const shown = cut(text, columns);
        const space = ' '.repeat(Math.max(0, columns - stringWidth(shown)));
        return isNumber ? `${space}${shown}` : `${shown}${space}`;
      })
      .join(' '.repeat(gap))
      .trimEnd();
  const areNumbers = heads.map((_, at) => rows.some((row) => row[at]?.isNumber));
  return [
    line(heads.map((text, at) => ({ text, isNumber: areNumbers[at] ?? false }))),
    ...rows.map((row) => line(row)),
  ];
}

/** The widest columns are cut first. */
function widthsWithin(natural: readonly number[], width: number): number[] | undefined {
  const total = (limit: number) => natural.reduce((sum, columns) => sum + Math.min(columns, limit), 0);
  let limit = Math.max(leastWidth, ...natural);
  while (total(limit) > width && limit > leastWidth) limit -= 1;
  return total(limit) > width ? undefined : natural.map((columns) => Math.min(columns, limit));
}

/** A text in at most so many columns: one that is longer ends with …. */
export function cut(text: string, columns: number): string {
  if (stringWidth(text) <= columns) return text;
  let kept = '';
  let width = 0;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    width += stringWidth(segment);
    if (width > columns - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** A text in lines of at most so many columns, broken between words; a word that is longer has a line of its own. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter((each) => each !== '')) {
    const last = lines.at(-1);
    if (last === undefined || stringWidth(last) + 1 + stringWidth(word) > columns) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
