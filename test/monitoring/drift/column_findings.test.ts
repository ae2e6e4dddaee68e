import { describe, expect, it } from 'vitest';
import {
  type Column,
  columnChanges,
  profileColumn,
  summariseDrift,
  unseenCategories,
} from '../../../src/monitoring/drift/index.ts';
import { uniforms } from './recipe.ts';

const options = { significance: 0.05 };

function categories(name: string, counts: Record<string, number>): Column {
  const values = Object.entries(counts).flatMap(([value, rows]) => new Array<string>(rows).fill(value));
  return { name, kind: 'categorical', values };
}

describe('columnChanges', () => {
  const column = (name: string, kind: Column['kind']) => ({ name, kind });

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
        severity: 'low',
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
      const draw = (size: number): Column => ({
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
