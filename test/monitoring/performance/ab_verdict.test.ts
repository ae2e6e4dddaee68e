import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareArms } from '../../../src/monitoring/performance/index.ts';
import { binomialDraw, gammaDraw } from '../../../src/statistics/predictive_counts.ts';
import { seededRandom } from '../../../src/statistics/random.ts';
import { sampleRatio } from '../../../src/statistics/sample_ratio.ts';
import { meanOfUnits, shareOfUnits, type UnitEstimate } from '../../../src/statistics/unit_estimate.ts';
import { cases, expectClose } from './cases.ts';

/** Sums of an arm whose units have one row each. */
type ArmTotals =
  | { kind: 'share'; rows: number; successes: number }
  | { kind: 'mean'; rows: number; sum: number; sumOfSquares: number };

const share = (successes: number, rows: number): ArmTotals => ({ kind: 'share', rows, successes });

/** What shareOfUnits and meanOfUnits give, without an array for each look. */
function estimateOf(arm: ArmTotals): UnitEstimate | undefined {
  const { rows } = arm;
  if (!(rows >= 1)) return undefined;
  if (arm.kind === 'share') {
    const { successes } = arm;
    const [value, padded] = [successes / rows, (successes + 1) / (rows + 2)];
    const variance = Math.max((value * (1 - value)) / (rows - 1), (padded * (1 - padded)) / rows);
    return { value, variance, rows, units: rows, events: { hits: successes, misses: rows - successes } };
  }
  const value = arm.sum / rows;
  const variance = Math.max(0, arm.sumOfSquares - arm.sum * value) / (rows - 1) / rows;
  return { value, variance, rows, units: rows, events: undefined };
}

const compare = (a: ArmTotals, b: ArmTotals, options: Parameters<typeof compareArms>[2] = {}) =>
  compareArms(estimateOf(a), estimateOf(b), options);

/** Adds a batch to an arm's totals. */
type Batch = (arm: ArmTotals, rows: number) => ArmTotals;

/** Runs of an experiment that is looked at after every batch; how many ever named a winner. */
function winnersNamed(
  runs: number,
  looks: number,
  rows: [a: number, b: number],
  start: ArmTotals,
  batch: Batch,
) {
  let named = 0;
  for (let run = 0; run < runs; run++) {
    let [a, b] = [start, start];
    for (let look = 0; look < looks; look++) {
      [a, b] = [batch(a, rows[0]), batch(b, rows[1])];
      const { verdict } = compare(a, b);
      if (verdict === 'a_better' || verdict === 'b_better') {
        named++;
        break;
      }
    }
  }
  return named;
}

function successes(random: () => number, probability: number): Batch {
  return (arm, rows) =>
    arm.kind === 'share'
      ? share(arm.successes + binomialDraw(random, rows, probability), arm.rows + rows)
      : arm;
}

function values(draw: () => number): Batch {
  return (arm, rows) => {
    if (arm.kind !== 'mean') return arm;
    let { sum, sumOfSquares } = arm;
    for (let row = 0; row < rows; row++) {
      const value = draw();
      sum += value;
      sumOfSquares += value * value;
    }
    return { kind: 'mean', rows: arm.rows + rows, sum, sumOfSquares };
  };
}

describe('without a difference, looking after every batch names a winner in at most 5 of 100 experiments', () => {
  const noValues: ArmTotals = { kind: 'mean', rows: 0, sum: 0, sumOfSquares: 0 };

  it.each([
    { probability: 0.5, rows: [25, 25] },
    { probability: 0.1, rows: [25, 25] },
    { probability: 0.01, rows: [25, 25] },
    { probability: 0.97, rows: [25, 25] },
    { probability: 0.3, rows: [95, 5] },
    { probability: 0.02, rows: [95, 5] },
  ] satisfies { probability: number; rows: [number, number] }[])(
    'shares of $probability, $rows rows a batch',
    ({ probability, rows }) => {
      const batch = successes(seededRandom(77), probability);
      expect(winnersNamed(500, 300, rows, share(0, 0), batch)).toBeLessThanOrEqual(25);
    },
  );

  it.each([
    { shape: 1, rows: [10, 10] },
    { shape: 0.25, rows: [10, 10] },
    { shape: 1, rows: [18, 2] },
  ] satisfies { shape: number; rows: [number, number] }[])(
    'means of gamma values of shape $shape, $rows rows a batch',
    ({ shape, rows }) => {
      const random = seededRandom(78);
      const batch = values(() => gammaDraw(random, shape));
      expect(winnersNamed(400, 150, rows, noValues, batch)).toBeLessThanOrEqual(20);
    },
  );

  it('where intervals for one look would do so in one experiment of five', () => {
    const random = seededRandom(77);
    const batch = successes(random, 0.5);
    let named = 0;
    for (let run = 0; run < 200; run++) {
      let [a, b] = [share(0, 0), share(0, 0)];
      for (let look = 0; look < 300; look++) {
        [a, b] = [batch(a, 25), batch(b, 25)];
        const { difference } = compare(a, b);
        if (a.rows >= 100 && Math.abs(difference ?? 0) > 1.96 * Math.sqrt(0.5 / a.rows)) {
          named++;
          break;
        }
      }
    }
    expect(named).toBeGreaterThan(40);
  });
});

