import { cellGrid, countBeforeCells } from './cell_grid.ts';
import { lowerBound } from './sorted_search.ts';

/**
 * The largest |F_reference(x) − F_current(x)| of two empirical distribution functions: D of the
 * Kolmogorov-Smirnov test. Exact for any ties, and `current` is never sorted.
 *
 * First the rows are counted in coarse cells. That gives the difference at the borders between cells and, as
 * both functions only rise, a bound on it inside each cell. Only in the few cells whose bound beats the
 * borders the current rows are then counted between every two reference values.
 *
 * @param reference finite values, ascending, at least one
 * @param current finite values in any order, at least one
 */
export function largestDistance(reference: Float64Array, current: Float64Array): number {
  const grid = cellGrid(reference);
  const before = countBeforeCells(reference, grid);
  // Kept so that the second pass over a million values need not compute the cells again.
  const cellOfRow = cellsFor(current.length);
  const currentBefore = countBeforeCells(current, grid, cellOfRow);
  const n = reference.length;
  const m = current.length;

  let largest = 0;
  for (let cell = 0; cell <= grid.cells; cell++) {
    largest = Math.max(largest, Math.abs((before[cell] ?? 0) / n - (currentBefore[cell] ?? 0) / m));
  }
  const open = new Uint8Array(grid.cells);
  let openCells = 0;
  for (let cell = 0; cell < grid.cells; cell++) {
    const start = before[cell] ?? 0;
    const end = before[cell + 1] ?? 0;
    const currentStart = currentBefore[cell] ?? 0;
    const currentEnd = currentBefore[cell + 1] ?? 0;
    // Where one side has no row in the cell the difference is monotone there: the borders have its extremes.
    if (end === start || currentEnd === currentStart) continue;
    if (Math.max(end / n - currentStart / m, currentEnd / m - start / n) <= largest) continue;
    open[cell] = 1;
    openCells++;
  }
  if (openCells === 0) return largest;

  const { inGap, equal } = countBetween(reference, current, cellOfRow, before, open);
  for (let cell = 0; cell < grid.cells; cell++) {
    if (open[cell] !== 1) continue;
    const end = before[cell + 1] ?? 0;
    let seen = currentBefore[cell] ?? 0;
    for (let start = before[cell] ?? 0; start < end; ) {
      seen += inGap[start] ?? 0;
      largest = Math.max(largest, Math.abs(start / n - seen / m));
      seen += equal[start] ?? 0;
      const value = reference[start];
      do start++;
      while (start < end && reference[start] === value);
      largest = Math.max(largest, Math.abs(start / n - seen / m));
    }
  }
  return largest;
}

/** Memory for the cells of so many rows, reused by later calls: allocating it anew costs as much as counting. */
let cellMemory = new Uint16Array();

function cellsFor(rows: number): Uint16Array {
  if (cellMemory.length < rows) cellMemory = new Uint16Array(rows);
  return cellMemory.subarray(0, rows);
}

interface CountsBetween {
  /** Current rows strictly between a reference value and the one before it, by the position of the former. */
  inGap: Uint32Array;
  /** Current rows equal to a reference value, by the position of its first occurrence. */
  equal: Uint32Array;
}

/** Counts the current rows of the open cells between the reference values there. */
function countBetween(
  reference: Float64Array,
  current: Float64Array,
  cellOfRow: Uint16Array,
  before: Uint32Array,
  open: Uint8Array,
): CountsBetween {
  const inGap = new Uint32Array(reference.length + 1);
  const equal = new Uint32Array(reference.length + 1);
  const { lowest, scale, starts } = finerCells(reference, before, open);
  for (let row = 0; row < current.length; row++) {
    const cell = cellOfRow[row] ?? 0;
    if (open[cell] !== 1) continue;
    const value = current[row] ?? 0;
    const start = before[cell] ?? 0;
    const end = before[cell + 1] ?? 0;
    // Rows above the last reference value of their cell are counted at the cell's border already.
    if (value > (reference[end - 1] ?? 0)) continue;
    const low = lowest[cell] ?? 0;
    let rank = start;
    if (value > low) {
      const finer = finerCell(value, low, scale[cell] ?? 0, start, end);
      rank = lowerBound(reference, value, starts[finer], starts[finer + 1]);
    }
    if (reference[rank] === value) equal[rank] = (equal[rank] ?? 0) + 1;
    else inGap[rank] = (inGap[rank] ?? 0) + 1;
  }
  return { inGap, equal };
}

interface FinerCells {
  /** By cell: its lowest reference value, and finer cells per unit. */
  lowest: Float64Array;
  scale: Float64Array;
  /** By finer cell: the position of the first reference value that is in it or above. */
  starts: Uint32Array;
}

/**
 * Cuts open cells again, each into as many finer ones as it has reference values, so that a search is over one or two
 * of them. The finer cells of a cell have the numbers of its reference values.
 */
function finerCells(reference: Float64Array, before: Uint32Array, open: Uint8Array): FinerCells {
  const lowest = new Float64Array(open.length);
  const scale = new Float64Array(open.length);
  const starts = new Uint32Array(reference.length + 1);
  for (let cell = 0; cell < open.length; cell++) {
    if (open[cell] !== 1) continue;
    const start = before[cell] ?? 0;
    const end = before[cell + 1] ?? 0;
    const low = reference[start] ?? 0;
    const perUnit = (end - start) / ((reference[end - 1] ?? 0) - low);
    lowest[cell] = low;
    // A single value has no width, and a range beyond floating point an infinite one: then all rows are in the first
    // finer cell.
    scale[cell] = Number.isFinite(perUnit) ? perUnit : 0;
    let next = start;
    for (let position = start; position < end; position++) {
      const finer = finerCell(reference[position] ?? 0, low, scale[cell] ?? 0, start, end);
      while (next <= finer) starts[next++] = position;
    }
    while (next <= end) starts[next++] = end;
  }
  return { lowest, scale, starts };
}

/** Monotone in the value, in floating point too; for values from the cell's lowest reference value to its highest. */
function finerCell(value: number, lowest: number, scale: number, start: number, end: number): number {
  return Math.min(start + (((value - lowest) * scale) | 0), end - 1);
}
