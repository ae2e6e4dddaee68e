import { describe, expect, it } from 'vitest';
import { compareOverTime } from '../../../src/monitoring/drift/compare_over_time.ts';
import type { DriftOptions } from '../../../src/monitoring/drift/index.ts';
import { profileColumn } from '../../../src/monitoring/reference/profile.ts';
import type { ComparedColumn } from '../../../src/monitoring/rows/compared_column.ts';
import { nearlyNormal, uniforms } from './recipe.ts';

const uniform = uniforms(20_260_404);
const start = Date.UTC(2026, 0, 1);
const hourMs = 3_600_000;
const options: DriftOptions = { method: 'auto', correction: 'bh', significance: 0.05 };

function normal(rows: number, shift: (row: number) => number = () => 0): ComparedColumn {
  return {
    name: 'x',
    kind: 'numeric',
    values: Float64Array.from({ length: rows }, (_, row) => nearlyNormal(uniform) + shift(row)),
  };
}

const reference = [profileColumn(normal(2000))];

describe('compareOverTime', () => {
  it('shows when a drift began', () => {
    const times = Float64Array.from({ length: 2400 }, (_, row) => start + row * (hourMs / 100));
    const current = [normal(2400, (row) => (row < 1600 ? 0 : 0.8))];
    const report = compareOverTime(
      reference,
      current,
      { times, buckets: 6, since: start, until: start + 24 * hourMs },
      options,
    );
    expect(report.groups.map(({ group, current_n, is_drift }) => [group, current_n, is_drift])).toEqual([
      ['2026-01-01T00:00:00.000Z', 400, false],
      ['2026-01-01T04:00:00.000Z', 400, false],
      ['2026-01-01T08:00:00.000Z', 400, false],
      ['2026-01-01T12:00:00.000Z', 400, false],
      ['2026-01-01T16:00:00.000Z', 400, true],
      ['2026-01-01T20:00:00.000Z', 400, true],
    ]);
    expect(report.drifted_groups).toHaveLength(2);
    expect(report.recommendation).toMatch(/^Drift in 2 of 6 span/);
    expect(report.untimed).toBe(0);
  });

  it('puts every row in one bucket, the last one too, and counts those without a time', () => {
    const times = Float64Array.from([0, 24, 25, 50, 75, 100, Number.NaN, 1e20, Number.NEGATIVE_INFINITY]);
    const report = compareOverTime(reference, [normal(9)], { times, buckets: 4 }, options);
    expect(report.groups.map(({ since, until, current_n }) => [since, until, current_n])).toEqual([
      [0, 25, 2],
      [25, 50, 1],
      [50, 75, 1],
      [75, 100, 2],
    ]);
    expect(report.untimed).toBe(3);
    expect(report.groups[0]?.note).toMatch(/^NOT_ENOUGH_DATA: 2 current rows/);
    const cut = compareOverTime(reference, [normal(9)], { times, buckets: 2, since: 20, until: 60 }, options);
    expect(cut.groups.map(({ current_n }) => current_n)).toEqual([2, 1]);
    expect(cut.untimed).toBe(6);
  });

  it('does not cry wolf more often over many buckets than over one', () => {
    let alarms = 0;
    const reports = 80;
    for (let report = 0; report < reports; report++) {
      const times = Float64Array.from({ length: 1000 }, (_, row) => row);
      const { is_drift } = compareOverTime(
        [profileColumn(normal(1000))],
        [normal(1000)],
        { times, buckets: 12 },
        { ...options, minEffect: 0 },
      );
      if (is_drift) alarms++;
    }
    expect(alarms / reports).toBeLessThanOrEqual(0.05 + 1.65 * Math.sqrt(0.0475 / reports));
  });

  it('takes rows of one moment, and none at all', () => {
    const one = compareOverTime(
      reference,
      [normal(50)],
      { times: new Float64Array(50).fill(start), buckets: 3 },
      options,
    );
    expect(one.groups.map(({ current_n }) => current_n)).toEqual([50, 0, 0]);
    const nobody = compareOverTime(
      reference,
      [normal(2)],
      { times: new Float64Array(2).fill(Number.NaN), buckets: 3 },
      options,
    );
    expect(nobody).toMatchObject({ is_drift: false, groups: [], untimed: 2 });
  });

  it('refuses what is no span of time', () => {
    const times = new Float64Array(5);
    const call = (more: object) => () =>
      compareOverTime(reference, [normal(5)], { times, buckets: 2, ...more }, options);
    expect(call({ times: new Float64Array(4) })).toThrow('"x" has 5 rows, but there are 4 times.');
    expect(call({ buckets: 0 })).toThrow('buckets is 0.');
    expect(call({ since: Number.NaN })).toThrow('since is NaN.');
    expect(call({ since: 5, until: 4 })).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
  });
});
