import { beforeAll, describe, expect, test } from 'vitest';
import { compareMetrics, compareVersions, type LivePerformance } from '../../src/registry/compare.ts';
import { updateModel } from '../../src/registry/update.ts';
import type { Database } from '../../src/storage/database.ts';
import { callBy } from '../access/origins.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';
import { seeder } from './seed.ts';

describe('metrics', () => {
  const compare = (
    a: Record<string, number>,
    b: Record<string, number>,
    directions: Record<string, 'higher' | 'lower'> = {},
  ) => {
    const versions = [
      { name: 'a', metrics: a },
      { name: 'b', metrics: b },
    ];
    return compareMetrics(versions, directions);
  };

  test.each<[string, Record<string, number>, Record<string, number>, object]>([
    ['higher', { auc: 0.5 }, { auc: 0.75 }, { direction: 'higher', differences: [0, 0.25], winners: ['b'] }],
    ['lower', { rmse: 0.5 }, { rmse: 0.75 }, { direction: 'lower', differences: [0, 0.25], winners: ['a'] }],
    ['a tie', { auc: 0.5 }, { auc: 0.5 }, { winners: ['a', 'b'], note: 'A tie.' }],
    [
      'an unknown direction',
      { profit: 1 },
      { profit: 2 },
      {
        direction: undefined,
        winners: [],
        note: 'Whether higher or lower is better is not known: state it in directions.',
      },
    ],
    [
      'one that the first lacks',
      {},
      { auc: 0.5 },
      { values: [null, 0.5], differences: [null, null], winners: [], note: 'a does not have it.' },
    ],
    ['one that the other lacks', { auc: 0.5 }, {}, { differences: [0, null], note: 'b does not have it.' }],
  ])('of %s', (_, a, b, expected) => {
    expect(compare(a, b)).toMatchObject([expected]);
  });

  test('what is stated holds over what the name says', () => {
    const both = compare(
      { profit: 1, auc: 0.5 },
      { profit: 2, auc: 0.6 },
      { profit: 'higher', auc: 'lower' },
    );
    expect(both.map(({ name, winners }) => [name, winners])).toEqual([
      ['auc', ['a']],
      ['profit', ['b']],
    ]);
  });

  test('of three with one missing: the best of the others wins', () => {
    const values: Record<string, number>[] = [{ auc: 0.6 }, {}, { auc: 0.7 }];
    const versions = values.map((metrics, index) => ({ name: String(index), metrics }));
    expect(compareMetrics(versions, {})).toMatchObject([{ winners: ['2'], note: '1 does not have it.' }]);
  });
});

describeOnEachDatabase('compareVersions', (store) => {
  let database: Database;
  const atRest: LivePerformance = {
    weight: null,
    calls: 0,
    errors: 0,
    latencyMs: { p50: null, p95: null, p99: null, calls: 0 },
    outcomes: 0,
    metrics: {},
  };
  const accuracy = { value: 0.9, interval: { low: 0.6, high: 0.98 } };
  const busy: LivePerformance = {
    weight: 1,
    calls: 10,
    errors: 1,
    latencyMs: { p50: 1, p95: 2, p99: 3, calls: 10 },
    outcomes: 10,
    metrics: { accuracy, bias: { value: null, interval: null } },
  };
  const compare = (references: string[], modelId = 'm') =>
    compareVersions(
      database,
      async (versions) => versions.map(({ version }) => (version === '1' ? busy : atRest)),
      { modelId, references, directions: {} },
    );

  beforeAll(async () => {
    ({ database } = await store.open());
    const seed = seeder(database, store.address.directory);
    await seed({ modelId: 'm', version: '1', metrics: { auc: 0.7 }, hyperparameters: { depth: 3, seed: 1 } });
    await seed({
      modelId: 'm',
      version: '2',
      metrics: { auc: 0.8 },
      hyperparameters: { depth: 5, seed: 1, extra: [1] },
      featureNames: ['height'],
    });
    await seed({ modelId: 'other', version: '1', metrics: { auc: 0.9 } });
    const update = { modelId: 'm', aliases: { champion: '1' } };
    await updateModel({ database, clock: () => 1 }, update, callBy('operator'));
  });

  test('puts versions beside the first, by name, alias or model', async () => {
    const { versions, metrics, live, hyperparameters } = await compare(['champion', '2', 'other:1']);
    expect(versions.map(({ name, live }) => [name, live])).toEqual([
      ['1', busy],
      ['2', atRest],
      ['other:1', busy],
    ]);
    expect(versions.map(({ signature }) => signature)).toMatchObject([
      undefined,
      { breaking: ['Features that are called otherwise: x is height now.'] },
      { breaking: [], other: [] },
    ]);
    expect(versions[0]?.signature).toBeUndefined();
    expect(metrics).toMatchObject([{ name: 'auc', values: [0.7, 0.8, 0.9], winners: ['other:1'] }]);
    expect(live).toEqual([
      { name: 'accuracy', direction: 'higher', values: [accuracy, null, accuracy] },
      { name: 'bias', direction: undefined, values: [busy.metrics.bias, null, busy.metrics.bias] },
    ]);
    expect(hyperparameters).toEqual([
      { name: 'depth', values: [3, 5, null] },
      { name: 'extra', values: [null, [1], null] },
      { name: 'seed', values: [1, 1, null] },
    ]);
  });

  test('refuses a version and its alias, and what is not there', async () => {
    await expect(compare(['1', '2', 'champion'])).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: '1 and champion are the same version, 1.',
    });
    await expect(compare(['1', '9'])).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' });
    await expect(compare(['1', 'nothing:9'])).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
  });
});
