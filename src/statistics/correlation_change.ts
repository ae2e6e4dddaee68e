import { type Split, sumAt } from './splits.ts';

/** Correlations nearer to ±1 are taken as this, since Fisher's z is infinite there. */
const maxCorrelation = 0.9999;

/** The correlation of two features on either side of the observed split. */
export interface CorrelationPair {
  /** Indices of the features. */
  one: number;
  other: number;
  /** Pearson's r of the values, −1 … 1; 0 where a feature does not vary. */
  inside: number;
  outside: number;
  /** The size of their difference: tanh |artanh inside − artanh outside|, 0 … 1, which orders as Fisher's z does. */
  change: number;
}

export interface CorrelationChanges {
  /** The largest change of any pair, for every split. */
  largest: Float64Array;
  /** All pairs in the observed split, which is the first. */
  pairs: CorrelationPair[];
}

/** One side of a split: its rows, and for each feature the sum and 1 / root of the summed squared deviations. */
interface Side {
  rows: number;
  sums: Float64Array;
  /** 0 where the feature does not vary. */
  inverses: Float64Array;
}

/**
 * Compares the correlation of every two features between the sides of every split, by Fisher's z = artanh r, which
 * makes the sampling error of all pairs the same, whether they are correlated or not (Fisher 1921).
 *
 * @param features the same number of rows in each, mean 0 and variance 1
 */
export function correlationChanges(
  features: readonly Float64Array[],
  splits: readonly Split[],
): CorrelationChanges {
  const rows = features[0]?.length ?? 0;
  const everywhere = Uint16Array.from({ length: rows }, (_, row) => row);
  const sides = splits.map((split) => sidesOf(features, split));
  const largest = new Float64Array(splits.length);
  const pairs: CorrelationPair[] = [];
  const products = new Float64Array(rows);
  for (let one = 0; one < features.length; one++) {
    for (let other = one + 1; other < features.length; other++) {
      fillProducts(features[one], features[other], products);
      const total = sumAt(products, everywhere);
      for (let index = 0; index < splits.length; index++) {
        const [split, both] = [splits[index], sides[index]];
        if (split === undefined || both === undefined) continue;
        const sum = sumAt(products, split);
        const inside = correlation(both.inside, one, other, sum);
        const outside = correlation(both.outside, one, other, total - sum);
        const change = Math.abs((inside - outside) / (1 - inside * outside));
        if (change > (largest[index] ?? 0)) largest[index] = change;
        if (index === 0) pairs.push({ one, other, inside, outside, change });
      }
    }
  }
  return { largest, pairs };
}

function sidesOf(features: readonly Float64Array[], split: Split): { inside: Side; outside: Side } {
  const rows = features[0]?.length ?? 0;
  const n = split.length;
  const inside: Side = {
    rows: n,
    sums: new Float64Array(features.length),
    inverses: new Float64Array(features.length),
  };
  const outside: Side = {
    rows: rows - n,
    sums: new Float64Array(features.length),
    inverses: new Float64Array(features.length),
  };
  features.forEach((values, feature) => {
    let sum = 0;
    let squares = 0;
    for (const row of split) {
      const value = values[row] ?? 0;
      sum += value;
      squares += value * value;
    }
    // All rows together sum up to 0, and their squares to their number.
    inside.sums[feature] = sum;
    outside.sums[feature] = -sum;
    inside.inverses[feature] = inverseDeviation(sum, squares, n);
    outside.inverses[feature] = inverseDeviation(-sum, rows - squares, rows - n);
  });
  return { inside, outside };
}

function inverseDeviation(sum: number, squares: number, rows: number): number {
  const deviations = squares - (sum * sum) / rows;
  // Values are of the order of 1, so anything below this is rounding.
  return deviations < 1e-9 ? 0 : 1 / Math.sqrt(deviations);
}

function fillProducts(
  one: Float64Array | undefined,
  other: Float64Array | undefined,
  products: Float64Array,
): void {
  for (let row = 0; row < products.length; row++) products[row] = (one?.[row] ?? 0) * (other?.[row] ?? 0);
}

/** Pearson's r of two features from the sum of their products. */
function correlation({ rows, sums, inverses }: Side, one: number, other: number, products: number): number {
  const covariance = products - ((sums[one] ?? 0) * (sums[other] ?? 0)) / rows;
  const r = covariance * (inverses[one] ?? 0) * (inverses[other] ?? 0);
  return Math.min(maxCorrelation, Math.max(-maxCorrelation, r));
}
