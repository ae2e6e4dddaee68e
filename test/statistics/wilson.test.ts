import { describe, expect, it } from 'vitest';
import { wilsonInterval } from '../../src/statistics/wilson.ts';
import { cases } from '../monitoring/drift/cases.ts';

describe('wilsonInterval', () => {
  it.each(cases.wilson)('agrees with scipy: %i of %i at %f', (successes, trials, level, low, high) => {
    const { low: from, high: to } = wilsonInterval(successes, trials, level);
    expect(Math.abs(from - low)).toBeLessThan(1e-12);
    expect(Math.abs(to - high)).toBeLessThan(1e-12);
  });

  it('knows nothing without trials', () => {
    expect(wilsonInterval(0, 0)).toMatchObject({ low: 0, high: 1 });
  });
});
