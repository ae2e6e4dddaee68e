import { expect, test } from 'vitest';
import { canaryShare } from '../../src/kubernetes/canary_share.ts';

const route = (weights: [string, number][]) => ({
  activeVersion: '1',
  weights,
  sticky: true,
  shadowVersion: undefined,
});

test('the active version takes what KServe gives any', () => {
  expect(canaryShare(undefined, '1')).toBeUndefined();
  expect(canaryShare(route([['1', 1]]), '1')).toBeUndefined();
  expect(
    canaryShare(
      route([
        ['1', 0.9],
        ['2', 0.1],
      ]),
      '1',
    ),
  ).toBeUndefined();
});

test.each([
  [0.1, 10],
  [0.125, 13],
  [0.001, 1],
  [0.499, 50],
])('a version beside it with the weight %f has %i percent', (weight, percent) => {
  expect(
    canaryShare(
      route([
        ['1', 1 - weight],
        ['2', weight],
      ]),
      '2',
    ),
  ).toBe(percent);
});

test('a version without traffic gets none', () => {
  expect(canaryShare(route([['1', 1]]), '2')).toBe(0);
});
