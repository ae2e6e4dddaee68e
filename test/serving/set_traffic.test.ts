import { beforeAll, beforeEach, expect, test } from 'vitest';
import type { Engine } from '../../src/serving/engine/engine.ts';
import { retireVersion } from '../../src/serving/retire_version.ts';
import { servedModels } from '../../src/serving/served_models.ts';
import { setTraffic, type TrafficDependencies, type TrafficRequest } from '../../src/serving/set_traffic.ts';
import { activateVersion, readRoute } from '../../src/serving/stored_route.ts';
import { freely } from '../access/approvers.ts';
import { callBy } from '../access/origins.ts';
import { deployRow, moveTo, seeder } from '../registry/seed.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';

/** An engine that loads at once and notes what it was asked to do. */
function notingEngine(): { engine: Engine; did: string[]; failOn(key: string): void } {
  const did: string[] = [];
  let failing = '';
  const refuse = () => Promise.reject(new Error('not part of this test'));
  return {
    did,
    failOn: (key) => {
      failing = key;
    },
    engine: {
      wholeFile: async ({ fd: file }) => ({ file, remove: async () => undefined }),
      inspect: refuse,
      async load({ key }) {
        if (key === failing) throw new Error('it does not load');
        did.push(`load ${key}`);
        const rows = { independent: true, outputsByRow: true } as const;
        return { loadMs: 0, warmupMs: 0, warmupFailure: undefined, rows };
      },
      run: refuse,
      rows: refuse,
      known: () => ({ good: undefined, inputs: [] }),
      async unload({ key }) {
        did.push(`unload ${key}`);
      },
      status: () => ({ state: 'ready', hosts: 1, waiting: 0, runningMs: undefined }),
      pools: () => [],
      close: () => undefined,
    },
  };
}

