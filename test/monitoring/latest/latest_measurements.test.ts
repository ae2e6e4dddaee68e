import { beforeAll, expect, test } from 'vitest';
import { keepLatest, keptDrift, readLatest } from '../../../src/monitoring/latest/latest_measurements.ts';
import type { Database } from '../../../src/storage/database.ts';
import { describeOnEachDatabase } from '../../storage/databases.ts';

const column = (feature: string, effect: number | null, is_drift = false) => ({
  feature,
  isPrediction: false,
  method: 'ks_test',
  score: effect,
  effect,
  p_adjusted: 0.5,
  is_drift,
  severity: 'none',
});

const performance = (value: number) => ({
  since: 1,
  until: 2,
  outcomes: 50,
  metrics: { accuracy: { value, low: value - 0.1, high: value + 0.1 } },
  estimate: null,
});

test('of a wide report what drifted is kept first, then the largest', () => {
  const results = [
    ...Array.from({ length: 60 }, (_, index) => column(`f${index}`, index / 100)),
    column('unknown', null),
    column('small', 0.11, true),
  ];
  const { columns, ...counts } = keptDrift({ rows: 100, checked: 61, drifted: 1, results });
  expect(counts).toEqual({ rows: 100, checked: 61, drifted: 1 });
  expect(columns.map(({ name }) => name).slice(0, 3)).toEqual(['small', 'f59', 'f58']);
  expect(columns).toHaveLength(50);
});

describeOnEachDatabase('the latest measurements', (store) => {
  let database: Database;
  beforeAll(async () => {
    ({ database } = await store.open());
  });

  test('of a version take the place of those before, each kind its own', async () => {
    const drift = keptDrift({ rows: 40, checked: 1, drifted: 0, results: [column('nul \0 in it', 0.2)] });
    await keepLatest(database, { modelId: 'm', version: '1', at: 10, kind: 'drift', facts: drift });
    for (const [at, value] of [
      [11, 0.9],
      [12, 0.8],
    ] as const)
      await keepLatest(database, {
        modelId: 'm',
        version: '1',
        at,
        kind: 'performance',
        facts: performance(value),
      });
    await keepLatest(database, {
      modelId: 'other',
      version: '1',
      at: 9,
      kind: 'performance',
      facts: performance(0.1),
    });
    const found = await readLatest(database, ['m']);
    expect([...found.keys()]).toEqual(['m@1']);
    expect(found.get('m@1')).toEqual({
      drift: {
        ...drift,
        columns: [expect.objectContaining({ name: 'nul \ufffd in it', effect: 0.2 })],
        at: 10,
      },
      performance: { ...performance(0.8), at: 12 },
    });
    expect(await readLatest(database, [])).toEqual(new Map());
  });
});
