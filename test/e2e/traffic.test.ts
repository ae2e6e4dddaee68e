import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer, type TestServer } from './client.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { stores, type TestStore } from './stores.ts';
import { until } from './until.ts';

const row = { f0: 1, f1: 2, f2: 3 };
/** What the two linear models answer, computed here; the inputs are such that float32 has no rounding. */
const answerOf: Record<string, (f0: number) => number> = {
  '1': (f0) => 0.5 * f0 - 1.25 * 2 + 2 * 3 + 0.75,
  '2': (f0) => 1.5 * f0 + 0.25 * 2 - 0.5 * 3 - 2,
};

function deploy(server: TestServer, modelId: string, version: string, model: string, rest: object = {}) {
  return server.call('deploy_model', { model_id: modelId, version, source: testModel(model), ...rest });
}

/** Version 1 active, version 2 beside it. */
async function deployBoth(server: TestServer, modelId: string): Promise<void> {
  await deploy(server, modelId, '1', 'linear_float32');
  await deploy(server, modelId, '2', 'linear_float32_b', { set_active: false });
}

function predict(server: TestServer, modelId: string, more: object = {}) {
  return server.call('predict', { model_id: modelId, inputs: [row], ...more });
}

const keys = Array.from({ length: 200 }, (_, index) => `customer ${index}`);

/** Which keys each version answers. */
async function keysByVersion(server: TestServer, modelId: string): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  const answers = await Promise.all(keys.map((key) => predict(server, modelId, { entity_key: key })));
  answers.forEach(({ version, route, predictions }, index) => {
    expect(route).toBe('weighted');
    expect(predictions[0]?.value).toBe(answerOf[version]?.(1));
    found.set(version, [...(found.get(version) ?? []), keys[index] ?? '']);
  });
  return found;
}

