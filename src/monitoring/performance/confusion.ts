import type { EncodedRows } from './rows.ts';

/** Classes of a matrix, and of the scores by class, that are listed one by one. */
const maxListedClasses = 20;

/** Stands for all classes that are not listed. */
const otherClasses = '(other)';

/** The cells of a confusion matrix that hold rows, by actual and then predicted label. */
export interface ConfusionCells {
  labels: readonly string[];
  /** Positions in `labels`, and how many rows: three arrays of one length. */
  actual: Int32Array;
  predicted: Int32Array;
  rows: Float64Array;
  /** All rows. */
  total: number;
}

export interface ConfusionMatrix {
  /** In a stable order; the last is {@link otherClasses} where classes were merged. */
  labels: string[];
  /** Rows by actual label, columns by predicted label. */
  counts: number[][];
  /** Classes that became one because there are too many, the rarest of them. */
  merged: number;
}

/** Counts rows by actual and predicted label. */
export function countConfusion({ labels, actual, predicted }: EncodedRows): ConfusionCells {
  const width = labels.length;
  const counts = new Map<number, number>();
  for (let row = 0; row < actual.length; row++) {
    const cell = (actual[row] ?? 0) * width + (predicted[row] ?? 0);
    counts.set(cell, (counts.get(cell) ?? 0) + 1);
  }
  const cells = [...counts].sort(([left], [right]) => left - right);
  return {
    labels,
    actual: Int32Array.from(cells, ([cell]) => Math.floor(cell / width)),
    predicted: Int32Array.from(cells, ([cell]) => cell % width),
    rows: Float64Array.from(cells, ([, rows]) => rows),
    total: actual.length,
  };
}

/** The labels to list: all, or the {@link maxListedClasses} with the most rows, in the labels' order. */
export function listedLabels({ labels, actual, predicted, rows }: ConfusionCells): number[] {
  const all = [...labels.keys()];
  if (labels.length <= maxListedClasses) return all;
  const weight = new Float64Array(labels.length);
  rows.forEach((count, cell) => {
    for (const label of [actual[cell] ?? 0, predicted[cell] ?? 0])
      weight[label] = (weight[label] ?? 0) + count;
  });
  return all
    .sort((left, right) => (weight[right] ?? 0) - (weight[left] ?? 0) || left - right)
    .slice(0, maxListedClasses)
    .sort((left, right) => left - right);
}

/** The matrix of the listed labels, with one more row and column for the others where there are any. */
export function confusionMatrix(cells: ConfusionCells): ConfusionMatrix {
  const listed = listedLabels(cells);
  const merged = cells.labels.length - listed.length;
  const width = listed.length + (merged > 0 ? 1 : 0);
  const place = new Int32Array(cells.labels.length).fill(listed.length);
  listed.forEach((label, index) => {
    place[label] = index;
  });
  const counts = Array.from({ length: width }, () => new Array<number>(width).fill(0));
  cells.rows.forEach((rows, cell) => {
    const line = counts[place[cells.actual[cell] ?? 0] ?? 0];
    const column = place[cells.predicted[cell] ?? 0] ?? 0;
    if (line !== undefined) line[column] = (line[column] ?? 0) + rows;
  });
  const labels = listed.map((label) => cells.labels[label] ?? '');
  return { labels: merged > 0 ? [...labels, otherClasses] : labels, counts, merged };
}
