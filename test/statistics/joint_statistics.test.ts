import { describe, expect, it } from 'vitest';
import { correlationChanges } from '../../src/statistics/correlation_change.ts';
import {
  energyDistances,
  energyParts,
  meanDistanceBetween,
  pooledDistances,
} from '../../src/statistics/energy_distance.ts';
import { jointRanks } from '../../src/statistics/joint_ranks.ts';
import { seededRandom } from '../../src/statistics/random.ts';
import { randomRows } from '../../src/statistics/random_rows.ts';
import { combinedPValue, drawSplits, sharesAtLeast } from '../../src/statistics/splits.ts';
import { relativeError } from '../monitoring/drift/cases.ts';
import { jointCases, ranksOf } from '../monitoring/drift/joint.ts';

describe('statistics of several features agree with dcor and NumPy', () => {
  it.each(jointCases.joint)('$name', (one) => {
    const { ranks, side, rows } = ranksOf(one);
    const splits = drawSplits(seededRandom(1), rows, side, 0);
    const [energy = Number.NaN] = energyDistances(pooledDistances(ranks), splits);
    expect(relativeError(energy, one.expected.energy)).toBeLessThan(1e-10);
    const { pairs, largest } = correlationChanges(ranks, splits);
    pairs.forEach(({ inside, outside, change }, pair) => {
      expect(inside).toBeCloseTo(one.expected.reference_correlation[pair] ?? Number.NaN, 12);
      expect(outside).toBeCloseTo(one.expected.current_correlation[pair] ?? Number.NaN, 12);
      expect(Math.atanh(change)).toBeCloseTo(Math.abs(Math.atanh(inside) - Math.atanh(outside)), 10);
    });
    expect(pairs).toHaveLength(one.expected.reference_correlation.length);
    expect(largest[0]).toBe(Math.max(...pairs.map(({ change }) => change)));
  });

  it.each(jointCases.exact)('and the permutation p-value with that of all splits: $name', (one) => {
    const { ranks, side, rows } = ranksOf(one);
    const permutations = 20_000;
    const splits = drawSplits(seededRandom(2), rows, side, permutations);
    const [p = Number.NaN] = sharesAtLeast(energyDistances(pooledDistances(ranks), splits));
    const error = Math.sqrt((one.p_value * (1 - one.p_value)) / permutations);
    expect(Math.abs(p - one.p_value)).toBeLessThanOrEqual(4 * error);
  });
});

describe('energy distance', () => {
  const [one] = jointCases.joint.filter(({ name }) => name === 'moved together');
  if (one === undefined) throw new Error('the case is there');
  const { ranks, side, rows } = ranksOf(one);
  const pooled = pooledDistances(ranks);
  const splits = drawSplits(seededRandom(3), rows, side, 20);

  it('is the same for a split and its complement', () => {
    const complements = splits.map((split) => {
      const inside = new Set(split);
      return Uint16Array.from(
        Array.from({ length: rows }, (_, row) => row).filter((row) => !inside.has(row)),
      );
    });
    const mirrored = energyDistances(pooled, complements);
    energyDistances(pooled, splits).forEach((energy, index) => {
      expect(relativeError(mirrored[index] ?? 0, energy)).toBeLessThan(1e-10);
    });
  });

  it('is the sum of its parts by feature', () => {
    const energies = energyDistances(pooled, splits);
    splits.forEach((split, index) => {
      const sum = energyParts(ranks, pooled, split).reduce((total, part) => total + part, 0);
      expect(relativeError(sum, energies[index] ?? 0)).toBeLessThan(1e-10);
    });
  });

  it('never exceeds twice the mean distance between the sides', () => {
    energyDistances(pooled, splits).forEach((energy, index) => {
      expect(energy).toBeGreaterThanOrEqual(0);
      expect(energy).toBeLessThanOrEqual(2 * meanDistanceBetween(pooled, splits[index] ?? new Uint16Array()));
    });
  });
});

describe('splits', () => {
  it('begin with the observed one and are as large, ascending and different', () => {
    const splits = drawSplits(seededRandom(4), 30, 12, 50);
    expect(Array.from(splits[0] ?? [])).toEqual(Array.from({ length: 12 }, (_, row) => row));
    for (const split of splits) {
      expect(new Set(split).size).toBe(12);
      expect(Array.from(split)).toEqual(Array.from(split).sort((left, right) => left - right));
    }
    expect(new Set(splits.map(String)).size).toBe(51);
  });

  it('give p-values that count the observed split', () => {
    expect(sharesAtLeast(Float64Array.of(3, 1, 2, 3))).toEqual(Float64Array.of(0.5, 1, 0.75, 0.5));
    expect(sharesAtLeast(Float64Array.of(9))[0]).toBe(1);
  });

  it('combine two p-values at a price', () => {
    const alone = Float64Array.of(0.25, 0.5, 0.75, 1);
    expect(combinedPValue([alone])).toBe(0.25);
    expect(combinedPValue([alone, Float64Array.of(1, 0.75, 0.5, 0.25)])).toBe(0.5);
    expect(combinedPValue([alone, alone])).toBe(0.25);
  });
});

describe('randomRows', () => {
  it('draws each row equally often, ascending, none twice', () => {
    const random = seededRandom(5);
    const drawn = new Float64Array(10);
    for (let round = 0; round < 10_000; round++) {
      const rows = randomRows(random, 10, 3);
      expect(new Set(rows).size).toBe(3);
      expect(Array.from(rows)).toEqual(Array.from(rows).sort((left, right) => left - right));
      for (const row of rows) drawn[row] = (drawn[row] ?? 0) + 1;
    }
    // Four standard errors of a binomial count with p = 0.3.
    for (const count of drawn) expect(Math.abs(count - 3000)).toBeLessThan(4 * Math.sqrt(2100));
    expect(Array.from(randomRows(random, 3, 5))).toEqual([0, 1, 2]);
  });
});

describe('jointRanks', () => {
  it('has no answer for a constant, and puts missing values in the middle', () => {
    expect(jointRanks(Float64Array.of(7, Number.NaN, 7))).toBeUndefined();
    expect(jointRanks(Float64Array.of(Number.NaN, Number.NaN))).toBeUndefined();
    const ranks = jointRanks(Float64Array.of(1e300, Number.NaN, -5, Number.POSITIVE_INFINITY)) ?? [];
    expect(Array.from(ranks, (rank) => rank / Math.SQRT2)).toEqual(
      [1, 0, -1, 0].map((one) => expect.closeTo(one, 15)),
    );
  });
});
