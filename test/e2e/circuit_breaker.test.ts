import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/storage/database.ts';
import { startServer, type TestServer } from './client.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { stores, type TestStore } from './stores.ts';
import { until } from './until.ts';

/** slow_run answers x. With class labels its answer is a probability, which 3 is not: that is the model's failure. */
const labelled = { class_labels: ['no', 'yes'] };
const good = [{ x: 0 }];
const bad = [{ x: 3 }];

function deploy(server: TestServer, modelId: string, version: string, model: string, rest: object = {}) {
  return server.call('deploy_model', { model_id: modelId, version, source: testModel(model), ...rest });
}

/** As many failing calls as it takes: 20 within a minute. */
async function trip(server: TestServer, modelId: string, version = '1'): Promise<void> {
  const errors = await Promise.all(
    Array.from({ length: 20 }, () => server.fail('predict', { model_id: modelId, version, inputs: bad })),
  );
  expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['INFERENCE_FAILED']));
}

async function breakerOf(server: TestServer, modelId: string, version = '1') {
  const { models } = await server.call('health_check', { model_id: modelId });
  return models.find((model) => model.version === version)?.circuit_breaker;
}

describe.each(stores)('the circuit breaker $name', ({ skipped, open }) => {
  let scratch: Scratch;
  let store: TestStore;
  let one: TestServer;
  let two: TestServer;
  beforeAll(async () => {
    if (skipped) return;
    scratch = scratchDirectory();
    store = await open();
    const start = () => startServer({ directory: scratch.path, settings: store.settings });
    [one, two] = await Promise.all([start(), start()]);
  });
  afterAll(async () => {
    if (skipped) return;
    await Promise.all([one.close(), two.close()]);
    await store.drop();
    scratch.remove();
  });

  it.skipIf(skipped)(
    'opens after 20 calls that failed, says until when, and all processes follow',
    async () => {
      await deploy(one, 'failing', '1', 'slow_run', labelled);
      await until('the other process to know', async () => {
        const known = await two.attempt('predict', { model_id: 'failing', inputs: good });
        return !known.isError;
      });
      await trip(one, 'failing');
      const refused = await one.fail('predict', { model_id: 'failing', inputs: good });
      expect(refused).toMatchObject({ code: 'CIRCUIT_OPEN', retryable: true });
      const [when = ''] = /\d{4}-\d\d-\d\dT[\d:.]+Z/.exec(refused.message) ?? [];
      const elsewhere = await until(
        'the other process to refuse',
        async () => {
          const result = await two.attempt('predict', { model_id: 'failing', inputs: good });
          return result.isError && JSON.stringify(result.structuredContent);
        },
        1000,
      );
      expect(elsewhere).toContain('CIRCUIT_OPEN');
      expect(elsewhere).toContain(when);
      expect((await two.fail('predict', { model_id: 'failing', version: '1', inputs: good })).code).toBe(
        'CIRCUIT_OPEN',
      );
      for (const server of [one, two])
        expect(await breakerOf(server, 'failing')).toEqual({
          state: 'open',
          trips: 1,
          reopens_at: when,
          reason: expect.stringMatching(/^\d+ of \d+ calls failed$/),
          tripped_at: expect.stringMatching(/Z$/),
        });
      const { status, models } = await two.call('health_check', { model_id: 'failing' });
      expect([status, models[0]?.status, models[0]?.detail]).toEqual([
        'unhealthy',
        'unhealthy',
        'its circuit breaker is open',
      ]);
      // Refused calls are nobody's failures: they are not in the log.
      expect(models[0]?.error_count).toBe(20);
    },
  );

  it.skipIf(skipped)('is closed by hand in one process for all, and keeps its count', async () => {
    expect(
      await two.call('reset_circuit_breaker', { model_id: 'failing', version: '1', reason: 'repaired' }),
    ).toEqual({
      undo: expect.stringMatching(/^No call opens it/),
      model_id: 'failing',
      version: '1',
      was_open: true,
      circuit_breaker: { state: 'closed', trips: 1, reopens_at: null },
    });
    const answer = await two.call('predict', { model_id: 'failing', inputs: good });
    expect(answer.predictions[0]?.value).toBe('no');
    await until(
      'the other process to answer',
      async () => !(await one.attempt('predict', { model_id: 'failing', inputs: good })).isError,
      1000,
    );
    expect((await one.call('reset_circuit_breaker', { model_id: 'failing', version: '1' })).was_open).toBe(
      false,
    );
    expect((await one.fail('reset_circuit_breaker', { model_id: 'failing', version: '9' })).code).toBe(
      'VERSION_NOT_FOUND',
    );
  });

  it.skipIf(skipped)('open, the other versions of the route take over, and a warning says so', async () => {
    await deploy(one, 'shared', '1', 'slow_run', labelled);
    await deploy(one, 'shared', '2', 'slow_run', { set_active: false });
    await one.call('set_traffic', { model_id: 'shared', weights: { '1': 0.5, '2': 0.5 } });
    const ask = (key: string) => one.call('predict', { model_id: 'shared', inputs: good, entity_key: key });
    const keys = Array.from({ length: 40 }, (_, index) => `key ${index}`);
    const before = await Promise.all(keys.map(ask));
    await trip(one, 'shared');
    const after = await Promise.all(keys.map(ask));
    expect(new Set(before.map(({ version }) => version))).toEqual(new Set(['1', '2']));
    expect(after).toMatchObject(
      before.map(({ version }) =>
        version === '2'
          ? { version: '2', route: 'weighted', predictions: [{ value: 0 }], warnings: [] }
          : {
              version: '2',
              route: 'fallback',
              predictions: [{ value: 0 }],
              warnings: [expect.stringMatching(/circuit breaker.* is open; 2 answered instead/)],
            },
      ),
    );
    await one.call('reset_circuit_breaker', { model_id: 'shared', version: '1' });
    const again = await Promise.all(keys.map(ask));
    expect(again.map(({ version }) => version)).toEqual(before.map(({ version }) => version));
  });

  it.skipIf(skipped)(
    'open, a standby with weight 0 takes over; with all open, the call is refused',
    async () => {
      await deploy(one, 'standby', '1', 'slow_run', labelled);
      await deploy(one, 'standby', '2', 'slow_run', { set_active: false });
      await one.call('set_traffic', { model_id: 'standby', weights: { '1': 1, '2': 0 } });
      const ask = () => one.call('predict', { model_id: 'standby', inputs: good });
      for (let call = 0; call < 10; call++)
        expect(await ask()).toMatchObject({ version: '1', route: 'active' });
      await trip(one, 'standby');
      expect(await ask()).toMatchObject({
        version: '2',
        route: 'fallback',
        warnings: [expect.stringContaining('2 answered instead')],
      });
      await one.call('set_traffic', { model_id: 'standby', weights: { '1': 1 } });
      expect(await one.fail('predict', { model_id: 'standby', inputs: good })).toMatchObject({
        code: 'CIRCUIT_OPEN',
        hint: expect.stringContaining('reset_circuit_breaker'),
      });
    },
  );

  it.skipIf(skipped)('counts failures of the model, never those of its callers', async () => {
    await deploy(one, 'misused', '1', 'slow_run', labelled);
    const mistakes = [[{ x: 'abc' }], [{ z: 1 }], [{ x: null }], [{ x: 1e39 }]];
    const errors = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        one.fail('predict', { model_id: 'misused', inputs: mistakes[index % mistakes.length] }),
      ),
    );
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['SIGNATURE_MISMATCH']));
    await Promise.all(
      Array.from({ length: 19 }, () => one.fail('predict', { model_id: 'misused', inputs: bad })),
    );
    const answer = await one.call('predict', { model_id: 'misused', inputs: good });
    expect(answer).toMatchObject({ route: 'active', predictions: [{ value: 'no' }] });
    expect(await breakerOf(one, 'misused')).toMatchObject({
      state: 'open',
      trips: 1,
      reopens_at: expect.anything(),
    });
  });

  it.skipIf(skipped)('one caller’s rows that the model cannot run on open it for nobody', async () => {
    // fails_run answers 2·⌊x⌋ and has nothing to look up above 100.
    await deploy(one, 'fails', '1', 'fails_run');
    const asked = { model_id: 'fails', inputs: [{ x: 3 }, { x: 101 }, { x: 4 }] };
    const errors = await Promise.all(Array.from({ length: 25 }, () => one.fail('predict', asked)));
    for (const error of errors)
      expect(error).toMatchObject({
        code: 'INFERENCE_FAILED',
        retryable: false,
        message: expect.stringMatching(/^The model could not run on row 1, feature "x" = 101: /),
      });
    const answer = await one.call('predict', { model_id: 'fails', inputs: [{ x: 3 }] });
    expect(answer.predictions[0]?.value).toBe(6);
    const { models } = await one.call('health_check', { model_id: 'fails' });
    expect(models[0]).toMatchObject({ status: 'healthy', request_count: 26, error_count: 0 });
    // The log keeps the inputs of the rows that it failed on.
    await one.fail('predict', { model_id: 'fails', inputs: [1, 200, 3, 300].map((x) => ({ x })) });
    const logged = await one.call('list_predictions', { model_id: 'fails', only: 'errors', limit: 2 });
    expect(logged.predictions.map(({ features }) => features?.x).toSorted()).toEqual([200, 300]);
    expect(logged.predictions[0]?.error).toMatch(
      /on rows 1 and 3: .*Of the 4 rows, the log keeps rows 1 and 3/,
    );
  });

  it.skipIf(skipped)(
    'of a row that cannot be run the feature is named, and what the graph knows for it',
    async () => {
      const probe = { inputs: [{ city: 'Oslo', kind: 'new', size: 4.25 }] };
      await deploy(one, 'homes', '1', 'onehot_strict', { probe });
      const inputs = [
        { city: 'Rome', kind: 'old', size: 1 },
        { city: 'Oslo', kind: 'antique', size: 2 },
      ];
      expect(await one.fail('predict', { model_id: 'homes', inputs })).toMatchObject({
        code: 'INFERENCE_FAILED',
        message: expect.stringMatching(/^The model could not run on row 1, feature "kind" = "antique": /),
        hint: expect.stringContaining('Categories that the model knows for it: "new", "old".'),
      });
      const [row] = (await one.call('list_predictions', { model_id: 'homes', only: 'errors' })).predictions;
      expect(row?.error).toContain('on row 1, feature "kind": ');
      expect(row?.error).not.toContain('"antique"');
      expect(row?.features).toMatchObject({ city: 'Oslo', kind: 'antique' });
    },
  );

  it.skipIf(skipped)('sizes that share a dimension’s name are checked before the run', async () => {
    // Both inputs are [N, 1]: the runtime itself would stretch the shorter one.
    await deploy(one, 'pairs', '1', 'crash_run');
    const column = (...data: number[]) => ({ datatype: 'INT32', shape: [data.length, 1], data });
    const tensors = (x: object, d: object) => ({ model_id: 'pairs', tensors: { x, d } });
    expect(await one.fail('predict', tensors(column(6, 8), column(2)))).toMatchObject({
      code: 'SIGNATURE_MISMATCH',
      message: expect.stringMatching(/dimension "N" is 2 in "x", but 1 in "d"/),
    });
    const answer = await one.call('predict', tensors(column(6, 8), column(2, 2)));
    expect(answer.predictions.map(({ value }) => value)).toEqual([3, 4]);
  });

  it.skipIf(skipped)('counts answers that cannot be what they should be, and logs them', async () => {
    await deploy(one, 'odd', '1', 'identity_float32', { class_labels: ['no', 'yes'] });
    const asked = { model_id: 'odd', inputs: [{ value: 4.75 }] };
    // 4.75 is no probability.
    for (let call = 0; call < 20; call++)
      expect((await one.fail('predict', asked)).code).toBe('INFERENCE_FAILED');
    expect((await one.fail('predict', asked)).code).toBe('CIRCUIT_OPEN');
    const { models } = await one.call('health_check', { model_id: 'odd' });
    expect(models[0]).toMatchObject({ request_count: 20, error_count: 20 });
  });

  it.skipIf(skipped)('opens at the share of failures that the deployment names', async () => {
    await deploy(one, 'strict', '1', 'slow_run', { ...labelled, error_threshold: 0.1 });
    await Promise.all(
      Array.from({ length: 18 }, () => one.call('predict', { model_id: 'strict', inputs: good })),
    );
    await one.fail('predict', { model_id: 'strict', inputs: bad });
    expect(await breakerOf(one, 'strict')).toMatchObject({ state: 'closed', trips: 0 });
    await one.fail('predict', { model_id: 'strict', inputs: bad });
    expect((await one.fail('predict', { model_id: 'strict', inputs: good })).code).toBe('CIRCUIT_OPEN');
  });
});

