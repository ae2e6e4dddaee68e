import { expect, test } from 'vitest';
import { estimatePerformance, fitEstimator } from '../../../src/monitoring/performance/index.ts';
import { uniforms } from '../drift/recipe.ts';

/** Three classes; a prediction is right in seven of ten rows whatever its probability, or as often as it says. */
function rows(seed: number, size: number, isBlind: boolean) {
  const classes = ['a', 'b', 'c'];
  const uniform = uniforms(seed);
  const values = new Float64Array(size * 3);
  const predicted: string[] = [];
  const actual: string[] = [];
  for (let row = 0; row < size; row++) {
    const shares = classes.map(() => uniform() ** 2);
    const sum = shares.reduce((all, one) => all + one, 0);
    shares.forEach((share, index) => {
      values[row * 3 + index] = share / sum;
    });
    const said = shares.indexOf(Math.max(...shares));
    predicted.push(classes[said] ?? '');
    let draw = uniform();
    const other = (said + 1 + Math.floor(2 * uniform())) % 3;
    let truth = draw < 0.7 ? said : other;
    if (!isBlind) {
      truth = 0;
      while (truth < 2 && draw >= (shares[truth] ?? 0) / sum) draw -= (shares[truth++] ?? 0) / sum;
    }
    actual.push(classes[truth] ?? '');
  }
  return { actual, predicted, probabilities: { classes, values } };
}

test('an estimate that is off for the reference itself says so, and by how much', () => {
  const blind = fitEstimator(rows(1, 5000, true)).estimator;
  const honest = fitEstimator(rows(2, 5000, false)).estimator;
  if (blind === null || honest === null) throw new Error('There are rows enough.');
  expect(honest.own_errors).toEqual([]);
  const accuracy = blind.own_errors.find(({ metric }) => metric === 'accuracy');
  expect(accuracy?.actual).toBeCloseTo(0.7, 1);
  expect(Math.abs((accuracy?.estimated ?? 0.7) - (accuracy?.actual ?? 0.7))).toBeGreaterThan(0.01);
  const now = estimatePerformance(blind, rows(3, 400, true));
  expect(now.notes.join(' ')).toMatch(
    /This estimate is off: for the reference itself it gives accuracy 0\.\d{3}/,
  );
  expect(estimatePerformance(honest, rows(4, 400, false)).notes).toEqual([]);
});
