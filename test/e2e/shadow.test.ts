import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer, type TestServer } from './client.ts';
import { testModel } from './environment.ts';
import { until } from './until.ts';

const row = { f0: 1, f1: 2, f2: 3 };

describe('a shadow version', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({
      settings: { MODELYARD_ENGINE_MEMORY_MB: '400', MODELYARD_PREDICT_TIMEOUT_MS: '2000' },
    });
  });
  afterAll(() => server.close());

  /** Version 1 has the traffic, version 2 is its shadow. */
  async function shadowed(
    modelId: string,
    primary: string,
    shadow: string,
    rest: object = {},
  ): Promise<void> {
    const deploy = (version: string, model: string, setActive: boolean, more: object = {}) =>
      server.call('deploy_model', {
        model_id: modelId,
        version,
        source: testModel(model),
        set_active: setActive,
        ...more,
      });
    await deploy('1', primary, true, rest);
    await deploy('2', shadow, false);
    const { current } = await server.call('set_traffic', {
      model_id: modelId,
      weights: { '1': 1 },
      shadow_version: '2',
    });
    expect(current).toMatchObject({ weights: { '1': 1 }, shadow_version: '2' });
  }

  const predict = (modelId: string, inputs: object[], more: object = {}) =>
    server.call('predict', { model_id: modelId, inputs, ...more });

  /** The comparison, when the shadow has had as many calls. */
  const agreementOf = (modelId: string, calls: number) =>
    until('the shadow calls', async () => {
      const { traffic } = await server.call('get_model', { model_id: modelId });
      const [shadow] = traffic.shadows;
      return (shadow?.calls ?? 0) >= calls && shadow;
    });
  async function healthOf(modelId: string, version: string) {
    const { models } = await server.call('health_check', { model_id: modelId });
    return models.find((model) => model.version === version);
  }

  it('gets every call that the route decides, is logged as shadow and counts for nothing', async () => {
    await shadowed('same', 'linear_float32', 'linear_float32');
    for (let call = 0; call < 10; call++) {
      const answer = await predict('same', [row, { ...row, f0: call }], { entity_key: 'somebody' });
      expect(answer).toMatchObject({ version: '1', route: 'active', warnings: [] });
    }
    // A pinned call is about one version: nothing is compared.
    await predict('same', [row], { version: '1' });
    expect(await agreementOf('same', 10)).toEqual({
      shadow_version: '2',
      primary_version: '1',
      calls: 10,
      errors: 0,
      rows: 20,
      agreement: 1,
    });
    expect(await healthOf('same', '2')).toMatchObject({
      active: false,
      weight: 0,
      shadow_agreement: 1,
      request_count: 0,
      last_request_at: null,
    });
    expect(await healthOf('same', '1')).toMatchObject({ request_count: 11, shadow_agreement: null });
    const { total, predictions } = await server.call('list_predictions', {
      model_id: 'same',
      version: '2',
    });
    expect(total).toBe(20);
    expect(new Set(predictions.map(({ route, entity_key }) => `${route} ${entity_key}`))).toEqual(
      new Set(['shadow somebody']),
    );
    expect(predictions[0]).toMatchObject({ error: null, features: { f1: 2, f2: 3 } });
    const of1 = await server.call('list_predictions', { model_id: 'same', version: '1' });
    expect(of1.total).toBe(21);
    expect(of1.predictions.map(({ route }) => route)).not.toContain('shadow');
  });

  it('that answers otherwise is told by its agreement', async () => {
    await shadowed('other', 'linear_float32', 'linear_float32_b');
    // The two agree where 0.5a − 1.25b + 2c + 0.75 = 1.5a + 0.25b − 0.5c − 2: here for the first row only.
    await predict('other', [
      { f0: 2.75, f1: 0, f2: 0 },
      row,
      { f0: 0, f1: 0, f2: 0 },
      { f0: 9, f1: 9, f2: 0 },
    ]);
    expect(await agreementOf('other', 1)).toMatchObject({ rows: 4, agreement: 0.25 });
    expect(await healthOf('other', '2')).toMatchObject({ shadow_agreement: 0.25 });
  });

  it('has the outcomes of the predictions that were given, whenever they come, and its own accuracy and latency', async () => {
    await shadowed('judged', 'linear_float32', 'linear_float32_b');
    const inputs = [{ f0: 2.75, f1: 0, f2: 0 }, row, { f0: 0, f1: 0, f2: 0 }];
    const { predictions } = await predict('judged', inputs);
    const own = await predict('judged', inputs.slice(1, 2), { prediction_ids: ['order 7'] });
    // At once: the shadow may not have run yet.
    const actual = (from: typeof predictions) =>
      from.map(({ prediction_id, value }) => ({ prediction_id, actual: value }));
    const recorded = await server.call('record_outcomes', {
      model_id: 'judged',
      outcomes: [...actual(predictions), { prediction_id: ' order 7 ', actual: own.predictions[0]?.value }],
    });
    expect(recorded).toMatchObject({ matched: 4, unknown: [] });
    await agreementOf('judged', 2);
    const incumbent = await server.call('get_performance', { model_id: 'judged', version: '1' });
    expect(incumbent).toMatchObject({
      outcomes: { answered_rows: 4, with_outcome: 4, of: 'callers' },
      metrics: { mae: { value: 0 } },
      latency_ms: { calls: 2, note: expect.stringContaining('of 2 calls') },
    });
    expect(incumbent.agreement).toBeUndefined();
    const shadow = await server.call('get_performance', { model_id: 'judged', version: '2' });
    // Version 2 is apart by 0, 6.25 (twice) and 2.75.
    expect(shadow).toMatchObject({
      count: 0,
      outcomes: { answered_rows: 4, with_outcome: 4, of: 'shadow' },
      agreement: {
        calls: 2,
        failed_calls: 0,
        rows: 4,
        agreed: 1,
        share: 0.25,
        tolerance: { relative: 0.01, absolute: 1e-6 },
        primaries: [{ version: '1', rows: 4, share: 0.25 }],
        latency_ms: { calls: 2 },
        primary_latency_ms: { calls: 2 },
      },
    });
    const { mae } = shadow.metrics;
    expect(mae?.value).toBeCloseTo((2 * 6.25 + 2.75) / 4, 6);
    expect(shadow.agreement?.mean_absolute_difference).toBeCloseTo((2 * 6.25 + 2.75) / 4, 6);
    expect(mae?.interval).not.toBeNull();
    expect(JSON.stringify(shadow).length / 4).toBeLessThan(2000);
    const logged = await server.call('list_predictions', { model_id: 'judged', version: '2' });
    expect(logged.predictions.map(({ shadow_of }) => shadow_of)).toContain('order 7');
    const { models } = await server.call('health_check', { model_id: 'judged' });
    expect(models.find(({ version }) => version === '1')?.latency_ms).toMatchObject({
      calls: 2,
      note: expect.stringContaining('of 2 calls'),
    });
  });

  it('that fails hurts nobody and trips nothing, not even itself', async () => {
    // At 101 fails_run has nothing to look up; slow_run gives it back.
    await shadowed('failing', 'slow_run', 'fails_run');
    const answers = await Promise.all(Array.from({ length: 30 }, () => predict('failing', [{ x: 101 }])));
    expect(answers).toMatchObject(answers.map(() => ({ version: '1', predictions: [{ value: 101 }] })));
    expect(await agreementOf('failing', 30)).toMatchObject({ errors: 30, rows: 0, agreement: null });
    expect(await healthOf('failing', '2')).toMatchObject({
      request_count: 0,
      error_count: 0,
      circuit_breaker: { state: 'closed', trips: 0, reopens_at: null },
    });
    expect(await healthOf('failing', '1')).toMatchObject({
      status: 'healthy',
      request_count: 30,
      error_count: 0,
    });
    const { total, predictions } = await server.call('list_predictions', {
      model_id: 'failing',
      only: 'errors',
      limit: 1,
    });
    expect(total).toBe(30);
    expect(predictions).toMatchObject([
      { version: '2', route: 'shadow', value: null, error: expect.stringMatching(/^INFERENCE_FAILED: /) },
    ]);
    // Pinned, it answers what it can.
    expect(await predict('failing', [{ x: 3 }], { version: '2' })).toMatchObject({
      predictions: [{ value: 6 }],
    });
  });

  it('whose process dies hurts nobody', async () => {
    // A gigabyte is more than a host may have here; the primary takes the logarithm.
    await shadowed('dying', 'nan_output', 'memory_balloon');
    for (const x of [2.5e8, 3e8])
      expect((await predict('dying', [{ x }])).predictions[0]?.value).toBeCloseTo(Math.log(x), 3);
    expect(await agreementOf('dying', 2)).toMatchObject({ errors: 2 });
    expect((await predict('dying', [{ x: 1 }])).predictions[0]?.value).toBe(0);
  });

  it('that hangs holds up nobody', async () => {
    await shadowed('hanging', 'nan_output', 'slow_run');
    const before = await predict('hanging', [{ x: 1e9 }]);
    expect(before.predictions[0]?.value).toBeCloseTo(Math.log(1e9), 3);
    // The shadow's run is under way, for its whole time limit.
    await until('the run of the shadow', async () => {
      const { models } = await server.call('health_check', { model_id: 'hanging' });
      return models.every(({ detail }) => detail.includes('loaded and warm'));
    });
    for (let call = 0; call < 20; call++)
      expect((await predict('hanging', [{ x: 1 }])).predictions[0]?.value).toBe(0);
    // Those that waited in vain behind it say nothing of the shadow.
    const compared = await agreementOf('hanging', 1);
    expect(compared.errors).toBeGreaterThanOrEqual(1);
    expect(await healthOf('hanging', '1')).toMatchObject({ request_count: 21, error_count: 0 });
  });

  it('may stand by as well: when it takes over it does not shadow itself', async () => {
    // With class labels the answer 101 is no probability, which is the model's failure.
    await shadowed('both', 'slow_run', 'slow_run', { class_labels: ['no', 'yes'] });
    await server.call('set_traffic', {
      model_id: 'both',
      weights: { '1': 1, '2': 0 },
      shadow_version: '2',
    });
    await Promise.all(
      Array.from({ length: 20 }, () => server.fail('predict', { model_id: 'both', inputs: [{ x: 101 }] })),
    );
    expect(await predict('both', [{ x: 3 }])).toMatchObject({ version: '2', route: 'fallback' });
    // A shadow's run would have come before this one.
    await predict('both', [{ x: 4 }], { version: '2' });
    const { predictions } = await server.call('list_predictions', { model_id: 'both', version: '2' });
    expect(predictions.map(({ route }) => route)).toEqual(['pinned', 'fallback']);
  });
});