describe('traffic', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
    await deployBoth(server, 'ab');
  });
  afterAll(() => server.close());
  const setTraffic = (weights: Record<string, number>, more: object = {}, modelId = 'ab') =>
    server.call('set_traffic', { model_id: modelId, weights, ...more });

  it('A/B: keys are split by the weights, and every key stays with its version', async () => {
    const { previous, current, warnings } = await setTraffic({ '1': 0.7, '2': 0.3 });
    expect(warnings).toEqual([expect.stringContaining('sticky works by the entity_key of a call')]);
    expect(previous).toMatchObject({ active_version: '1', weights: { '1': 1 } });
    expect(current).toEqual({
      active_version: '1',
      weights: { '1': 0.7, '2': 0.3 },
      shadow_version: null,
      sticky: true,
    });
    const first = await keysByVersion(server, 'ab');
    // The split of these very keys never changes; it is within 3 σ of the weights.
    expect(first.get('2')?.length).toBeGreaterThan(40);
    expect(first.get('2')?.length).toBeLessThan(80);
    expect(await keysByVersion(server, 'ab')).toEqual(first);
  });

  it('says which version is standby, which is out, and nothing of sticky where calls have keys', async () => {
    const shared = await setTraffic({ '1': 0.7, '2': 0.3 });
    expect(shared.warnings).toEqual([]);
    expect((await setTraffic({ '1': 1, '2': 0 })).warnings).toEqual([
      expect.stringMatching(/^2 is standby: /),
    ]);
    expect((await setTraffic({ '1': 1 })).warnings).toEqual([
      expect.stringMatching(/^2 is out of the route/),
    ]);
    await setTraffic({ '1': 0.7, '2': 0.3 });
  });

  it('a canary that grows keeps its keys', async () => {
    let canary: string[] = [];
    for (const weight of [0.1, 0.25, 0.5, 0.9]) {
      await setTraffic({ '1': 1 - weight, '2': weight });
      const next = (await keysByVersion(server, 'ab')).get('2') ?? [];
      expect(next).toEqual(expect.arrayContaining(canary));
      expect(next.length).toBeGreaterThan(canary.length);
      canary = next;
    }
  });

  it('without stickiness, or without a key, calls are split at random', async () => {
    const split = async (given: (index: number) => object) => {
      const answers = await Promise.all(keys.map((_, index) => predict(server, 'ab', given(index))));
      return answers.filter(({ version }) => version === '2').length;
    };
    await setTraffic({ '1': 0.5, '2': 0.5 }, { sticky: false });
    // 7 σ: it fails once in 1e11 runs.
    const oneKey = await split(() => ({ entity_key: 'always the same' }));
    expect([oneKey > 50, oneKey < 150]).toEqual([true, true]);
    await setTraffic({ '1': 0.5, '2': 0.5 });
    const noKey = await split(() => ({}));
    expect([noKey > 50, noKey < 150]).toEqual([true, true]);
  });

  it('a blue-green switch moves every call at once, and back', async () => {
    for (const version of ['2', '1', '2']) {
      const { current } = await setTraffic({ [version]: 1 });
      expect(current.active_version).toBe(version);
      const answers = await Promise.all(keys.map((key) => predict(server, 'ab', { entity_key: key })));
      expect(new Set(answers.map((answer) => `${answer.version} ${answer.route}`))).toEqual(
        new Set([`${version} active`]),
      );
    }
    // The other stands by: a pin reaches it, and a restart of nothing is needed.
    expect(await predict(server, 'ab', { version: '1' })).toMatchObject({ version: '1', route: 'pinned' });
    expect((await server.call('get_model', { model_id: 'ab' })).traffic).toMatchObject({
      active_version: '2',
      weights: { '2': 1 },
      deployed_versions: expect.arrayContaining(['1', '2']),
    });
  });

  it('weights that cannot be followed are refused, and nothing changes', async () => {
    await setTraffic({ '2': 1 });
    await server.call('register_model', {
      model_id: 'ab',
      version: '3',
      source: testModel('linear_float32'),
    });
    const refused = (weights: object, more: object = {}) =>
      server.fail('set_traffic', { model_id: 'ab', weights, ...more });
    expect(await refused({ '1': 0.5, '2': 0.4 })).toMatchObject({
      code: 'INVALID_INPUT',
      message: 'The weights sum to 0.9, not 1.',
    });
    expect((await refused({})).code).toBe('INVALID_INPUT');
    expect(await refused({ '1': -0.5, '2': 1.5 })).toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('-0.5'),
    });
    expect(await refused({ '2': 1, '3': 0 })).toMatchObject({
      code: 'NOT_DEPLOYED',
      hint: expect.stringContaining('deploy_model'),
    });
    expect(await refused({ '2': 1 }, { shadow_version: '3' })).toMatchObject({ code: 'NOT_DEPLOYED' });
    expect(await refused({ '9': 1 })).toMatchObject({ code: 'VERSION_NOT_FOUND' });
    expect(await refused({ '1': 0.5, '2': 0.5 }, { shadow_version: '1' })).toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('shadow itself'),
    });
    expect((await server.fail('set_traffic', { model_id: 'nothing', weights: { '1': 1 } })).code).toBe(
      'MODEL_NOT_FOUND',
    );
    expect(await predict(server, 'ab')).toMatchObject({ version: '2', route: 'active' });
  });

  it('a version with traffic is retired only by force; then the others take its part', async () => {
    await deployBoth(server, 'retired');
    await setTraffic({ '1': 0.5, '2': 0.5 }, {}, 'retired');
    const retire = { model_id: 'retired', version: '1' };
    expect(await server.fail('retire_model', retire)).toMatchObject({
      code: 'INVALID_INPUT',
      message: 'retired 1 carries traffic.',
      hint: expect.stringContaining('force=true'),
    });
    expect(await server.call('retire_model', { ...retire, force: true })).toMatchObject({
      retired: true,
      active_version: '2',
      warnings: [],
    });
    for (const key of keys.slice(0, 20))
      expect(await predict(server, 'retired', { entity_key: key })).toMatchObject({
        version: '2',
        route: 'active',
      });
    expect(await server.fail('predict', { ...retire, inputs: [row] })).toMatchObject({
      code: 'NOT_DEPLOYED',
      hint: expect.stringContaining('Deployed: 2.'),
    });
    expect((await server.fail('retire_model', retire)).code).toBe('NOT_DEPLOYED');
    const last = { model_id: 'retired', version: '2', force: true };
    expect(await server.call('retire_model', last)).toMatchObject({
      active_version: null,
      warnings: [expect.stringContaining('No version of retired is active')],
    });
    expect((await server.fail('predict', { model_id: 'retired', inputs: [row] })).code).toBe('NOT_DEPLOYED');
    // It is registered still, and may come back.
    await server.call('deploy_model', { model_id: 'retired', version: '1' });
    expect(await predict(server, 'retired')).toMatchObject({ version: '1', route: 'active' });
  });

  it('a version that is retired answers first what it was asked before', async () => {
    await deploy(server, 'draining', '1', 'slow_run', { latency_threshold_ms: 1 });
    const calls = [2e5, 1, 2, 3].map((x) =>
      server.call('predict', { model_id: 'draining', inputs: [{ x }] }),
    );
    await until('the run to begin', async () => {
      const { models } = await server.call('health_check', { model_id: 'draining' });
      return models[0]?.detail.includes('a run has taken');
    });
    await server.call('retire_model', { model_id: 'draining', version: '1', force: true });
    const answers = await Promise.all(calls);
    expect(answers.map(({ predictions }) => predictions[0]?.value)).toEqual([2e5, 1, 2, 3]);
    expect((await server.fail('predict', { model_id: 'draining', inputs: [{ x: 1 }] })).code).toBe(
      'NOT_DEPLOYED',
    );
  });

  it('has told its users nothing on standard error', () => {
    expect(server.standardError()).toBe('');
  });
});

