import { describe, expect, it } from 'vitest';
import { rankOverThreshold } from '../../../src/monitoring/drift/over_threshold.ts';
import { drifted, result } from '../charts/reports.ts';

describe('the ranking of features', () => {
  it('puts drift first, then by how far over the threshold, those without a verdict last', () => {
    const ranked = rankOverThreshold([
      result('unjudged', { score: null, effect: null, p_adjusted: null, threshold: null }),
      result('large but maybe chance', { effect: 0.9 }),
      result('psi', {
        ...drifted,
        method: 'psi',
        effect: null,
        p_adjusted: null,
        score: 0.5,
        threshold: 0.2,
      }),
      result('ks', { ...drifted, effect: 0.31 }),
      result('missing', { missing_shift: true, is_drift: true, severity: 'high', current_missing: 0.8 }),
      result('calm'),
    ]);
    expect(ranked.map(({ result: { feature }, ratio }) => [feature, ratio?.toFixed(9)])).toEqual([
      ['missing', '40.000000000'],
      ['ks', '3.100000000'],
      ['psi', '2.500000000'],
      ['large but maybe chance', '9.000000000'],
      ['calm', '0.200000000'],
      ['unjudged', undefined],
    ]);
  });

  it('takes the caller’s smallest effect, and p-values where there is none', () => {
    const ratioOf = (minEffect: number, p_adjusted: number) =>
      rankOverThreshold([result('x', { effect: 0.3, p_adjusted, threshold: 0.05 })], { minEffect })[0]?.ratio;
    expect(ratioOf(0.15, 0.5)).toBe(2);
    expect(ratioOf(0, 0.05)).toBe(1);
    expect(ratioOf(0, 0.0025)).toBeCloseTo(2, 12);
    expect(ratioOf(0, 0)).toBeGreaterThan(100);
    expect(Number.isFinite(ratioOf(0, 0))).toBe(true);
  });
});
