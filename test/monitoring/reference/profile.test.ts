import { describe, expect, it } from 'vitest';
import { profileColumn } from '../../../src/monitoring/reference/profile.ts';
import { numericProfile } from '../drift/recipe.ts';

describe('profileColumn', () => {
  it('keeps the finite values, sorted, and counts the rest as missing', () => {
    const values = Float64Array.of(3, Number.NaN, 1, Number.POSITIVE_INFINITY, 1, Number.NEGATIVE_INFINITY);
    expect(profileColumn({ name: 'x', kind: 'numeric', values })).toEqual({
      name: 'x',
      kind: 'numeric',
      count: 3,
      missing: 3,
      sorted: Float64Array.of(1, 1, 3),
      mean: 5 / 3,
      standard_deviation: expect.closeTo(Math.sqrt(8 / 9), 14),
      min: 1,
      max: 3,
      distinct: 2,
    });
    expect(values[0]).toBe(3);
  });

  it('counts categories, whatever they are called', () => {
    const values = ['a', null, '__proto__', 'a', 'toString'];
    expect(profileColumn({ name: 'x', kind: 'categorical', values })).toEqual({
      name: 'x',
      kind: 'categorical',
      count: 4,
      missing: 1,
      counts: new Map([
        ['a', 2],
        ['__proto__', 1],
        ['toString', 1],
      ]),
    });
  });

  it('gives finite numbers for empty and for extreme columns', () => {
    expect(numericProfile(new Float64Array())).toMatchObject({
      count: 0,
      mean: 0,
      standard_deviation: 0,
      min: 0,
      max: 0,
    });
    const largest = numericProfile(Float64Array.of(-Number.MAX_VALUE, Number.MAX_VALUE));
    expect(largest).toMatchObject({ mean: 0, standard_deviation: Number.MAX_VALUE });
    const tiny = numericProfile(Float64Array.of(1e-300, 3e-300));
    expect(tiny.standard_deviation / 1e-300).toBeCloseTo(1, 12);
  });

  it('says exactly 0 for the deviation of a constant', () => {
    expect(numericProfile(new Float64Array(3).fill(0.1))).toMatchObject({
      mean: 0.1,
      standard_deviation: 0,
      distinct: 1,
    });
  });
});
