import { along } from './theme.ts';

/** Pixels of a feature's row in a drift report, and of the headings above the first. */
export const ROW_HEIGHT = 84;
const HEADING_HEIGHT = 26;

/** Pixels of `rows` rows with their heading. */
export function heightOf(rows: number): number {
  return HEADING_HEIGHT + rows * ROW_HEIGHT;
}

/** Where a row begins, by the data's field `row`, which counts from 0, or another in its units. */
export function rowPosition(rows: number, field = 'row') {
  return along(field, { domain: [-HEADING_HEIGHT / ROW_HEIGHT, rows], reverse: true });
}
