import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from './client.ts';
import { clients, quickPlan, twoVersions, untilState } from './rollout_load.ts';
import { stores, type TestStore } from './stores.ts';

const ended = ['succeeded', 'rolled_back', 'held', 'paused'];

for (const { name, skipped, open } of stores)
  describe.skipIf(skipped)(`a rollout, ${name}`, { timeout: 900_000 }, () => {
    let store: TestStore;
    let server: TestServer;
    beforeAll(async () => {
      store = await open();
      server = await startServer({ settings: { ...store.settings, MODELYARD_ENGINE_MEMORY_MB: '400' } });
    });
    afterAll(async () => {
      await server.close();
      await store.drop();
    });

    const start = (modelId: string, more: object = {}) =>
      server.call('start_rollout', { model_id: modelId, version: '2', plan: quickPlan, ...more });
    const standing = async (modelId: string) => {
      const { traffic, versions } = await server.call('get_model', { model_id: modelId });
      return {
        weights: traffic.weights,
        stages: Object.fromEntries(versions.map(({ version, stage }) => [version, stage])),
      };
    };

    test('takes a good candidate to production by itself while clients call', async () => {
      await twoVersions(server, 'good', ['slow_run', 'slow_run']);
      for (let call = 0; call < 50; call++)
        await server.call('predict', { model_id: 'good', inputs: [{ x: call / 50 }] });
      const plan = { ...quickPlan, backtest: true };
      const dry = await start('good', { dry_run: true, plan });
      expect(dry).toMatchObject({ rollout_id: null, incumbent: '1', state: null });
      expect(dry.steps.map((step) => step.split(':')[0])).toEqual([
        'probe',
        'backtest',
        'shadow',
        '20 %',
        '50 %',
        '100 %',
        'production',
      ]);
      const started = await start('good', { plan });
      expect(started).toMatchObject({ version: '2', incumbent: '1', state: 'running', step: 'probe' });
      const calling = clients(server, 'good', 8, (call) => (call % 10) / 10);
      const rollout = await untilState(server, 'good', ended);
      await calling.stop();
      expect(rollout.state, JSON.stringify(rollout)).toBe('succeeded');
      const { decisions } = await server.call('get_rollout', {
        model_id: 'good',
        response_format: 'detailed',
      });
      expect(decisions[1]?.reason).toMatch(/\d+ logged rows were replayed/);
      expect(decisions.map(({ action, step }) => `${step}: ${action}`)).toEqual([
        'probe: go_on',
        'backtest: go_on',
        'shadow: go_on',
        '20 %: go_on',
        '50 %: go_on',
        '100 %: go_on',
        'production: go_on',
      ]);
      expect(await standing('good')).toEqual({
        weights: { 2: 1 },
        stages: { 1: 'archived', 2: 'production' },
      });
      expect(calling.counts().failed).toBe(0);
      expect(JSON.stringify(rollout).length / 4).toBeLessThan(800);
    });

    test.each<[string, readonly [string, string], object, (call: number) => number, RegExp]>([
      [
        'fails for a twentieth of its calls',
        ['slow_run', 'slow_run'],
        { class_labels: ['no', 'yes'] },
        (call) => (call % 20 === 7 ? 3 : (call % 10) / 10),
        /error_rate|breaker/,
      ],
      ['is slow', ['memory_balloon', 'slow_run'], {}, () => 10_000, /p95/],
      [
        'crashes when it runs',
        ['nan_output', 'memory_balloon'],
        {},
        (call) => (call % 20 === 7 ? 1e9 : 2),
        /error_rate|breaker/,
      ],
    ])('sends back by itself one that %s', async (what, models, second, inputOf, why) => {
      const modelId = what.replaceAll(' ', '-');
      await twoVersions(server, modelId, models, { second });
      await start(modelId);
      const calling = clients(server, modelId, 4, inputOf);
      const rollout = await untilState(server, modelId, ended);
      await calling.stop();
      expect(rollout.state, rollout.waiting_for).toBe('rolled_back');
      expect(rollout.decisions.at(-1)).toMatchObject({
        action: 'go_back',
        reason: expect.stringMatching(why),
      });
      expect(await standing(modelId)).toMatchObject({ weights: { 1: 1 }, stages: { 1: 'production' } });
    });

    test('sends back one that is worse on logged calls before anybody sees it', async () => {
      await twoVersions(server, 'replayed', ['slow_run', 'memory_balloon']);
      for (let call = 0; call < 60; call++) {
        const x = 2 + (call % 10);
        const { predictions } = await server.call('predict', { model_id: 'replayed', inputs: [{ x }] });
        const outcomes = [{ prediction_id: predictions[0]?.prediction_id, actual: 1.2 * x }];
        await server.call('record_outcomes', { model_id: 'replayed', outcomes });
      }
      await start('replayed', { plan: { ...quickPlan, backtest: true } });
      const rollout = await untilState(server, 'replayed', ended);
      expect(rollout).toMatchObject({ state: 'rolled_back', step: 'backtest' });
      expect(rollout.decisions.at(-1)?.reason).toMatch(/^Replayed calls show harm .* worse by mae/);
    });

    test('sends back by itself one that is worse by outcomes', async () => {
      await twoVersions(server, 'worse', ['slow_run', 'memory_balloon']);
      await start('worse', { metrics: ['mae'] });
      const calling = clients(
        server,
        'worse',
        8,
        (call) => 2 + ((call * 7) % 100) / 10,
        (x, id) =>
          server.call('record_outcomes', {
            model_id: 'worse',
            outcomes: [{ prediction_id: id, actual: 1.2 * x }],
          }),
      );
      const rollout = await untilState(server, 'worse', ended);
      await calling.stop();
      expect(rollout.state, rollout.waiting_for).toBe('rolled_back');
      expect(rollout.decisions.at(-1)?.reason).toMatch(/shadow shows harm by mae/);
      expect(await standing('worse')).toMatchObject({ weights: { 1: 1 } });
    });
  });