describe.each(stores)('switching under load $name', ({ skipped, open }) => {
  let scratch: Scratch;
  let store: TestStore;
  let servers: TestServer[];
  beforeAll(async () => {
    if (skipped) return;
    scratch = scratchDirectory();
    store = await open();
    servers = await Promise.all(
      [1, 2].map(() => startServer({ directory: scratch.path, settings: store.settings })),
    );
  });
  afterAll(async () => {
    if (skipped) return;
    await Promise.all(servers.map((server) => server.close()));
    await store.drop();
    scratch.remove();
  });

  it.skipIf(skipped)('20 switches, 8 callers on 2 processes: no call fails or mixes versions', async () => {
    const [one, two] = servers;
    if (one === undefined || two === undefined) throw new Error('no servers');
    await deployBoth(one, 'switched');
    await until('the other process to know', async () => {
      const known = await two.attempt('predict', { model_id: 'switched', inputs: [row] });
      return !known.isError;
    });
    let switching = true;
    const seen: string[] = [];
    const callers = [one, one, one, one, two, two, two, two].map(async (server, caller) => {
      for (let call = 0; switching; call++) {
        const rows = Array.from({ length: 1 + (call % 4) }, (_, index) => ({
          ...row,
          f0: 1000 * caller + (call % 1000) + index / 4,
        }));
        const { version, predictions } = await server.call('predict', {
          model_id: 'switched',
          inputs: rows,
        });
        expect(predictions.map(({ value }) => value)).toEqual(rows.map(({ f0 }) => answerOf[version]?.(f0)));
        seen.push(version);
      }
    });
    for (let count = 0; count < 20; count++) {
      const switcher = count % 4 < 2 ? one : two;
      const version = count % 2 === 0 ? '2' : '1';
      if (count % 3 === 0) await switcher.call('deploy_model', { model_id: 'switched', version });
      else await switcher.call('set_traffic', { model_id: 'switched', weights: { [version]: 1 } });
      // Every switch is under load: both processes answer by it before the next.
      const before = seen.length;
      await until('calls by this route', () => seen.slice(before).includes(version));
    }
    switching = false;
    await Promise.all(callers);
    expect(new Set(seen)).toEqual(new Set(['1', '2']));
    const { models } = await one.call('health_check', { model_id: 'switched' });
    expect(models.map(({ error_count }) => error_count)).toEqual([0, 0]);
    // One more: the call that waited until the other process knew.
    expect(models.reduce((sum, { request_count }) => sum + request_count, 0)).toBe(seen.length + 1);
    expect(servers.map((server) => server.standardError())).toEqual(['', '']);
  });
});
