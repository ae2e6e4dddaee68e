import type { ConfusionCells } from './confusion.ts';

/**
 * The standard deviation of one row's part in F1, so that F1 of n rows has the standard error deviation/√n; of
 * several classes, of their mean F1.
 *
 * The delta method: F = 2·hits/(actual + predicted) is a ratio of means, so a row of actual class a and predicted
 * class p adds (2·[a = p = c] − F·([a = c] + [p = c]))/(share of a + share of p) for each class c (Takahashi et al.
 * 2022, "Confidence interval for micro-averaged F1 and macro-averaged F1 scores").
 *
 * @param classes positions in `cells.labels`
 */
export function f1Deviation(cells: ConfusionCells, classes: readonly number[]): number {
  const relevant = new Float64Array(cells.labels.length);
  const hits = new Float64Array(cells.labels.length);
  cells.rows.forEach((rows, cell) => {
    const [truth, said] = [cells.actual[cell] ?? 0, cells.predicted[cell] ?? 0];
    relevant[truth] = (relevant[truth] ?? 0) + rows;
    relevant[said] = (relevant[said] ?? 0) + rows;
    if (truth === said) hits[truth] = (hits[truth] ?? 0) + rows;
  });
  const isMeant = new Set(classes);
  // What a row that has `times` of its two labels in the class, and both if it is a hit, adds.
  const part = (label: number, isHit: boolean, times: number): number => {
    const rows = relevant[label] ?? 0;
    if (!isMeant.has(label) || rows === 0) return 0;
    const f1 = (2 * (hits[label] ?? 0)) / rows;
    return ((isHit ? 2 : 0) - f1 * times) / (rows / cells.total) / classes.length;
  };
  let squares = 0;
  cells.rows.forEach((rows, cell) => {
    const [truth, said] = [cells.actual[cell] ?? 0, cells.predicted[cell] ?? 0];
    const added = truth === said ? part(truth, true, 2) : part(truth, false, 1) + part(said, false, 1);
    squares += rows * added * added;
  });
  return Math.sqrt(squares / cells.total);
}