describe('compareArms', () => {
  it('finds a difference of five points within 20 000 rows, in every one of 100 experiments', () => {
    const random = seededRandom(5);
    for (let run = 0; run < 100; run++) {
      const a = share(binomialDraw(random, 10_000, 0.3), 10_000);
      const b = share(binomialDraw(random, 10_000, 0.35), 10_000);
      expect(compare(a, b).verdict).toBe('b_better');
      expect(compare(b, a).verdict).toBe('a_better');
      expect(compare(a, b, { higherIsBetter: false }).verdict).toBe('a_better');
    }
  });

  it('says what it saw', () => {
    const split = { units: [5000, 5000], weights: [0.5, 0.5] } as const;
    const result = compare(share(4000, 5000), share(4300, 5000), { split });
    expect(result).toMatchObject({
      verdict: 'b_better',
      a: 0.8,
      b: 0.86,
      difference: expect.closeTo(0.06, 12),
    });
    expect(result.detail).toMatch(/^B − A is 0\.06, 0\.0\d+ to 0\.0\d+ with 95 % confidence\.$/);
    expect(result.sample_ratio?.is_mismatch).toBe(false);
  });

  it('waits for rows, and for events of either kind', () => {
    expect(compare(share(50, 99), share(50, 1000)).detail).toBe(
      'A has 99 rows with an outcome and B 1000; each needs 100.',
    );
    const rare = compare(share(3, 5000), share(12, 5000));
    expect(rare.verdict).toBe('not_enough_data');
    expect(rare.detail).toMatch(/15 units have right answers and \d+ have wrong ones/);
    expect(compare(share(150, 1000), share(250, 1000)).verdict).toBe('b_better');
  });

  it('gives no verdict when calls were not split as configured', () => {
    const split = { units: [5000, 4500], weights: [0.5, 0.5] } as const;
    const result = compare(share(1000, 5000), share(2000, 4500), { split });
    expect(result.verdict).toBeNull();
    expect(result.detail).toMatch(
      /^SAMPLE_RATIO_MISMATCH: calls came 52\.6 % to 47\.4 %, configured is 50\.0 %/,
    );
  });

  it('wants units, however many rows they have, and as many as their rows lie evenly in', () => {
    const uneven = shareOfUnits(
      Float64Array.from({ length: 40 }, (_, unit) => (unit === 0 ? 2000 : 10)),
      Float64Array.from({ length: 40 }, (_, unit) => (unit === 0 ? 4000 : 20)),
    );
    // One of forty has most of the rows: (Σ rows)²/Σ rows² = 1.43.
    expect(uneven?.units).toBeCloseTo(4780 ** 2 / (4000 ** 2 + 39 * 400), 9);
    const { verdict, detail } = compareArms(uneven, uneven, { unitName: 'entities' });
    expect(verdict).toBe('not_enough_data');
    expect(detail).toMatch(/^A has 1\.4 entities and B 1\.4, .* each needs 10,/);
  });

  it('does not take rounding for a spread', () => {
    const constant = (rows: number) =>
      meanOfUnits(new Float64Array(rows).fill(3 * 0.1), new Float64Array(rows).fill(3));
    expect(compareArms(constant(777), constant(12_345)).verdict).toBe('not_enough_data');
  });

  it('answers any estimates with finite numbers', () => {
    const number = fc.oneof(fc.double(), fc.integer({ min: -5, max: 500 }));
    const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
    const positive = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true });
    const estimate: fc.Arbitrary<UnitEstimate> = fc.record({
      value: finite,
      variance: positive,
      rows: positive,
      units: positive,
      events: fc.option(fc.record({ hits: positive, misses: positive }), { nil: undefined }),
    });
    const arm = fc.option(estimate, { nil: undefined });
    const pair = fc.tuple(number, number);
    fc.assert(
      fc.property(arm, arm, pair, pair, (a, b, units, weights) => {
        const result = compareArms(a, b, { split: { units, weights } });
        expect(JSON.parse(JSON.stringify(result))).toEqual(result);
      }),
      { numRuns: 500 },
    );
  });
});

describe('sampleRatio', () => {
  it.each(cases.sample_ratio)("of %j calls by %j is SciPy's chisquare", (calls, weights, p) => {
    const result = sampleRatio(calls, weights);
    expectClose(result.p_value, p);
    expect(result.is_mismatch).toBe(p < 0.001);
  });

  it('needs five expected calls an arm, but none where none is allowed', () => {
    expect(sampleRatio([20, 0], [0.9, 0.1])).toMatchObject({ p_value: null, is_mismatch: false });
    expect(sampleRatio([20, 1], [1, 0])).toMatchObject({ p_value: 0, is_mismatch: true });
    expect(sampleRatio([400, 0, 420], [1, 0, 1]).is_mismatch).toBe(false);
  });
});