describe('a burst', () => {
  it('of calls that wait for one another opens no breaker: only the run’s own time is the model’s', async () => {
    const server = await startServer();
    // Most of the calls wait longer than that; no run takes it.
    await deploy(server, 'busy', '1', 'linear_float32', { latency_threshold_ms: 20 });
    const answers = await Promise.all(
      Array.from({ length: 900 }, (_, index) =>
        server.call('predict', { model_id: 'busy', inputs: [{ f0: index % 5, f1: 2, f2: 3 }] }),
      ),
    );
    expect(answers.map(({ predictions }) => predictions.length)).toEqual(answers.map(() => 1));
    const { models } = await server.call('health_check', { model_id: 'busy' });
    const [health] = models;
    expect(health).toMatchObject({
      request_count: 900,
      error_count: 0,
      circuit_breaker: { state: 'closed', trips: 0 },
    });
    const { latency_ms, queue_ms } = await server.call('get_performance', { model_id: 'busy' });
    expect(queue_ms).toEqual(health?.queue_ms);
    expect(queue_ms.p95).toBeGreaterThan(0);
    expect(latency_ms.p99).toBeGreaterThan(Number(queue_ms.p50));
    await server.close();
  });
});

describe('probes', () => {
  const good = [{ x: 3 }];
  const bad = [{ x: 101 }];
  const probe = { inputs: [{ x: 3 }, { x: 42.9 }], expect: [6, 84] };
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ settings: { HEALTH_CHECK_INTERVAL_SEC: '1' } });
  });
  afterAll(() => server.close());

  it('that pass let a version serve; that fail leave the one before serving', async () => {
    expect(await deploy(server, 'probed', '1', 'fails_run', { probe })).toMatchObject({
      status: 'ready',
      active: true,
    });
    const failing = { model_id: 'probed', version: '2', source: testModel('slow_run'), probe };
    expect(await server.fail('deploy_model', failing)).toMatchObject({
      code: 'GATE_FAILED',
      message: expect.stringMatching(/row 0 gave 3, but 6 was expected/),
    });
    const again = { model_id: 'probed', version: '1', probe: { inputs: bad } };
    expect((await server.fail('deploy_model', again)).code).toBe('INFERENCE_FAILED');
    expect(await server.call('predict', { model_id: 'probed', inputs: good })).toMatchObject({
      version: '1',
      route: 'active',
      predictions: [{ value: 6 }],
    });
    expect((await server.call('get_model', { model_id: 'probed' })).traffic).toMatchObject({
      active_version: '1',
      deployed_versions: ['1'],
    });
    // What the probe ran is not in the log.
    const { models } = await server.call('health_check', { model_id: 'probed' });
    expect(models).toMatchObject([{ version: '1', status: 'healthy', request_count: 1, error_count: 0 }]);
  });

  it('forgive what the tolerance allows', async () => {
    const near = { inputs: [{ x: 3 }], expect: [6.4] };
    const given = { model_id: 'near', version: '1', source: testModel('fails_run') };
    expect((await server.fail('deploy_model', { ...given, probe: near })).code).toBe('GATE_FAILED');
    await server.call('deploy_model', { ...given, probe: { ...near, tolerance: 0.5 } });
  });

  it('are repeated at the interval: a version that fails its probe is unhealthy until it passes', async () => {
    await deploy(server, 'watched', '1', 'fails_run', { probe });
    const { database, close } = await openDatabase({ directory: join(server.directory, 'registry') });
    // A model does not change its mind: what is expected of it does.
    const expectOf = (values: number[]) =>
      database
        .updateTable('deployments')
        .set({ probe: JSON.stringify({ ...probe, expect: values, tolerance: 0 }) })
        .where('model_id', '=', 'watched')
        .execute();
    const untilStatus = (status: string) =>
      until(status, async () => {
        const { models } = await server.call('health_check', { model_id: 'watched' });
        return models[0]?.status === status && models[0];
      });
    await expectOf([6, 85]);
    expect((await untilStatus('unhealthy')).detail).toMatch(/its probe failed: .*row 1 gave 84, but 85/);
    // It serves on: a probe that fails is for people to see.
    expect(await server.call('predict', { model_id: 'watched', inputs: good })).toMatchObject({
      predictions: [{ value: 6 }],
    });
    await expectOf([6, 84]);
    expect(await untilStatus('healthy')).toMatchObject({ request_count: 1, error_count: 0 });
    await close();
  });
});
