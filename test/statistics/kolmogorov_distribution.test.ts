import { describe, expect, it } from 'vitest';
import { kolmogorovTail } from '../../src/statistics/kolmogorov_distribution.ts';
import { cases, relativeError } from '../monitoring/drift/cases.ts';

describe('kolmogorovTail', () => {
  it('agrees with scipy.stats.kstwo.sf from p = 1 − 1e-9 to 1e-250 and N = 1 to 1e6', () => {
    for (const [size, x, tail] of cases.kolmogorov_tail) {
      expect(relativeError(kolmogorovTail(size, x), tail), `N = ${size}, x = ${x}`).toBeLessThan(1e-9);
    }
    expect(cases.kolmogorov_tail.length).toBeGreaterThan(400);
  });

  it('falls from 1 to 0', () => {
    for (const size of [1, 10, 140, 141, 5000, 20_000, 20_001, 3_000_000]) {
      let previous = 1;
      for (let step = 0; step <= 200; step++) {
        const x = (step / 200) ** 2 * Math.min(1, 10 / Math.sqrt(size));
        const tail = kolmogorovTail(size, x);
        expect(tail).toBeLessThanOrEqual(previous + 1e-9);
        previous = tail;
      }
    }
  });

  it('is 1 at and below 0 and for no rows, 0 at and above 1', () => {
    expect(kolmogorovTail(50, 0)).toBe(1);
    expect(kolmogorovTail(50, -1)).toBe(1);
    expect(kolmogorovTail(0, 0.5)).toBe(1);
    expect(kolmogorovTail(50, 1)).toBe(0);
    expect(kolmogorovTail(1e9, 0.9)).toBe(0);
  });
});
