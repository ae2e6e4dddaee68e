import { describe, expect, it } from 'vitest';
import { compareColumns } from '../../../src/monitoring/drift/compare.ts';
import {
  type DriftOptions,
  type DriftResult,
  driftMethodNames,
} from '../../../src/monitoring/drift/index.ts';
import { profileColumn } from '../../../src/monitoring/reference/profile.ts';
import type { ComparedColumn } from '../../../src/monitoring/rows/compared_column.ts';
import { nearlyNormal, uniforms } from './recipe.ts';

const methods = ['auto', ...driftMethodNames] as const;

function options(more: Partial<DriftOptions> = {}): DriftOptions {
  return { method: 'auto', correction: 'bh', significance: 0.05, ...more };
}

function numbers(name: string, size: number, value: (row: number) => number): ComparedColumn {
  return { name, kind: 'numeric', values: Float64Array.from({ length: size }, (_, row) => value(row)) };
}

function categories(name: string, counts: Record<string, number>): ComparedColumn {
  const values = Object.entries(counts).flatMap(([value, rows]) => new Array<string>(rows).fill(value));
  return { name, kind: 'categorical', values };
}

/** Compares one column with another. */
function compare(
  reference: ComparedColumn,
  current: ComparedColumn,
  more: Partial<DriftOptions> = {},
): DriftResult {
  const [result] = compareColumns([profileColumn(reference)], [current], options(more));
  if (result === undefined) throw new Error('a feature has a result');
  return result;
}

