import { describe, expect, it } from 'vitest';
import { compareColumns } from '../../../src/monitoring/drift/compare.ts';
import { compareJointly, type MultivariateOptions } from '../../../src/monitoring/drift/multivariate.ts';
import { profileColumn } from '../../../src/monitoring/reference/profile.ts';
import type { ComparedColumn } from '../../../src/monitoring/rows/compared_column.ts';
import { columnsOf } from './joint.ts';
import { nearlyNormal, uniforms } from './recipe.ts';

const uniform = uniforms(20_260_202);

/** Independent standard normal features, each row changed by `change`. */
function draw(
  rows: number,
  width: number,
  change: (row: number[]) => void = () => undefined,
): ComparedColumn[] {
  const values = Array.from({ length: rows }, () => {
    const row = Array.from({ length: width }, () => nearlyNormal(uniform));
    change(row);
    return row;
  });
  return columnsOf(values, width);
}

/** Makes the second feature go with the first, its own distribution kept. */
function correlate(row: number[]): void {
  row[1] = 0.5 * (row[0] ?? 0) + Math.sqrt(0.75) * (row[1] ?? 0);
}

function options(more: Partial<MultivariateOptions> = {}): MultivariateOptions {
  return { significance: 0.05, ...more };
}

describe('compareJointly', () => {
  it('finds a change of correlation that no feature shows, and names the pair', () => {
    const reference = draw(2000, 8);
    const current = draw(2000, 8, correlate);
    const alone = compareColumns(reference.map(profileColumn), current, {
      method: 'auto',
      correction: 'bh',
      significance: 0.05,
    });
    expect(alone.some(({ is_drift }) => is_drift)).toBe(false);
    const result = compareJointly(reference, current, options());
    expect(result).toMatchObject({
      method: 'multivariate',
      features: 8,
      threshold: 0.05,
      is_drift: true,
      severity: 'high',
      reference_n: 2000,
      current_n: 2000,
      reference_sampled: 1000,
      current_sampled: 1000,
      imputed: 0,
    });
    expect(result.parts.find(({ name }) => name === 'correlation')?.p_value).toBe(1 / 300);
    expect(result.p_value).toBeLessThan(0.02);
    const [pair] = result.changed_pairs;
    expect(pair?.features).toEqual(['f0', 'f1']);
    expect(pair?.reference).toBeCloseTo(0, 1);
    expect(pair?.current).toBeCloseTo(0.48, 1);
  });

  it('says which feature a shift comes from, and how large it is on the scale of D', () => {
    const shifted = draw(800, 10, (row) => {
      row[3] = (row[3] ?? 0) + 1;
    });
    const result = compareJointly(draw(800, 10), shifted, options());
    expect(result.is_drift).toBe(true);
    expect(result.contributions[0]?.feature).toBe('f3');
    expect(result.contributions[0]?.share).toBeGreaterThan(0.8);
    // Of one normal feature moved by a deviation, D is 0.38.
    expect(result.effect).toBeGreaterThan(0.35);
    expect(result.effect).toBeLessThan(0.55);
    expect(result.changed_pairs).toEqual([]);
  });

  it('finds what is small in every feature but not in all of them', () => {
    const moved = draw(1500, 20, (row) => {
      row.forEach((value, feature) => {
        row[feature] = value + 0.12;
      });
    });
    expect(compareJointly(draw(1500, 20), moved, options()).is_drift).toBe(true);
  });

  it('cries wolf in at most one of twenty reports without drift', () => {
    let alarms = 0;
    let small = 0;
    const reports = 200;
    for (let report = 0; report < reports; report++) {
      // Tails without a mean, ties, correlated features, missing values; sizes from alike to very unlike.
      const shape = (row: number[]) => {
        row[0] = (row[0] ?? 0) / (row[4] ?? 1);
        row[1] = Math.round(row[1] ?? 0);
        row[2] = 0.8 * (row[3] ?? 0) + (row[2] ?? 0);
        if (uniform() < 0.1) row[3] = Number.NaN;
      };
      const current = report % 2 === 0 ? 60 : 200;
      const result = compareJointly(draw(60, 5, shape), draw(current, 5, shape), options({ minEffect: 0 }));
      if (result.is_drift) alarms++;
      if ((result.p_value ?? 0) <= 0.2) small++;
    }
    // 5 % and 20 %, and their sampling errors.
    expect(alarms / reports).toBeLessThanOrEqual(0.05 + 1.65 * Math.sqrt(0.0475 / reports));
    expect(small / reports).toBeLessThanOrEqual(0.2 + 2.33 * Math.sqrt(0.16 / reports));
    expect(small / reports).toBeGreaterThan(0.1);
  });

  it('needs size as well as evidence', () => {
    const weakly = (row: number[]) => {
      row[1] = 0.25 * (row[0] ?? 0) + Math.sqrt(1 - 0.0625) * (row[1] ?? 0);
    };
    const [reference, current] = [draw(1000, 3), draw(1000, 3, weakly)];
    expect(compareJointly(reference, current, options({ minEffect: 0 })).is_drift).toBe(true);
    const guarded = compareJointly(reference, current, options({ minEffect: 0.4 }));
    expect(guarded.p_value).toBeLessThan(0.05);
    expect(guarded).toMatchObject({ is_drift: false, severity: 'none' });
  });

  it('is the same for the same rows, whatever monotone scale the features are on', () => {
    const [reference, current] = [draw(300, 3), draw(300, 3, correlate)];
    const stretched = (columns: ComparedColumn[]) =>
      columns.map((column) =>
        column.kind === 'numeric'
          ? { ...column, values: column.values.map((value) => Math.exp(40 * value)) }
          : column,
      );
    const result = compareJointly(reference, current, options());
    expect(compareJointly(reference, current, options())).toEqual(result);
    expect(compareJointly(stretched(reference), stretched(current), options())).toEqual(result);
  });

  it('says which features cannot take part, and how much was missing', () => {
    const constant: ComparedColumn = { name: 'k', kind: 'numeric', values: new Float64Array(100).fill(7) };
    const empty: ComparedColumn = {
      name: 'e',
      kind: 'numeric',
      values: new Float64Array(100).fill(Number.NaN),
    };
    const gone: ComparedColumn = { name: 'g', kind: 'numeric', values: new Float64Array(100) };
    const text: ComparedColumn = { name: 't', kind: 'categorical', values: new Array<string>(100).fill('a') };
    const halfMissing = draw(100, 2).map((column) =>
      column.kind === 'numeric' && column.name === 'f0'
        ? { ...column, values: column.values.map((value, row) => (row % 2 === 0 ? Number.NaN : value)) }
        : column,
    );
    const result = compareJointly(
      [...draw(100, 2), constant, empty, gone, text],
      [...halfMissing, constant, empty, text, { ...text, name: 'new' }],
      options(),
    );
    expect(result.features).toBe(2);
    expect(result.imputed).toBe(0.125);
    expect(result.skipped).toEqual([
      { feature: 'k', reason: 'constant' },
      { feature: 'e', reason: 'too few values' },
      { feature: 'g', reason: 'absent in the current rows' },
    ]);
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
  });

  it('gives no verdict on few rows or a single feature', () => {
    for (const [columns, message] of [
      [draw(29, 3), /^NOT_ENOUGH_DATA: 29 reference/],
      [draw(100, 1), /^NOT_ENOUGH_DATA: 1 numeric feature /],
      [[], /^NOT_ENOUGH_DATA/],
    ] as const) {
      const result = compareJointly(columns, columns, options());
      expect(result).toMatchObject({
        score: null,
        p_value: null,
        effect: null,
        is_drift: false,
        severity: 'none',
      });
      expect(result.note).toMatch(message);
    }
  });

  it('refuses columns that are not of the same rows', () => {
    const [one, other] = [draw(50, 1), draw(40, 2)];
    expect(() => compareJointly([...one, ...other.slice(1)], other, options())).toThrow(
      expect.objectContaining({
        code: 'INVALID_INPUT',
        message: expect.stringContaining('"f1" has 40 rows'),
      }),
    );
  });

  it('draws its sample from millions of rows', () => {
    const long = (shift: number): ComparedColumn[] =>
      [1, 2].map((name) => ({
        name: `x${name}`,
        kind: 'numeric',
        values: Float64Array.from({ length: 1_000_000 }, () => uniform() + shift),
      }));
    const result = compareJointly(long(0), long(0.5), options());
    expect(result).toMatchObject({ reference_n: 1_000_000, reference_sampled: 1000, is_drift: true });
  });
});
