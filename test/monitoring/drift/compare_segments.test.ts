import { describe, expect, it } from 'vitest';
import { compareColumns } from '../../../src/monitoring/drift/compare.ts';
import { compareSegments } from '../../../src/monitoring/drift/compare_segments.ts';
import type { DriftOptions } from '../../../src/monitoring/drift/index.ts';
import { profileColumn } from '../../../src/monitoring/reference/profile.ts';
import type { ComparedColumn } from '../../../src/monitoring/rows/compared_column.ts';
import { segmentBy } from '../../../src/monitoring/rows/segments.ts';
import { nearlyNormal, uniforms } from './recipe.ts';

const uniform = uniforms(20_260_303);

function options(more: Partial<DriftOptions> = {}): DriftOptions {
  return { method: 'auto', correction: 'bh', significance: 0.05, ...more };
}

function numbers(name: string, values: Iterable<number>): ComparedColumn {
  return { name, kind: 'numeric', values: Float64Array.from(values) };
}

/** Rows of as many regions, with numeric features that `value` makes. */
function draw(
  rows: number,
  regions: number,
  width: number,
  value: (region: number, feature: number) => number = () => nearlyNormal(uniform),
): ComparedColumn[] {
  const region = Array.from({ length: rows }, () => Math.floor(uniform() * regions));
  const features = Array.from({ length: width }, (_, feature) =>
    numbers(
      `f${feature}`,
      region.map((one) => value(one, feature)),
    ),
  );
  return [{ name: 'region', kind: 'categorical', values: region.map((one) => `r${one}`) }, ...features];
}

