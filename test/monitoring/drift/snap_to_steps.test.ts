import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareColumns } from '../../../src/monitoring/drift/compare.ts';
import { driftMethodNames } from '../../../src/monitoring/drift/index.ts';
import { snapToSteps } from '../../../src/monitoring/drift/snap_to_steps.ts';
import { profileColumn } from '../../../src/monitoring/reference/profile.ts';
import { numericProfile, uniforms } from './recipe.ts';

const column = (values: Float64Array) => ({ name: 'x', kind: 'numeric', values }) as const;
const snapped = (reference: Float64Array, ...values: number[]): number[] => {
  const found = snapToSteps(numericProfile(reference), column(Float64Array.from(values)));
  return found.kind === 'numeric' ? Array.from(found.values) : [];
};
const methods = ['auto', ...driftMethodNames] as const;

/** `size` ticks of a sensor that has `steps` of 0.5, with noise of that half width. */
function ticks(seed: number, size: number, steps: number, noise = 0): Float64Array {
  const uniform = uniforms(seed);
  return Float64Array.from(
    { length: size },
    () => Math.floor(steps * uniform()) / 2 + noise * (2 * uniform() - 1),
  );
}

describe('snapToSteps', () => {
  it('puts a number on the reference value within half the smallest gap, and no other', () => {
    const reference = Float64Array.of(1, 1, 2, 5);
    expect(snapped(reference, 1, 1.4, 1.6, 2.49, 3, 4.6, 5.49, 99, 0.4, Number.NaN)).toEqual([
      1,
      1,
      2,
      2,
      3,
      5,
      5,
      99,
      0.4,
      Number.NaN,
    ]);
    // Midway is of neither: a truth value that became one half is news.
    expect(snapped(Float64Array.of(0, 1), 0.5, -0.5, 1.5)).toEqual([0.5, -0.5, 1.5]);
  });

  it('leaves references alone that go in no steps', () => {
    const uniform = uniforms(5);
    const continuous = Float64Array.from({ length: 500 }, uniform);
    // Nine in ten are 0, the others are any numbers.
    const inflated = Float64Array.from({ length: 500 }, (_, row) => (row % 10 === 0 ? uniform() : 0));
    for (const reference of [continuous, inflated, Float64Array.of(7, 7)]) {
      const values = [0.1234, 0.5001, 7.001];
      expect(snapped(reference, ...values)).toEqual(values);
    }
  });

  it('never changes the reference itself, nor moves a number past a reference value', () => {
    const levels = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 2, maxLength: 20 });
    fc.assert(
      fc.property(levels, fc.double({ min: -1e6, max: 1e6, noNaN: true }), (reference, value) => {
        expect(snapped(Float64Array.from(reference), ...reference)).toEqual(reference);
        const [found = Number.NaN] = snapped(Float64Array.from(reference), value);
        const nearest = Math.min(...reference.map((one) => Math.abs(one - value)));
        if (found !== value) expect(Math.abs(found - value)).toBeCloseTo(nearest, 9);
      }),
    );
  });

  it.each([17, 60])('makes the noise of a sensor with %i steps no drift by any method', (steps) => {
    const profile = numericProfile(ticks(1, 4000, steps));
    const current = column(ticks(2, 3000, steps, 0.002));
    for (const method of methods) {
      const options = { method, correction: 'bh', significance: 0.05 } as const;
      const [noisy] = compareColumns([profile], [snapToSteps(profile, current)], options);
      expect(noisy, method).toMatchObject({ is_drift: false });
      // The same draws without noise: steps are all that counts.
      const plain = Float64Array.from(current.values, (value) => Math.round(2 * value) / 2);
      expect(noisy?.score, method).toBe(compareColumns([profile], [column(plain)], options)[0]?.score);
    }
  });

  it('leaves a categorical column and an unknown one as they are', () => {
    const text = { name: 'x', kind: 'categorical', values: ['1.001'] } as const;
    const given = { ...text, values: [...text.values] };
    expect(snapToSteps(numericProfile(Float64Array.of(1, 2)), given)).toBe(given);
    expect(snapToSteps(undefined, given)).toBe(given);
    const number = column(Float64Array.of(1.001));
    expect(snapToSteps(profileColumn(given), number)).toBe(number);
  });
});
