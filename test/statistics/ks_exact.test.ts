import { describe, expect, it } from 'vitest';
import { exactKsPValue } from '../../src/statistics/ks_exact.ts';
import { relativeError } from '../monitoring/drift/cases.ts';

/**
 * The share of all ways to interleave two samples whose largest distance reaches `steps`, by trying them all.
 */
function byEnumeration(n: number, m: number, steps: number): number {
  let reached = 0;
  let all = 0;
  const walk = (i: number, j: number, largest: number): void => {
    const now = Math.max(largest, Math.abs(i * m - j * n));
    if (i === n && j === m) {
      all++;
      if (now >= steps) reached++;
      return;
    }
    if (i < n) walk(i + 1, j, now);
    if (j < m) walk(i, j + 1, now);
  };
  walk(0, 0, 0);
  return reached / all;
}

describe('exactKsPValue', () => {
  it('counts lattice paths', () => {
    for (const [n, m] of [
      [1, 1],
      [1, 5],
      [3, 4],
      [4, 6],
      [5, 5],
      [6, 8],
    ] as const) {
      for (let steps = 0; steps <= n * m; steps++) {
        if (n === m && steps % n !== 0) continue;
        const expected = byEnumeration(n, m, steps);
        expect(relativeError(exactKsPValue(n, m, steps), expected), `${n}, ${m}, ${steps}`).toBeLessThan(
          1e-12,
        );
      }
    }
  });

  it('does not depend on which sample is which', () => {
    expect(exactKsPValue(40, 700, 6000)).toBe(exactKsPValue(700, 40, 6000));
  });

  it('is 0, not NaN, where no number is small enough', () => {
    expect(exactKsPValue(10_000, 9_999, 10_000 * 9_999)).toBe(0);
    expect(exactKsPValue(10_000, 10_000, 10_000 * 10_000)).toBe(0);
  });
});
