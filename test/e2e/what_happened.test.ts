import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from './client.ts';
import { testModel } from './environment.ts';

const source = testModel('linear_float32');

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ settings: { MODELYARD_ROLE: 'admin' } });
});
afterAll(() => server.close());

/** Three deployed versions; 1 is in production with all calls, 3 its shadow. */
async function withShadow(model_id: string) {
  for (const version of ['1', '2', '3'])
    await server.call('deploy_model', { model_id, version, source, set_active: version === '1' });
  await server.call('promote_model', { model_id, version: '1', target_stage: 'production' });
  await server.call('set_traffic', { model_id, weights: { 1: 1 }, shadow_version: '3' });
}

describe('an answer tells what became of the shadow', () => {
  test('of a promotion with its calls, and of the way back', async () => {
    await withShadow('kept');
    const to = { model_id: 'kept', version: '2', target_stage: 'production' };
    const dry = await server.call('promote_model', { ...to, activate: true, dry_run: true });
    expect(dry.traffic).toBeUndefined();
    const promoted = await server.call('promote_model', { ...to, activate: true });
    expect(promoted.traffic).toEqual({ weights: { 2: 1 }, shadow_version: '3' });
    const back = await server.call('rollback_model', { model_id: 'kept', reason: 'it was wrong' });
    expect(back.traffic).toEqual({ weights: { 1: 1 }, shadow_version: '3' });
  });

  test('of a promotion of the shadow itself', async () => {
    await withShadow('own');
    const promoted = await server.call('promote_model', {
      model_id: 'own',
      version: '3',
      target_stage: 'production',
      activate: true,
    });
    expect(promoted.traffic).toEqual({ weights: { 3: 1 }, shadow_version: null });
  });

  test('of a rollout that is aborted', async () => {
    await withShadow('aborted');
    const { rollout_id } = await server.call('start_rollout', {
      model_id: 'aborted',
      version: '2',
      plan: { backtest: false, shares: [0.5], least_calls: 1000 },
    });
    const aborted = await server.call('control_rollout', { rollout_id, action: 'abort', reason: 'not now' });
    expect(aborted.traffic).toEqual({ weights: { 1: 1 }, shadow_version: '3' });
  });
});

test('get_model tells who changed the traffic and when, and detailed of every change', async () => {
  await withShadow('whose');
  await server.call('set_reference_data', {
    model_id: 'whose',
    data: Array.from({ length: 40 }, (_, row) => ({ f0: row, f1: row % 3, f2: 1 })),
  });
  const by = expect.stringMatching(/^admin \(modelyard-e2e 1\.0\.0\)$/);
  const { traffic, changes: none } = await server.call('get_model', { model_id: 'whose' });
  expect(traffic).toMatchObject({ changed_by: by, changed_at: expect.stringMatching(/^20\d\d-.*Z$/) });
  expect(none).toBeUndefined();
  const { changes = [] } = await server.call('get_model', {
    model_id: 'whose',
    response_format: 'detailed',
  });
  expect(changes.slice(0, 3)).toEqual([
    { at: expect.any(String), by, tool: 'set_reference_data', version: '1' },
    { at: expect.any(String), by, tool: 'set_traffic', version: null },
    { at: expect.any(String), by, tool: 'promote_model', version: '1' },
  ]);
  expect(changes.map(({ at }) => at)).toEqual(
    changes
      .map(({ at }) => at)
      .toSorted()
      .reverse(),
  );
});

test('record_outcomes tells what was new, what another value replaced, and what stood already', async () => {
  const model_id = 'told';
  await server.call('deploy_model', { model_id, version: '1', source });
  const prediction_ids = ['a', 'b', 'c'];
  const inputs = prediction_ids.map(() => ({ f0: 1, f1: 2, f2: 3 }));
  await server.call('predict', { model_id, inputs, prediction_ids });
  const record = (...actuals: [string, number][]) =>
    server.call('record_outcomes', {
      model_id,
      outcomes: actuals.map(([prediction_id, actual]) => ({ prediction_id, actual })),
    });
  expect((await record(['a', 1], ['b', 1])).summary).toBe(
    '2 recorded that had no outcome, 0 that had another one, which the new one replaced.',
  );
  const again = await record(['a', 1], ['b', 2], ['c', 7], ['c', 8]);
  expect(again).toMatchObject({ matched: 2, replaced: 1, already_set: 2 });
  expect(again.summary).toBe(
    '1 recorded that had no outcome, 1 that had another one, which the new one replaced. 1 had this same value already: nothing was to be changed. 1 rows were of a prediction that a later row of the call names too, and that one stands.',
  );
  const { predictions } = await server.call('list_predictions', { model_id });
  const actuals = predictions.map(({ prediction_id, actual }) => [prediction_id, actual]);
  expect(Object.fromEntries(actuals)).toEqual({ a: 1, b: 2, c: 8 });
});

test('health_check: an archived version out of the route, which nobody calls, is healthy', async () => {
  await withShadow('idle');
  await server.call('promote_model', {
    model_id: 'idle',
    version: '2',
    target_stage: 'production',
    activate: true,
  });
  // A server that has loaded nothing.
  const other = await startServer({ directory: server.directory });
  try {
    const { status, models } = await other.call('health_check', { model_id: 'idle' });
    expect(models.find(({ version }) => version === '1')).toMatchObject({
      stage: 'archived',
      status: 'healthy',
      detail: 'archived and out of the route: no calls are expected',
    });
    expect([status, models.find(({ version }) => version === '2')?.status]).toEqual(['unknown', 'unknown']);
  } finally {
    await other.close();
  }
});
