import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { measureWasserstein } from '../../src/monitoring/drift/methods/wasserstein.ts';
import { finiteValues } from '../../src/monitoring/rows/compared_column.ts';
import { poolSamples, wassersteinDistance } from '../../src/statistics/wasserstein.ts';
import { cases, relativeError } from '../monitoring/drift/cases.ts';
import { numericProfile, sampleOf } from '../monitoring/drift/recipe.ts';

function distance(reference: Float64Array, current: Float64Array): number {
  const pooled = poolSamples(reference.toSorted(), current.toSorted());
  const { positions, scale } = pooled;
  const scaled = wassersteinDistance(
    positions,
    pooled.reference,
    pooled.current,
    reference.length,
    current.length,
  );
  return scaled / scale;
}

describe('measureWasserstein agrees with scipy.stats.wasserstein_distance / numpy.std', () => {
  const scaled = cases.numeric.filter(({ expected }) => expected.wasserstein !== null);
  it.each(scaled)('$name', ({ reference, current, expected }) => {
    const profile = numericProfile(sampleOf(reference));
    expect(relativeError(profile.standard_deviation, expected.standard_deviation)).toBeLessThan(1e-12);
    const { kind, ...measured } = measureWasserstein(profile, finiteValues(sampleOf(current)));
    expect(kind).toBe('distance');
    expect(
      relativeError('score' in measured ? measured.score : Number.NaN, expected.wasserstein ?? 0),
    ).toBeLessThan(1e-12);
  });
});

describe('wassersteinDistance', () => {
  const sample = fc
    .array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 40 })
    .map((values) => Float64Array.from(values));

  it('is how far a sample was moved', () => {
    fc.assert(
      fc.property(sample, fc.integer({ min: 0, max: 500 }), (values, shift) => {
        expect(
          distance(
            values,
            values.map((value) => value + shift),
          ),
        ).toBeCloseTo(shift, 9);
      }),
    );
  });

  it('is the same both ways', () => {
    fc.assert(
      fc.property(sample, sample, (one, other) => {
        expect(distance(one, other)).toBeCloseTo(distance(other, one), 9);
      }),
    );
  });

  it('stays finite for the largest numbers there are', () => {
    const profile = numericProfile(Float64Array.of(-Number.MAX_VALUE, Number.MAX_VALUE));
    const measured = measureWasserstein(profile, Float64Array.of(Number.MAX_VALUE));
    expect('score' in measured && measured.score).toBe(1);
  });
});
