import { describe, expect, it } from 'vitest';
import { columnChanges } from '../../../src/monitoring/drift/column_changes.ts';
import { summariseDrift } from '../../../src/monitoring/drift/summary.ts';
import { unseenCategories } from '../../../src/monitoring/drift/unseen_categories.ts';
import { profileColumn } from '../../../src/monitoring/reference/profile.ts';
import type { ComparedColumn } from '../../../src/monitoring/rows/compared_column.ts';
import { uniforms } from './recipe.ts';

const options = { significance: 0.05 };

function categories(name: string, counts: Record<string, number>): ComparedColumn {
  const values = Object.entries(counts).flatMap(([value, rows]) => new Array<string>(rows).fill(value));
  return { name, kind: 'categorical', values };
}

describe('columnChanges', () => {
  const column = (name: string, kind: ComparedColumn['kind']) => ({ name, kind });

  it('says which columns came, went and turned', () => {
    const reference = [
      column('a', 'numeric'),
      column('b', 'boolean'),
      column('c', 'numeric'),
      column('d', 'numeric'),
    ];
    const current = [
      column('new', 'numeric'),
      column('a', 'categorical'),
      column('b', 'categorical'),
      column('d', 'numeric'),
    ];
    const changes = columnChanges(reference, current);
    expect(changes).toEqual({
      absent: ['c'],
      added: ['new'],
      type_changed: [{ feature: 'a', reference: 'numeric', current: 'categorical' }],
    });
    expect(summariseDrift([], changes).recommendation).toMatch(
      /^Restore "c", "a" first, absent or of another type in the current rows\. No feature could be judged/,
    );
  });

  it('has nothing to say about the same columns', () => {
    const changes = columnChanges([column('a', 'numeric')], [column('a', 'numeric')]);
    expect(changes).toEqual({ absent: [], added: [], type_changed: [] });
    expect(summariseDrift([], changes)).toEqual(summariseDrift([]));
  });
});

describe('unseenCategories', () => {
  it('tells the share of rows, its interval and the names', () => {
    const reference = [
      profileColumn(categories('team', { BOS: 500, LAL: 500 })),
      profileColumn(categories('arena', { home: 600, away: 400 })),
    ];
    const current = [
      categories('arena', { home: 300, away: 200 }),
      categories('team', { BOS: 500, SEA: 40, VAN: 60, [`X${'x'.repeat(50)}`]: 1 }),
    ];
    expect(unseenCategories(reference, current, options)).toEqual([
      {
        feature: 'team',
        categories: 3,
        most_frequent: [
          { category: 'VAN', rows: 60 },
          { category: 'SEA', rows: 40 },
          { category: `X${'x'.repeat(39)}`, rows: 1 },
        ],
        share: 101 / 601,
        // scipy.stats.binomtest(101, 601).proportion_ci(method='wilson')
        interval: [expect.closeTo(0.1402882, 6), expect.closeTo(0.2000348, 6)],
        expected_below: expect.any(Number),
        is_drift: true,
        severity: 'moderate',
        reference_n: 1000,
        current_n: 601,
      },
    ]);
  });

  it('does not take the rare categories that every sample has of its own for news', () => {
    const uniform = uniforms(31);
    let alarms = 0;
    const reports = 100;
    for (let report = 0; report < reports; report++) {
      // Most categories are rare: a third of the rows of any sample is new to another.
      const draw = (size: number): ComparedColumn => ({
        name: 'id',
        kind: 'categorical',
        values: Array.from({ length: size }, () => `id ${Math.floor(3000 * uniform() ** 2)}`),
      });
      const [finding] = unseenCategories([profileColumn(draw(1000))], [draw(400)], options);
      expect(finding?.share).toBeGreaterThan(0.2);
      expect(finding?.interval[0]).toBeGreaterThan(0.1);
      if (finding?.is_drift === true) alarms++;
    }
    expect(alarms / reports).toBeLessThanOrEqual(0.05 + 1.65 * Math.sqrt(0.0475 / reports));
  });

  it('sees a code that never was before among few numbers, and takes a rare high count for chance', () => {
    const codes = (counts: Record<number, number>): ComparedColumn => ({
      name: 'code',
      kind: 'numeric',
      values: Float64Array.from(
        Object.entries(counts).flatMap(([value, rows]) => new Array<number>(rows).fill(Number(value))),
      ),
    });
    const reference = [profileColumn(codes({ 0: 400, 0.5: 300, 7: 290, 12: 10 }))];
    expect(unseenCategories(reference, [codes({ 0: 380, 7: 300, 99: 20 })], options)).toMatchObject([
      { feature: 'code', most_frequent: [{ category: '99', rows: 20 }], share: 20 / 700, is_drift: true },
    ]);
    expect(unseenCategories(reference, [codes({ 0: 400, 7: 300, 13: 2, 14: 1 })], options)).toMatchObject([
      { categories: 2, is_drift: false },
    ]);
    // Of many different values any sample has some of its own.
    const many = (size: number, seed: number) => {
      const uniform = uniforms(seed);
      return { name: 'code', kind: 'numeric', values: Float64Array.from({ length: size }, uniform) } as const;
    };
    expect(unseenCategories([profileColumn(many(500, 1))], [many(500, 2)], options)).toEqual([]);
  });

  it('needs rows enough and a share worth a word, and none at all says nothing', () => {
    const reference = [profileColumn(categories('x', { a: 100_000 }))];
    const rare = unseenCategories(reference, [categories('x', { a: 20_000, b: 100 })], options);
    expect(rare[0]).toMatchObject({ is_drift: false, severity: 'none', categories: 1 });
    expect(rare[0]?.share).toBeGreaterThan(rare[0]?.expected_below ?? 1);
    expect(unseenCategories(reference, [categories('x', { b: 29 })], options)[0]?.is_drift).toBe(false);
    expect(unseenCategories(reference, [categories('x', { b: 30 })], options)[0]).toMatchObject({
      is_drift: true,
      severity: 'high',
      share: 1,
    });
    expect(unseenCategories(reference, [categories('x', { a: 50 })], options)).toEqual([]);
    expect(
      unseenCategories([profileColumn(categories('x', {}))], [categories('x', { a: 50 })], options),
    ).toEqual([]);
  });
});