describe('compareSegments', () => {
  it('finds what the whole hides: opposite shifts of two segments', () => {
    const reference = draw(4000, 4, 3);
    const current = draw(4000, 4, 3, (region, feature) => {
      const shift = feature === 1 ? ([0.6, -0.6][region] ?? 0) : 0;
      return nearlyNormal(uniform) + shift;
    });
    const whole = compareColumns(reference.map(profileColumn), current, options());
    expect(whole.filter(({ is_drift }) => is_drift)).toEqual([]);
    const report = compareSegments(reference, current, 'region', options());
    expect(report.is_drift).toBe(true);
    expect(report.drifted_groups.toSorted()).toEqual(['r0', 'r1']);
    expect(report.recommendation).toMatch(/^Drift in 2 of 4 segments, strongest in "r[01]" \("f1"\): check/);
    const found = report.groups.find(({ group }) => group === 'r0');
    expect(found?.drifted_features).toEqual(['f1']);
    expect(found?.results.map(({ feature }) => feature)).toEqual(['f0', 'f1', 'f2']);
    const shares = report.groups.map(({ current_share }) => current_share);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
  });

  it('does not cry wolf more often over ten segments than over one', () => {
    const methods: DriftOptions['method'][] = ['auto', 'psi'];
    const alarms = new Map(methods.map((method) => [method, 0]));
    const reports = 60;
    for (let report = 0; report < reports; report++) {
      const [reference, current] = [draw(1500, 10, 8), draw(1500, 10, 8)];
      for (const method of methods) {
        const { is_drift, groups } = compareSegments(
          reference,
          current,
          'region',
          options({ method, minEffect: 0 }),
        );
        expect(groups).toHaveLength(10);
        if (is_drift) alarms.set(method, (alarms.get(method) ?? 0) + 1);
      }
    }
    for (const [method, count] of alarms) {
      expect(count / reports, method).toBeLessThanOrEqual(0.05 + 1.65 * Math.sqrt(0.0475 / reports));
    }
  });

  it('corrects over everything at once', () => {
    const report = compareSegments(
      draw(900, 3, 4),
      draw(900, 3, 4),
      'region',
      options({ correction: 'bonferroni' }),
    );
    for (const result of report.groups.flatMap(({ results }) => results)) {
      expect(result.p_adjusted).toBeCloseTo(Math.min(1, 12 * (result.p_value ?? Number.NaN)), 12);
    }
  });

  it('pools the rare segments and says which are too small', () => {
    const rows = (counts: Record<string, number>): ComparedColumn[] => {
      const values = Object.entries(counts).flatMap(([value, count]) =>
        new Array<string | null>(count).fill(value === 'none' ? null : value),
      );
      return [
        { name: 's', kind: 'categorical', values },
        numbers(
          'x',
          values.map(() => uniform()),
        ),
      ];
    };
    // Ten categories have a segment of their own: these, a and b.
    const large = Object.fromEntries(Array.from('klmnopqr', (name) => [name, 400]));
    const report = compareSegments(
      rows({ ...large, a: 300, b: 200, c: 20, d: 30, e: 10, none: 40 }),
      rows({ ...large, a: 300, b: 20, c: 20, d: 30, f: 60, none: 50 }),
      's',
      options(),
    );
    const small = report.groups.slice(8);
    expect(small.map(({ group, reference_n, current_n }) => [group, reference_n, current_n])).toEqual([
      ['a', 300, 300],
      ['b', 200, 20],
      ['(other)', 60, 110],
      ['(missing)', 40, 50],
    ]);
    expect(small[1]?.results).toEqual([]);
    expect(small[1]?.note).toBe('NOT_ENOUGH_DATA: 200 reference and 20 current rows, 30 of either needed.');
    expect(report.recommendation).toBe(
      'No drift in 11 segments (1 more have too few rows): keep the model as it is.',
    );
  });

  it('cuts a numeric feature at the quartiles of the reference', () => {
    const reference = [
      numbers(
        'age',
        Array.from({ length: 401 }, (_, row) => row),
      ),
      numbers('x', new Float64Array(401)),
    ];
    const current = [
      numbers('age', [...new Float64Array(50).fill(100), ...new Float64Array(50).fill(9e9)]),
      numbers('x', new Float64Array(100)),
    ];
    const report = compareSegments(reference, current, 'age', options());
    expect(report.groups.map(({ group, reference_n, current_n }) => [group, reference_n, current_n])).toEqual(
      [
        ['≤ 100', 101, 50],
        ['> 100 and ≤ 200', 100, 0],
        ['> 200 and ≤ 300', 100, 0],
        ['> 300', 100, 50],
      ],
    );
  });

  it('segments by booleans, and a constant has one segment', () => {
    const flags: ComparedColumn = { name: 'b', kind: 'boolean', values: ['true', 'false', 'true'] };
    expect(segmentBy(flags, flags, 10).names).toEqual(['true', 'false']);
    const constant = numbers('k', new Float64Array(9).fill(5));
    const { names, assign } = segmentBy(constant, constant, 10);
    expect(names).toEqual(['≤ 5', '> 5']);
    expect(new Set(assign(constant))).toEqual(new Set([0]));
    const close = numbers('c', [1_000_001, 1_000_002, 1_000_003, 1_000_004, 1_000_005]);
    expect(segmentBy(close, close, 10).names[1]).toBe('> 1000002 and ≤ 1000003');
  });

  it('finds no verdict where all segments are small', () => {
    const report = compareSegments(draw(60, 10, 1), draw(60, 10, 1), 'region', options());
    expect(report).toMatchObject({ is_drift: false, drifted_groups: [] });
    expect(report.recommendation).toMatch(/^No segment has rows enough/);
  });

  it('refuses a segment feature that cannot be one', () => {
    const rows = draw(50, 2, 1);
    const call =
      (by: string, current = rows) =>
      () =>
        compareSegments(rows, current, by, options());
    expect(call('nope')).toThrow('The reference has no feature "nope" to tell segments by.');
    expect(call('region', rows.slice(1))).toThrow('The current rows have no feature "region"');
    expect(call('f0', [numbers('f0', [1]), ...draw(50, 2, 0)])).toThrow(
      '"region" has 50 rows where "f0" has 1.',
    );
    expect(call('f0', [{ name: 'f0', kind: 'categorical', values: ['a'] }])).toThrow(
      expect.objectContaining({
        code: 'INVALID_INPUT',
        message: expect.stringContaining('numeric in the reference'),
      }),
    );
  });
});
