import { along } from './theme.ts';

/** Pixels of a feature's row in a drift report, and of the headings above the first. */
export const rowHeight = 84;
const headingHeight = 26;

/** Pixels of `rows` rows with their heading. */
export function heightOf(rows: number): number {
  return headingHeight + rows * rowHeight;
}

/** Where a row begins, by the data's field `row`, which counts from 0, or another in its units. */
export function rowPosition(rows: number, field = 'row') {
  return along(field, { domain: [-headingHeight / rowHeight, rows], reverse: true });
}
