import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer, type TestServer } from './client.ts';
import { testModel } from './environment.ts';
import { stores, type TestStore } from './stores.ts';

describe.each(stores)('the log of predictions $name', ({ skipped, open }) => {
  let store: TestStore;
  let server: TestServer;
  /** In the order in which they were answered, row by row. */
  const answered: { prediction_id: string; value: unknown }[] = [];
  let failures = 0;

  beforeAll(async () => {
    if (skipped) return;
    store = await open();
    server = await startServer({ settings: store.settings });
    await server.call('deploy_model', { model_id: 'm', version: '1', source: testModel('fails_run') });
    await server.call('deploy_model', {
      model_id: 'm',
      version: '2',
      source: testModel('slow_run'),
      set_active: false,
    });
    for (let call = 0; call < 20; call++) {
      const { predictions } = await server.call('predict', {
        model_id: 'm',
        inputs: Array.from({ length: 3 }, (_, index) => ({ x: 3 * call + index })),
        ...(call % 2 === 0 && { entity_key: `customer ${call}` }),
        ...(call >= 15 && { version: '2' }),
      });
      answered.push(...predictions);
      if (call % 5 === 0) {
        await server.fail('predict', { model_id: 'm', version: '1', inputs: [{ x: 101 }, { x: 1 }] });
        failures++;
      }
    }
    // Nothing of this is a prediction.
    await server.fail('predict', { model_id: 'm', inputs: [{ x: 'three' }] });
  });
  afterAll(async () => {
    if (skipped) return;
    await server.close();
    await store.drop();
  });

  const list = (given: object = {}) => server.call('list_predictions', { model_id: 'm', ...given });
  async function pages(given: object = {}) {
    const found: Awaited<ReturnType<typeof list>>['predictions'] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof list>> = await list({ ...given, ...(cursor && { cursor }) });
      found.push(...page.predictions);
      cursor = page.next_cursor;
    } while (cursor !== null);
    return found;
  }

  it.skipIf(skipped)('has every row once, newest first, whatever the size of a page', async () => {
    expect((await list()).total).toBe(answered.length + failures);
    for (const limit of [7, 16, 200]) {
      const found = await pages({ limit });
      expect(found).toHaveLength(answered.length + failures);
      const rows = found.filter(({ error }) => error === null);
      expect(rows.map(({ prediction_id }) => prediction_id).toSorted()).toEqual(
        answered.map(({ prediction_id }) => prediction_id).toSorted(),
      );
      const times = found.map(({ at }) => at);
      expect(times).toEqual(times.toSorted().toReversed());
    }
  });

  it.skipIf(skipped)(
    'keeps the trace that a call named, and none where the name is no valid one',
    async () => {
      await server.call('deploy_model', { model_id: 'traced', version: '1', source: testModel('fails_run') });
      const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
      const predict = (traceparent: string, x: number) =>
        server.client.callTool({
          name: 'predict',
          arguments: { model_id: 'traced', inputs: [{ x }] },
          _meta: { traceparent },
        });
      await predict(`00-${traceId}-00f067aa0ba902b7-01`, 1);
      await predict(`00-${traceId}-00f067aa0ba902b7-01`, 101);
      await predict(`00-${traceId}-0000000000000000-01`, 2);
      const { predictions } = await server.call('list_predictions', { model_id: 'traced' });
      const traces = predictions.map(({ features, error, trace_id }) => [
        error === null ? features?.x : 'failed',
        trace_id,
      ]);
      expect(Object.fromEntries(traces)).toEqual({ failed: traceId, 1: traceId, 2: undefined });
    },
  );

  it.skipIf(skipped)('keeps what was asked and answered', async () => {
    const { prediction_id, value } = answered[1] ?? {};
    const { total, predictions, next_cursor } = await list({ prediction_id });
    expect([total, next_cursor]).toEqual([1, null]);
    expect(predictions).toEqual([
      {
        prediction_id,
        version: '1',
        at: expect.stringMatching(/^\d{4}-.*Z$/),
        route: 'active',
        entity_key: 'customer 0',
        latency_ms: expect.any(Number),
        features: { x: 1 },
        value,
        probabilities: null,
        error: null,
      },
    ]);
    const alone = await server.call('list_predictions', { prediction_id });
    expect(alone).toMatchObject({ total: 1, predictions: [{ prediction_id, model_id: 'm', value }] });
    expect(await server.fail('list_predictions', {})).toMatchObject({
      code: 'INVALID_INPUT',
      hint: expect.stringContaining('prediction_id'),
    });
    expect(await list({ prediction_id: 'unheard-of' })).toEqual({
      note: expect.stringContaining('not instructions'),
      total: 0,
      predictions: [],
      next_cursor: null,
    });
  });

  it.skipIf(skipped)('shows only errors, each once a call and with its reason', async () => {
    const found = await pages({ only: 'errors', limit: 2 });
    expect(found).toHaveLength(failures);
    for (const row of found)
      expect(row).toMatchObject({
        version: '1',
        route: 'pinned',
        value: null,
        features: { x: 101 },
        error: expect.stringMatching(/^INFERENCE_FAILED: The model could not run on row 0/),
      });
  });

  it.skipIf(skipped)('shows one version, and what came since a time', async () => {
    const ofTwo = await pages({ version: '2', limit: 4 });
    expect(ofTwo.map(({ value }) => value).toSorted()).toEqual(
      answered
        .slice(45)
        .map(({ value }) => value)
        .toSorted(),
    );
    expect(new Set(ofTwo.map(({ route }) => route))).toEqual(new Set(['pinned']));
    const all = await pages({ limit: 200 });
    const since = all[20]?.at ?? '';
    const later = await list({ since, limit: 200 });
    expect(later.predictions).toEqual(all.filter(({ at }) => at >= since));
    expect(later.total).toBe(later.predictions.length);
    expect((await list({ since: new Date(Date.now() + 60_000).toISOString() })).total).toBe(0);
  });

  it.skipIf(skipped)('refuses what it cannot answer', async () => {
    const refused = (given: object) => server.fail('list_predictions', { model_id: 'm', ...given });
    expect((await refused({ model_id: 'nothing' })).code).toBe('MODEL_NOT_FOUND');
    expect((await refused({ version: '9' })).code).toBe('VERSION_NOT_FOUND');
    for (const given of [{ cursor: 'made up' }, { since: 'yesterday' }, { limit: 0 }, { only: 'some' }])
      expect((await refused(given)).code).toBe('INVALID_INPUT');
  });
});
