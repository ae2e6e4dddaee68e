/** So that two sets of counters fit into a processor's second-level cache, and a cell's number into 16 bits. */
const maxCells = 1 << 14;

/**
 * Cells that cut the line of numbers: one below `low`, equally wide inner ones, one above. The step from a
 * value to its cell is monotone in floating point too, so every value of a lower cell is below every value of
 * a higher one.
 */
export interface CellGrid {
  low: number;
  /** Inner cells per unit; 0 puts every value into one cell. */
  scale: number;
  /** How many cells there are. */
  cells: number;
}

/**
 * A grid over the middle 98 % of ascending finite values, at least one. With heavy tails its cells fill unevenly,
 * which may cost time but never changes a result.
 */
export function cellGrid(sorted: Float64Array): CellGrid {
  const count = sorted.length;
  const low = sorted[Math.floor(count * 0.01)] ?? 0;
  const high = sorted[Math.ceil(count * 0.99) - 1] ?? low;
  const inner = Math.min(maxCells, count);
  const scale = inner / (high - low);
  // A constant has no width, and a range beyond floating point has an infinite one.
  return { low, scale: scale > 0 && Number.isFinite(scale) ? scale : 0, cells: inner + 2 };
}

/**
 * For every cell how many of the values are in cells before it; one entry more than there are cells.
 *
 * @param cellOfRow receives the cell of every value where it is given; as long as `values`
 */
export function countBeforeCells(
  values: Float64Array,
  { low, scale, cells }: CellGrid,
  cellOfRow?: Uint16Array,
): Uint32Array {
  const before = new Uint32Array(cells + 1);
  if (scale === 0) {
    cellOfRow?.fill(1);
    return before.fill(values.length, 2);
  }
  const last = cells - 1;
  // Without branches, since a processor cannot predict on which side of a border a value is.
  const cellOf = (value: number) => Math.max(0, Math.min((value - low) * scale + 1, last)) | 0;
  // Two rows at a time, each with its own counters: with one set, a count often waits for the write just before it.
  const other = new Uint32Array(cells);
  const pairs = values.length & ~1;
  for (let row = 0; row < pairs; row += 2) {
    const one = cellOf(values[row] ?? 0);
    const two = cellOf(values[row + 1] ?? 0);
    if (cellOfRow !== undefined) {
      cellOfRow[row] = one;
      cellOfRow[row + 1] = two;
    }
    before[one + 1] = (before[one + 1] ?? 0) + 1;
    other[two] = (other[two] ?? 0) + 1;
  }
  if (pairs < values.length) {
    const cell = cellOf(values[pairs] ?? 0);
    if (cellOfRow !== undefined) cellOfRow[pairs] = cell;
    before[cell + 1] = (before[cell + 1] ?? 0) + 1;
  }
  for (let cell = 0; cell < cells; cell++)
    before[cell + 1] = (before[cell + 1] ?? 0) + (other[cell] ?? 0) + (before[cell] ?? 0);
  return before;
}
