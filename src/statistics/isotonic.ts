/**
 * A rising curve from scores to probabilities: linear between its points, constant beyond them. Plain numbers, so
 * that it can be stored.
 */
export interface IsotonicCurve {
  /** Ascending scores, at least one. */
  x: number[];
  /** Probabilities that never fall, one for each score. */
  y: number[];
}

/** Scores ascending, each with 1 where the row is of the class and 0 where not. */
export interface SortedOutcomes {
  score: Float64Array;
  outcome: Uint8Array;
}

/** Brings scores, one a row, into ascending order with their outcomes. */
export function sortOutcomes(score: Float64Array, outcome: Uint8Array): SortedOutcomes {
  // Each class is sorted by itself and the two are merged: far faster than sorting row numbers.
  const positive = score.filter((_, row) => outcome[row] === 1).sort();
  const negative = score.filter((_, row) => outcome[row] !== 1).sort();
  const sorted = { score: new Float64Array(score.length), outcome: new Uint8Array(score.length) };
  for (let row = 0, next = 0; row < score.length; row++) {
    const [hit, miss] = [positive[next], negative[row - next]];
    const isHit = miss === undefined || (hit !== undefined && hit <= miss);
    sorted.score[row] = (isHit ? hit : miss) ?? 0;
    sorted.outcome[row] = isHit ? 1 : 0;
    if (isHit) next++;
  }
  return sorted;
}

/**
 * The rising curve with the least squared error, by pooling adjacent violators (Ayer et al. 1955); scikit-learn's
 * `IsotonicRegression(out_of_bounds='clip')`. Rows with equal scores count as one point of their mean.
 *
 * @param sorted at least one row
 */
export function fitIsotonic({ score, outcome }: SortedOutcomes): IsotonicCurve {
  // Blocks of rows at one level: first and last score, number of rows, number of rows of the class.
  const first: number[] = [];
  const last: number[] = [];
  const rows: number[] = [];
  const hits: number[] = [];
  for (let row = 0; row < score.length; ) {
    const value = score[row] ?? 0;
    let [count, found] = [0, 0];
    for (; row < score.length && score[row] === value; row++) {
      count++;
      found += outcome[row] ?? 0;
    }
    let start = value;
    // Whole numbers compare exactly: the block before is at least as high.
    while (rows.length > 0 && (hits.at(-1) ?? 0) * count >= found * (rows.at(-1) ?? 0)) {
      count += rows.pop() ?? 0;
      found += hits.pop() ?? 0;
      start = first.pop() ?? start;
      last.pop();
    }
    first.push(start);
    last.push(value);
    rows.push(count);
    hits.push(found);
  }
  const curve: IsotonicCurve = { x: [], y: [] };
  first.forEach((start, block) => {
    const level = (hits[block] ?? 0) / (rows[block] ?? 1);
    const end = last[block] ?? start;
    curve.x.push(start);
    curve.y.push(level);
    if (end === start) return;
    curve.x.push(end);
    curve.y.push(level);
  });
  return curve;
}

/** The curve's probability for a score. */
export function applyIsotonic({ x, y }: IsotonicCurve, score: number): number {
  let low = 0;
  let high = x.length;
  // The first point that is not below the score.
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((x[middle] ?? 0) < score) low = middle + 1;
    else high = middle;
  }
  const [right, above] = [x[low], y[low]];
  if (right === undefined || above === undefined) return y.at(-1) ?? 0;
  if (low === 0 || right === score) return above;
  const [left, below] = [x[low - 1] ?? right, y[low - 1] ?? above];
  return below + ((above - below) * (score - left)) / (right - left);
}
