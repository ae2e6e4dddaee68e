import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binCategories, mergeUnseen } from '../../../src/monitoring/drift/bins.ts';
import { jsDistance } from '../../../src/statistics/js_distance.ts';
import { klDivergence } from '../../../src/statistics/kl_divergence.ts';
import { psi } from '../../../src/statistics/psi.ts';
import { cases } from './cases.ts';

const counted = [
  ...cases.numeric.map(({ name, expected }) => ({
    name,
    expected,
    counts: [Float64Array.from(expected.reference_bins), Float64Array.from(expected.current_bins)] as const,
  })),
  ...cases.categorical.map(({ name, expected, reference, current }) => {
    const counts = new Map(reference);
    const profile = { name, kind: 'categorical', count: 0, missing: 0, counts } as const;
    const bins = binCategories(profile, new Map(current));
    return { name, expected, counts: mergeUnseen(bins.reference, bins.current) };
  }),
];

describe('psi, klDivergence and jsDistance agree with NumPy and SciPy', () => {
  it.each(counted)('$name', ({ counts: [reference, current], expected }) => {
    expect(Math.abs(psi(reference, current) - expected.psi)).toBeLessThan(1e-12);
    expect(Math.abs(klDivergence(reference, current) - expected.kl_divergence)).toBeLessThan(1e-12);
    // The root makes 1e-17 of rounding in the divergence of two like samples 3e-9 in the distance.
    expect(Math.abs(jsDistance(reference, current) ** 2 - expected.js_distance ** 2)).toBeLessThan(1e-12);
    if (expected.js_distance > 1e-4) {
      expect(Math.abs(jsDistance(reference, current) - expected.js_distance)).toBeLessThan(1e-12);
    }
  });
});

describe('distances of any counts', () => {
  const rows = fc.integer({ min: 0, max: 1000 });
  const bins = fc
    .array(fc.tuple(rows, rows), { minLength: 1, maxLength: 12 })
    .map((pairs) => [Float64Array.from(pairs, ([r]) => r), Float64Array.from(pairs, ([, c]) => c)] as const)
    .filter((sides) => sides.every((side) => side.some((count) => count > 0)));

  it('psi is never negative, 0 for equal shares, and the same both ways', () => {
    fc.assert(
      fc.property(bins, ([reference, current]) => {
        expect(psi(reference, current)).toBeGreaterThanOrEqual(0);
        expect(psi(reference, reference)).toBe(0);
        expect(psi(current, reference)).toBeCloseTo(psi(reference, current), 12);
      }),
    );
  });

  it('psi is the sum of both divergences', () => {
    fc.assert(
      fc.property(bins, ([reference, current]) => {
        const both = klDivergence(reference, current) + klDivergence(current, reference);
        expect(psi(reference, current)).toBeCloseTo(both, 10);
      }),
    );
  });

  it('jsDistance is between 0 and 1, and 1 for samples with nothing in common', () => {
    fc.assert(
      fc.property(bins, ([reference, current]) => {
        const distance = jsDistance(reference, current);
        expect(distance).toBeGreaterThanOrEqual(0);
        expect(distance).toBeLessThanOrEqual(1);
        expect(jsDistance(current, reference) ** 2).toBeCloseTo(distance ** 2, 12);
      }),
    );
    expect(jsDistance(Float64Array.of(5, 0), Float64Array.of(0, 9))).toBe(1);
  });
});
