import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binCategories, binNumbers, decileEdges, mergeUnseen } from '../../../src/monitoring/drift/bins.ts';
import { profileColumn } from '../../../src/monitoring/reference/profile.ts';
import { finiteValues } from '../../../src/monitoring/rows/compared_column.ts';
import { cases } from './cases.ts';
import { numericProfile, sampleOf } from './recipe.ts';

describe('binNumbers counts as NumPy does', () => {
  it.each(cases.numeric)('$name', ({ reference, current, expected }) => {
    const bins = binNumbers(numericProfile(sampleOf(reference)), finiteValues(sampleOf(current)));
    expect(bins.kind).toBe(expected.kind);
    const counts =
      bins.kind === 'values' ? mergeUnseen(bins.reference, bins.current) : [bins.reference, bins.current];
    expect(counts.map((side) => Array.from(side ?? []))).toEqual([
      expected.reference_bins,
      expected.current_bins,
    ]);
  });
});

describe('bins', () => {
  it('cut at the deciles, each edge in the bin below it', () => {
    const profile = numericProfile(Float64Array.from({ length: 101 }, (_, index) => index));
    expect(Array.from(decileEdges(profile.sorted))).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90]);
    const { current } = binNumbers(profile, Float64Array.of(-5, 10, 10.5, 90, 90.5, 1000));
    expect(Array.from(current)).toEqual([2, 1, 0, 0, 0, 0, 0, 0, 1, 2]);
  });

  it('drop duplicate edges', () => {
    const values = Float64Array.of(1, 1, 1, 1, 1, 1, 1, 2, 3, 4, 5);
    expect(Array.from(decileEdges(values))).toEqual([1, 2, 3, 4]);
  });

  it('are one a value up to 20 different ones, and one for the unseen', () => {
    const { kind, reference, current } = binNumbers(
      numericProfile(Float64Array.of(1, 1, 2)),
      Float64Array.of(2, 7, 8),
    );
    expect(kind).toBe('values');
    expect(mergeUnseen(reference, current)).toEqual([Float64Array.of(2, 1, 0), Float64Array.of(0, 1, 2)]);
  });

  it('take any text for a category', () => {
    const profile = profileColumn({
      name: 'x',
      kind: 'categorical',
      values: ['__proto__', 'constructor', null],
    });
    if (profile.kind === 'numeric') throw new Error('categorical');
    const { reference, current } = binCategories(profile, new Map([['__proto__', 3]]));
    expect(mergeUnseen(reference, current)).toEqual([Float64Array.of(1, 1, 0), Float64Array.of(3, 0, 0)]);
  });

  it('lose no row', () => {
    const numbers = fc.float64Array({ minLength: 1, noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(numbers, numbers, (before, now) => {
        const { reference, current } = binNumbers(numericProfile(before), now);
        expect(reference.reduce((all, rows) => all + rows)).toBe(before.length);
        expect(current.reduce((all, rows) => all + rows)).toBe(now.length);
      }),
    );
  });
});
