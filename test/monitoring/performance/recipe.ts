import type { ClassificationRows, RegressionRows } from '../../../src/monitoring/performance/index.ts';
import { uniforms } from '../drift/recipe.ts';

/** How to make rows; the same as in test/fixtures/performance/make_cases.py, to the last bit. */
export type ClassifiedRecipe =
  | { labels: string[]; actual: string[]; predicted: string[]; probabilities?: number[][] | null }
  | {
      seed: number;
      size: number;
      classes: number;
      skew?: boolean;
      levels?: number;
      shift?: boolean;
      overconfident?: boolean;
    };

export type RegressedRecipe =
  | { actual: number[]; predicted: number[] }
  | {
      seed: number;
      size: number;
      scale: number;
      offset: number;
      centre: number;
      noise: number;
      heavy?: boolean;
    };

/** Rows of a recipe, with the labels in the order of the probabilities. */
export function classified(recipe: ClassifiedRecipe): ClassificationRows & { classes: string[] } {
  if ('actual' in recipe) {
    const { labels, actual, predicted, probabilities } = recipe;
    if (probabilities === null || probabilities === undefined) return { classes: labels, actual, predicted };
    const values = Float64Array.from(probabilities.flat());
    return { classes: labels, actual, predicted, probabilities: { classes: labels, values } };
  }
  const { seed, size, classes: width, skew, levels, shift, overconfident } = recipe;
  const uniform = uniforms(seed);
  const classes = Array.from({ length: width }, (_, index) => `c${String(index).padStart(2, '0')}`);
  const label = (index: number) => classes[index] ?? '';
  const values = new Float64Array(size * width);
  const actual: string[] = [];
  const predicted: string[] = [];
  for (let row = 0; row < size; row++) {
    const draws = Array.from({ length: width + 1 }, uniform);
    const weights = draws.slice(0, width).map((u, index) => (u * u * u) / (skew ? (index + 1) ** 2 : 1));
    let shares = scaled(weights);
    if (levels !== undefined) {
      const second = Math.floor((shares[1] ?? 0) * levels) / levels;
      shares = [1 - second, second];
    }
    if (shift && row % 3 !== 0) shares = scaled(shares.map((p) => p * p * p));
    let cumulated = 0;
    const truth = shares.findIndex((p) => {
      cumulated += p;
      return (draws[width] ?? 0) < cumulated;
    });
    actual.push(label(truth < 0 ? width - 1 : truth));
    const said = overconfident ? scaled(shares.map((p) => p * p)) : shares;
    predicted.push(label(said.indexOf(Math.max(...said))));
    values.set(said, row * width);
  }
  return { classes, actual, predicted, probabilities: { classes, values } };
}

function scaled(weights: number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

export function regressed(recipe: RegressedRecipe): RegressionRows {
  if ('actual' in recipe)
    return { actual: Float64Array.from(recipe.actual), predicted: Float64Array.from(recipe.predicted) };
  const { seed, size, scale, offset, centre, noise, heavy } = recipe;
  const uniform = uniforms(seed);
  const actual = new Float64Array(size);
  const predicted = new Float64Array(size);
  for (let row = 0; row < size; row++) {
    const value = uniform() * scale + offset;
    const u = uniform();
    const error = heavy ? (u - centre) / (u * (1 - u)) : u - centre;
    actual[row] = value;
    predicted[row] = value + error * noise;
  }
  return { actual, predicted };
}
