import { type Split, sumAt } from './splits.ts';

/** Distances between all pooled rows, row by row, and their sums. */
export interface PooledDistances {
  rows: number;
  /** rows × rows, symmetric, 0 on the diagonal. */
  distances: Float64Array;
  rowSums: Float64Array;
  total: number;
}

/**
 * Euclidean distances between the pooled rows.
 *
 * @param features the same number of rows in each
 */
export function pooledDistances(features: readonly Float64Array[]): PooledDistances {
  const rows = features[0]?.length ?? 0;
  const width = features.length;
  const points = rowMajor(features);
  const distances = new Float64Array(rows * rows);
  const rowSums = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    for (let other = row + 1; other < rows; other++) {
      const distance = euclidean(points, row * width, other * width, width);
      distances[row * rows + other] = distance;
      distances[other * rows + row] = distance;
      rowSums[row] = (rowSums[row] ?? 0) + distance;
      rowSums[other] = (rowSums[other] ?? 0) + distance;
    }
  }
  let total = 0;
  for (const sum of rowSums) total += sum;
  return { rows, distances, rowSums, total };
}

/**
 * The energy distance 2·E|X−Y| − E|X−X′| − E|Y−Y′| of Székely & Rizzo (2013), "Energy statistics: a class of
 * statistics based on distances", of every split; equal to dcor.energy_distance. Never negative but for rounding.
 *
 * Handles all splits row by row, so that each row is read from memory once.
 */
export function energyDistances(pooled: PooledDistances, splits: readonly Split[]): Float64Array {
  const { rows, distances, rowSums, total } = pooled;
  const within = new Float64Array(splits.length);
  const position = new Uint32Array(splits.length);
  for (let row = 0; row < rows; row++) {
    const fromRow = distances.subarray(row * rows, (row + 1) * rows);
    for (let index = 0; index < splits.length; index++) {
      const split = splits[index];
      const at = position[index] ?? 0;
      if (split?.[at] !== row) continue;
      position[index] = at + 1;
      within[index] = (within[index] ?? 0) + 2 * sumAt(fromRow, split, at + 1);
    }
  }
  return within.map((inside, index) => {
    const split = splits[index] ?? new Uint16Array();
    const n = split.length;
    const m = rows - n;
    const between = sumAt(rowSums, split) - inside;
    const outside = total - inside - 2 * between;
    return (2 * between) / (n * m) - inside / (n * n) - outside / (m * m);
  });
}

/** Mean distance between the rows of a split and the others. */
export function meanDistanceBetween({ rows, distances }: PooledDistances, split: Split): number {
  const isInside = new Uint8Array(rows);
  for (const row of split) isInside[row] = 1;
  let sum = 0;
  for (const row of split) {
    for (let other = 0; other < rows; other++) {
      if (isInside[other] === 0) sum += distances[row * rows + other] ?? 0;
    }
  }
  return sum / (split.length * (rows - split.length));
}

/**
 * What each feature contributes to the energy distance of a split. A distance |x − y| is the sum over the features of
 * (xₖ − yₖ)² / |x − y|, so the contributions add up to the whole; one may be negative.
 */
export function energyParts(
  features: readonly Float64Array[],
  { rows, distances }: PooledDistances,
  split: Split,
): Float64Array {
  const n = split.length;
  const m = rows - n;
  const isInside = new Uint8Array(rows);
  for (const row of split) isInside[row] = 1;
  const width = features.length;
  const points = rowMajor(features);
  const parts = new Float64Array(width);
  for (let row = 0; row < rows; row++) {
    for (let other = row + 1; other < rows; other++) {
      const distance = distances[row * rows + other] ?? 0;
      if (distance === 0) continue;
      const inside = (isInside[row] ?? 0) + (isInside[other] ?? 0);
      const weight = (inside === 1 ? 2 / (n * m) : inside === 2 ? -2 / (n * n) : -2 / (m * m)) / distance;
      for (let feature = 0; feature < width; feature++) {
        const gap = (points[row * width + feature] ?? 0) - (points[other * width + feature] ?? 0);
        parts[feature] = (parts[feature] ?? 0) + weight * gap * gap;
      }
    }
  }
  return parts;
}

/** The values of a row side by side. */
function rowMajor(features: readonly Float64Array[]): Float64Array {
  const width = features.length;
  const points = new Float64Array((features[0]?.length ?? 0) * width);
  features.forEach((values, feature) => {
    for (let row = 0; row < values.length; row++) points[row * width + feature] = values[row] ?? 0;
  });
  return points;
}

function euclidean(points: Float64Array, one: number, other: number, width: number): number {
  let squares = 0;
  for (let feature = 0; feature < width; feature++) {
    const gap = (points[one + feature] ?? 0) - (points[other + feature] ?? 0);
    squares += gap * gap;
  }
  return Math.sqrt(squares);
}