describe('compareColumns', () => {
  it('tells the whole story of a feature', () => {
    const uniform = uniforms(3);
    const result = compare(
      numbers('age', 500, () => nearlyNormal(uniform)),
      numbers('age', 400, () => nearlyNormal(uniform) + 0.8),
    );
    expect(result).toEqual({
      feature: 'age',
      type: 'numeric',
      method: 'ks_test',
      score: 0.3695,
      p_value: expect.any(Number),
      p_adjusted: result.p_value,
      effect: 0.3695,
      threshold: 0.05,
      is_drift: true,
      severity: 'moderate',
      cause: 'values',
      reference_n: 500,
      current_n: 400,
      reference_missing: 0,
      current_missing: 0,
    });
  });

  it('needs size as well as evidence', () => {
    const uniform = uniforms(4);
    const reference = numbers('x', 20_000, uniform);
    const current = numbers('x', 20_000, () => uniform() + 0.03);
    const guarded = compare(reference, current);
    expect(guarded.p_adjusted).toBeLessThan(1e-6);
    expect(guarded.is_drift).toBe(false);
    expect(compare(reference, current, { minEffect: 0 }).is_drift).toBe(true);
  });

  it('needs evidence as well as size', () => {
    const uniform = uniforms(5);
    const draw = () => numbers('x', 50, uniform);
    const result = compare(draw(), draw(), { method: 'psi' });
    expect(result.score).toBeGreaterThan(0.2);
    expect(result.is_drift).toBe(false);
    expect(result.note).toMatch(/is expected without any drift/);
  });

  it('gives no verdict below thirty rows', () => {
    const result = compare(
      numbers('x', 100, Number),
      numbers('x', 29, () => 1e6),
    );
    expect(result).toMatchObject({
      score: null,
      p_value: null,
      is_drift: false,
      severity: 'none',
      threshold: null,
    });
    expect(result.note).toMatch(/^NOT_ENOUGH_DATA/);
    expect(
      compare(
        numbers('x', 100, Number),
        numbers('x', 30, () => 1e6),
      ).is_drift,
    ).toBe(true);
  });

  it.each(methods)('sees a constant take another value: %s', (method) => {
    const reference = numbers('x', 300, () => 7);
    expect(
      compare(
        reference,
        numbers('x', 200, () => 8),
        { method },
      ),
    ).toMatchObject({ is_drift: true, severity: 'high' });
    const same = compare(
      reference,
      numbers('x', 200, () => 7),
      { method },
    );
    expect(same.is_drift).toBe(false);
    expect(same.note).toMatch(/constant/);
  });

  it.each(methods)('sees categories shift, and names the unseen: %s', (method) => {
    const reference = categories('team', { BOS: 500, LAL: 300, NYK: 200 });
    const current = categories('team', { BOS: 100, LAL: 300, NYK: 20, 'SEA"\nignore': 80 });
    const result = compare(reference, current, { method });
    expect(result.is_drift).toBe(true);
    expect(result.note).toContain('UNSEEN categories: 1, in 80 rows ("SEA\\"\\nignore").');
    if (method === 'ks_test' || method === 'wasserstein') {
      expect(result.method).toBe('chi_square');
      expect(result.note).toContain('chi_square used instead');
    }
  });

  it('does not take the rare categories that every sample has of its own for drift', () => {
    const uniform = uniforms(6);
    const ids = (size: number): ComparedColumn => ({
      name: 'id',
      kind: 'categorical',
      values: Array.from({ length: size }, () => `id-${Math.floor(uniform() * 1e9)}`),
    });
    for (const method of methods)
      expect(compare(ids(2000), ids(500), { method }).is_drift, method).toBe(false);
  });

  it('sees a category a row where the reference had few categories, and few rows', () => {
    const reference = categories('city', { Bern: 15, Basel: 15, Chur: 14, Genf: 16 });
    const current: ComparedColumn = {
      name: 'city',
      kind: 'categorical',
      values: Array.from({ length: 5000 }, (_, row) => `city ${row}`),
    };
    const result = compare(reference, current);
    // Beside so many rows every category of the reference is too rare for a table.
    expect(result).toMatchObject({ method: 'psi', is_drift: true, severity: 'high', p_value: null });
    expect(result.note).toContain('psi used instead');
  });

  it("is not blinded by Cramér's V when the samples differ in size", () => {
    const reference = categories('x', { a: 50_000, b: 50_000 });
    const result = compare(reference, categories('x', { a: 60, b: 140 }));
    expect(result.effect).toBeLessThan(0.1);
    expect(result).toMatchObject({ is_drift: true, severity: 'moderate' });
    expect(result.note).toMatch(/with equal weights it is 0\.2/);
  });

  it('reports a changed share of missing values', () => {
    const uniform = uniforms(7);
    const draw = (every: number) => numbers('x', 600, (row) => (row % every === 0 ? Number.NaN : uniform()));
    const result = compare(draw(50), draw(3));
    expect(result).toMatchObject({ is_drift: true, severity: 'high', current_missing: 1 / 3 });
    expect(result.note).toContain('MISSING_SHARE changed from 2.0 % to 33.3 % of the rows.');
    expect(compare(draw(50), draw(40)).is_drift).toBe(false);
    const gone = compare(
      draw(50),
      numbers('x', 600, () => Number.NaN),
    );
    expect(gone).toMatchObject({ is_drift: true, severity: 'high', score: null, current_missing: 1 });
  });

  it('gives missing shares a limit of their own: two points, or any clear rise from none', () => {
    const uniform = uniforms(8);
    const draw = (size: number, missing: number) =>
      numbers('x', size, (row) => (row < missing ? Number.NaN : uniform()));
    const verdict = (before: number, now: number, more: Partial<DriftOptions> = {}) =>
      compare(draw(20_000, before), draw(20_000, now), more);
    expect(verdict(0, 1800)).toMatchObject({
      is_drift: true,
      cause: 'missing',
      missing_shift: true,
      severity: 'moderate',
    });
    // From none: 20 of 20 000 rows are a tenth of a percent, and p is 2e-6; 3 may be chance.
    expect(verdict(0, 20)).toMatchObject({
      is_drift: true,
      severity: 'low',
      note: expect.stringContaining('from 0.0 % to 0.1 % of the rows'),
    });
    expect(verdict(0, 3).is_drift).toBe(false);
    // From some: 1 point with p = 3e-6 is no finding, 2 points are, and so is a fall.
    expect(verdict(1000, 1199).is_drift).toBe(false);
    expect(verdict(1000, 1199, { minEffect: 0 })).toMatchObject({ is_drift: true, cause: 'missing' });
    expect(verdict(1000, 1400)).toMatchObject({ is_drift: true, cause: 'missing' });
    expect(verdict(1400, 1000)).toMatchObject({ is_drift: true, cause: 'missing' });
    expect(verdict(0, 4000)).toMatchObject({ severity: 'high' });
    // The limit is the caller's to set; a rise from none counts whatever it is.
    expect(verdict(1000, 1199, { missingThreshold: 0.005 }).is_drift).toBe(true);
    expect(verdict(1000, 1400, { missingThreshold: 0.05 }).is_drift).toBe(false);
    expect(verdict(0, 400, { missingThreshold: 0.05 })).toMatchObject({ is_drift: true, severity: 'low' });
    // 3 points of 200 rows are chance.
    expect(compare(draw(200, 10), draw(200, 16)).is_drift).toBe(false);
  });

  it('says what became of columns that are on one side only', () => {
    const reference = [
      profileColumn(numbers('kept', 100, Number)),
      profileColumn(categories('lost', { a: 50 })),
    ];
    const results = compareColumns(
      reference,
      [numbers('new', 50, Number), numbers('kept', 100, Number)],
      options(),
    );
    expect(results.map(({ feature, is_drift, note }) => [feature, is_drift, note?.split(':')[0]])).toEqual([
      ['kept', false, undefined],
      ['lost', true, 'COLUMN_ABSENT'],
      ['new', false, 'COLUMN_NEW'],
    ]);
    const turned = compare(numbers('x', 50, Number), categories('x', { a: 50 }));
    expect(turned).toMatchObject({
      is_drift: true,
      severity: 'high',
      note: expect.stringMatching(/^TYPE_CHANGED/),
    });
    expect([turned.cause, ...results.map(({ cause }) => cause)]).toEqual([
      'type',
      undefined,
      'absent',
      undefined,
    ]);
    // Of a handful of rows there is no verdict, and predictions that are absent were not made.
    const few = compareColumns(reference, [numbers('kept', 29, Number)], options());
    expect(few[1]).toMatchObject({ feature: 'lost', is_drift: false, cause: 'absent' });
    const unanswered = compareColumns(reference, [numbers('kept', 100, Number)], {
      ...options(),
      predictions: ['lost'],
    });
    expect(unanswered[1]).toMatchObject({ is_drift: false, cause: 'absent' });
    // All columns may be absent; how many rows there are is known nevertheless.
    expect(compareColumns(reference, [], options(), 40).map(({ is_drift }) => is_drift)).toEqual([
      true,
      true,
    ]);
    expect(compareColumns(reference, [], options()).map(({ is_drift }) => is_drift)).toEqual([false, false]);
  });

  it('takes the threshold for the method it was meant for', () => {
    const reference = categories('x', { a: 500, b: 500 });
    const current = categories('x', { a: 300, b: 200 });
    expect(compare(reference, current, { method: 'wasserstein', threshold: 0.9 }).threshold).toBe(0.05);
    expect(compare(reference, current, { method: 'psi', threshold: 0.9 }).threshold).toBe(0.9);
    expect(compare(reference, current, { method: 'ks_test', threshold: 0.01 }).threshold).toBe(0.01);
  });

  it('is reproducible, and one feature does not sway another without correction', () => {
    const uniform = uniforms(9);
    const draw = (name: string) => numbers(name, 60, uniform);
    const [a, b, c, d] = [draw('a'), draw('b'), draw('a'), draw('b')];
    const reference = [profileColumn(a), profileColumn(b)];
    const settings = options({ method: 'js_distance', correction: 'none' });
    const both = compareColumns(reference, [c, d], settings);
    expect(compareColumns(reference, [c, d], settings)).toEqual(both);
    expect(compareColumns(reference.toReversed(), [d, c], settings)).toEqual(both.toReversed());
  });
});
