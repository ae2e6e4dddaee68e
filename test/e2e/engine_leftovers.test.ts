import { expect, test } from 'vitest';
import { startPushedEngine } from '../serving/remote/pushed_engine.ts';
import { startServer } from './client.ts';
import { scratchDirectory, testModel } from './environment.ts';
import { until } from './until.ts';

test('what was retired or moved while an engine was away is taken out when it is back, by another process too', {
  timeout: 180_000,
}, async () => {
  const store = scratchDirectory();
  const engine = await startPushedEngine();
  const settings = {
    MODELYARD_APPROVALS: 'off',
    MODELYARD_ENGINES: JSON.stringify({
      triton: { type: 'open_inference', url: engine.url, models: 'pushed' },
    }),
  };
  const start = () => startServer({ directory: store.path, settings });
  const first = await start();
  const source = testModel('linear_float32');
  for (const version of ['kept', 'retired', 'moved'])
    await first.call('deploy_model', { model_id: 'linear', version, source, engine: 'triton' });
  await first.call('set_traffic', { model_id: 'linear', weights: { kept: 1 } });
  expect(engine.models().length).toBe(3);
  engine.isAway = true;
  const retired = await first.call('retire_model', { model_id: 'linear', version: 'retired' });
  expect(retired.warnings).toEqual([expect.stringContaining('still be loaded in the engine triton')]);
  const moved = await first.call('deploy_model', {
    model_id: 'linear',
    version: 'moved',
    source,
    engine: 'embedded',
    set_active: false,
  });
  expect(moved.warnings?.at(-1)).toContain('still be loaded in triton');
  await first.close();
  expect(engine.models().length).toBe(3);
  engine.isAway = false;

  const second = await start();
  const check = async () => {
    const { checks } = await second.call('health_check', {});
    return checks.find(({ name }) => name === 'engine triton');
  };
  expect(await check()).toMatchObject({
    status: 'healthy',
    detail: '1 of 1 versions ready; 2 no longer deployed and still to be unloaded',
  });
  await until('what is not wanted is gone', () => engine.models().length === 1, 60_000);
  await until('it is said so', async () => (await check())?.detail === '1 of 1 versions ready');
  const { version } = await second.call('predict', { model_id: 'linear', inputs: [{ f0: 1, f1: 2, f2: 3 }] });
  expect([version, engine.loads.length]).toEqual(['kept', 3]);
  await second.close();
  engine.close();
  store.remove();
});
