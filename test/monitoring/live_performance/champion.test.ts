import { describe, expect, test } from 'vitest';
import type { Arm } from '../../../src/monitoring/live_performance/arm.ts';
import {
  compareVersions,
  type ShadowPairs,
} from '../../../src/monitoring/live_performance/compare_versions.ts';
import { seededRandom } from '../../../src/statistics/random.ts';
import { shareOfUnits } from '../../../src/statistics/unit_estimate.ts';

/** Right answers of a version, call by call. */
function armOf(hits: readonly number[]): Arm {
  const estimate = shareOfUnits(Float64Array.from(hits), new Float64Array(hits.length).fill(1));
  const classes = ['no', 'yes'].map((label) => ({
    label,
    predicted: 1000,
    actual: 1000,
    hits: 500,
  }));
  return { metric: 'f1', isDefault: false, estimate, reason: undefined, classes };
}

interface Experiment {
  /** Accuracy of the baseline, of challengers that get calls, and of shadows. */
  baseline: number;
  weighted: readonly number[];
  shadows: readonly number[];
  /** Calls in all, and looks at them. */
  calls: number;
  looks: number;
}

/** Every winner that is named in an experiment at any look. */
function winnersIn(experiment: Experiment, seed: number): Set<string> {
  const random = seededRandom(seed);
  const { baseline, weighted, shadows, calls, looks } = experiment;
  const rates = [baseline, ...weighted];
  const answered = rates.map((): number[] => []);
  const pairs = shadows.map(() => ({ own: [] as number[], given: [] as number[] }));
  const versions = rates.map((_, index) => ({ version: String(index + 1), weight: 1 / rates.length }));
  const split = {
    modelId: 'model',
    versions,
    sticky: true,
    setAt: 0,
    since: 0,
    until: 1,
    baseline: '1',
    wasInterrupted: false,
  };
  const found = new Set<string>();
  for (let call = 1; call <= calls; call++) {
    const by = Math.floor(random() * rates.length);
    const luck = random();
    const hit = Number(luck < (rates[by] ?? 0));
    answered[by]?.push(hit);
    if (by === 0)
      for (const [index, pair] of pairs.entries()) {
        pair.given.push(hit);
        // Four of five answers are the same as the baseline's, as far as the accuracies let them be.
        const rate = shadows[index] ?? 0;
        pair.own.push(
          random() < 0.8 ? Number(luck < baseline) : Number(random() < (rate - 0.8 * baseline) / 0.2),
        );
      }
    if (call % Math.floor(calls / looks) !== 0) continue;
    const arms = new Map(answered.map((hits, index) => [String(index + 1), armOf(hits)]));
    const assigned = answered.map(({ length }, index) => ({
      version: String(index + 1),
      units: length,
      calls: length,
      errors: 0,
      errorRate: undefined,
    }));
    const beside = pairs.map(
      ({ own, given }, index): ShadowPairs => ({
        version: `shadow ${index + 1}`,
        own: armOf(own),
        given: armOf(given),
      }),
    );
    const { winner } = compareVersions(split, assigned, arms, beside);
    if (winner !== undefined) found.add(winner);
  }
  return found;
}

const experiments = 100;
const count = (experiment: Experiment, wins: (winners: Set<string>) => boolean) =>
  Array.from({ length: experiments }, (_, index) => winnersIn(experiment, index + 1)).filter(wins).length;

describe('of a champion and its challengers', () => {
  const shape = { baseline: 0.7, calls: 4000, looks: 20 };
  test.each([
    { weighted: [0.7, 0.7, 0.7, 0.7], shadows: [] },
    { weighted: [], shadows: [0.7] },
    { weighted: [0.7, 0.7], shadows: [0.7, 0.7] },
  ])('$weighted and shadows $shadows that are alike one is named in at most 5 % of experiments', (given) => {
    // P(more than 9 of 100 | 5 %) is 0.03.
    expect(count({ ...shape, ...given }, ({ size }) => size > 0)).toBeLessThanOrEqual(9);
  });

  test('the better one is found, and no other named', () => {
    const better = { ...shape, weighted: [0.7, 0.85, 0.7], shadows: [] };
    expect(count(better, (winners) => winners.has('3'))).toBeGreaterThanOrEqual(0.9 * experiments);
    expect(count(better, (winners) => winners.has('1') || winners.has('2'))).toBeLessThanOrEqual(9);
  });

  test('a better shadow is found by the calls that both answered', () => {
    const better = { ...shape, baseline: 0.7, weighted: [], shadows: [0.75] };
    expect(count(better, (winners) => winners.has('shadow 1'))).toBeGreaterThanOrEqual(0.9 * experiments);
  });

  test('of two that are equally better than the baseline neither is the winner', () => {
    const both = { ...shape, weighted: [0.85, 0.85], shadows: [] };
    expect(count(both, ({ size }) => size > 0)).toBeLessThanOrEqual(9);
  });

  test('the baseline wins where all others are worse', () => {
    const worse = { ...shape, weighted: [0.5, 0.5], shadows: [] };
    expect(count(worse, (winners) => winners.has('1'))).toBeGreaterThanOrEqual(0.9 * experiments);
  });
});