describeOnEachDatabase('routes', (store) => {
  let traffic: TrafficDependencies;
  let noted: ReturnType<typeof notingEngine>;
  let seed: ReturnType<typeof seeder>;
  let next = 0;
  let modelId = '';

  beforeAll(async () => {
    const { database } = await store.open();
    noted = notingEngine();
    traffic = { database, engine: noted.engine, served: servedModels(database, 1000), clock: () => 7 };
    seed = seeder(database, store.address.directory);
  });
  beforeEach(async () => {
    modelId = `m${next++}`;
    // Registered in this order, which is that of their ranges; 4 is not deployed.
    for (const version of ['2', '1', '3', '4']) await seed({ modelId, version });
    for (const version of ['1', '2', '3'])
      await traffic.database.insertInto('deployments').values(deployRow(modelId, version)).execute();
    noted.did.length = 0;
  });

  const set = (weights: Record<string, number>, more: Partial<TrafficRequest> = {}) =>
    setTraffic(traffic, { modelId, weights, sticky: true, ...more }, callBy('operator'), freely);
  const retire = (version: string, force = false) =>
    retireVersion(traffic, { modelId, version, force }, callBy('operator'), freely);
  const route = () => readRoute(traffic.database, modelId);
  const revision = async () => {
    const { revision: found } = await traffic.database
      .selectFrom('models')
      .select('revision')
      .where('model_id', '=', modelId)
      .executeTakeFirstOrThrow();
    return Number(found);
  };

  test('are written whole, in the order of registration, after every version is loaded', async () => {
    const { previous, current, warnings } = await set({ '1': 0.2, '2': 0.5, '3': 0.3 }, { sticky: false });
    expect([previous, warnings]).toEqual([undefined, []]);
    expect(current).toEqual({
      activeVersion: '2',
      weights: [
        ['2', 0.5],
        ['1', 0.2],
        ['3', 0.3],
      ],
      sticky: false,
      shadowVersion: undefined,
    });
    expect(await route()).toEqual(current);
    expect(noted.did.toSorted()).toEqual(['1', '2', '3'].map((version) => `load ${modelId}@${version}`));
    // What is known here is forgotten.
    expect((await traffic.served.read(modelId)).route).toEqual(current);
    const changed = await set({ '1': 1 }, { shadowVersion: '2' });
    expect(changed.previous).toEqual(current);
    expect(await route()).toMatchObject({ activeVersion: '1', shadowVersion: '2' });
  });

  test.each([
    ['do not sum to 1', { '1': 0.5, '2': 0.4 }, {}, 'The weights sum to 0.9, not 1.'],
    ['are none', {}, {}, 'The weights sum to 0, not 1.'],
    ['are below 0', { '1': 1.5, '2': -0.5 }, {}, 'The weight of 2 is -0.5, below 0.'],
    ['name the shadow', { '1': 0.5, '2': 0.5 }, { shadowVersion: '2' }, /^shadow_version=2 has a weight/],
  ])('whose weights %s are refused', async (_, weights, more, message) => {
    await set({ '1': 1 });
    const before = await revision();
    await expect(set(weights, more)).rejects.toMatchObject({ code: 'INVALID_INPUT', message });
    expect(await route()).toMatchObject({ weights: [['1', 1]] });
    expect(await revision()).toBe(before);
  });

  test('a sum is 1 within a millionth, a standby has weight 0, also as the shadow', async () => {
    await set({ '1': 0.1, '2': 0.2, '3': 0.7 });
    await set({ '1': 0.9999995, '2': 0 }, { shadowVersion: '2' });
    expect(await route()).toMatchObject({ activeVersion: '1', shadowVersion: '2' });
    await expect(set({ '1': 0.999 })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });

  test('that name what is not there change nothing', async () => {
    await set({ '1': 1 });
    await expect(set({ '4': 1 })).rejects.toMatchObject({ code: 'NOT_DEPLOYED' });
    await expect(set({ '9': 1 })).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' });
    await expect(set({ '1': 1 }, { shadowVersion: '4' })).rejects.toMatchObject({ code: 'NOT_DEPLOYED' });
    await expect(set({ '1': 1 }, { modelId: 'unheard-of' })).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
    });
    noted.failOn(`${modelId}@3`);
    await expect(set({ '1': 0.5, '3': 0.5 })).rejects.toThrow('it does not load');
    expect(await route()).toMatchObject({ weights: [['1', 1]], shadowVersion: undefined });
  });

  test('a version that is retired while the others load is not routed to', async () => {
    await set({ '1': 1 });
    // This process knows it as deployed, for 500 ms.
    await traffic.served.read(modelId);
    await traffic.database
      .deleteFrom('deployments')
      .where('model_id', '=', modelId)
      .where('version', '=', '2')
      .execute();
    await expect(set({ '2': 1 })).rejects.toMatchObject({ code: 'NOT_DEPLOYED', message: /meanwhile/ });
    expect(await route()).toMatchObject({ weights: [['1', 1]] });
  });

  test('an archived version may serve, with a warning', async () => {
    await moveTo(traffic.database, modelId, '2', 'archived');
    expect((await set({ '1': 0.5, '2': 0.5 })).warnings).toEqual(['Archived, but serving: 2.']);
  });

  test('activating a version keeps the shadow, unless it is the version itself', async () => {
    const activate = (version: string) =>
      traffic.database
        .transaction()
        .execute((transaction) => activateVersion(transaction, modelId, version, 8, 'operator'));
    await set({ '1': 0.5, '2': 0.5 }, { shadowVersion: '3', sticky: false });
    await activate('2');
    const kept = { activeVersion: '2', weights: [['2', 1]], sticky: false };
    expect(await route()).toEqual({ ...kept, shadowVersion: '3' });
    await activate('3');
    expect(await route()).toMatchObject({ activeVersion: '3', shadowVersion: undefined });
  });

  test('a version with traffic is not retired, unless forced: the others share its part', async () => {
    await set({ '1': 0.5, '2': 0.25, '3': 0.25 });
    await expect(retire('1')).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: `${modelId} 1 carries traffic.`,
      hint: expect.stringContaining('force=true'),
    });
    expect(await route()).toMatchObject({ activeVersion: '1' });
    noted.did.length = 0;
    const { current, warnings } = await retire('1', true);
    expect(current).toMatchObject({
      activeVersion: '2',
      weights: [
        ['2', 0.5],
        ['3', 0.5],
      ],
    });
    expect([await route(), warnings]).toEqual([current, []]);
    expect(noted.did).toEqual([`unload ${modelId}@1`]);
    expect((await traffic.served.read(modelId)).versions.has('1')).toBe(false);
  });

  test('the last one leaves no route; a shadow and a standby may go freely', async () => {
    await set({ '1': 1, '2': 0 }, { shadowVersion: '3' });
    expect((await retire('3')).current).toMatchObject({ activeVersion: '1', shadowVersion: undefined });
    expect((await retire('2')).current).toMatchObject({ weights: [['1', 1]] });
    expect(await retire('1', true)).toMatchObject({
      version: '1',
      previous: { activeVersion: '1', weights: [['1', 1]] },
      current: undefined,
      warnings: [`No version of ${modelId} is active any more.`],
    });
    expect(await route()).toBeUndefined();
    await expect(retire('1')).rejects.toMatchObject({ code: 'NOT_DEPLOYED' });
    await expect(retire('9')).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' });
  });

  test('the only one with traffic hands it to its standby', async () => {
    await set({ '1': 1, '2': 0 });
    expect((await retire('1', true)).current).toMatchObject({ activeVersion: '2', weights: [['2', 1]] });
  });

  test('every change raises the model’s revision, once', async () => {
    const before = await revision();
    await Promise.all([set({ '1': 1 }), set({ '2': 1 }), set({ '3': 1 })]);
    await retire('4').catch(() => undefined);
    expect(await revision()).toBe(before + 3);
  });
});
