import type { Random } from './random.ts';

/**
 * `wanted` different row numbers of 0 … rows − 1, each set of them equally likely, ascending; all rows when there
 * are no more. Floyd's algorithm (Bentley & Floyd 1987, "A sample of brilliance"): as many steps as rows wanted.
 */
export function randomRows(random: Random, rows: number, wanted: number): Uint32Array {
  if (wanted >= rows) return Uint32Array.from({ length: rows }, (_, row) => row);
  const chosen = new Set<number>();
  for (let last = rows - wanted; last < rows; last++) {
    const row = Math.floor(random() * (last + 1));
    chosen.add(chosen.has(row) ? last : row);
  }
  return Uint32Array.from(chosen).sort();
}
