import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/storage/database.ts';
import { loggedRows } from '../prediction_log/rows.ts';
import { startServer, type TestServer, type ToolOutput } from './client.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { stores, type TestStore } from './stores.ts';
import { until } from './until.ts';

const row = { f0: 1, f1: 2, f2: 3 };
/** What the two linear models answer to `row`. */
const answerOf = { '1': 4.75, '2': -1.5 };

function countOf(health: ToolOutput<'health_check'>, version = '1'): number | undefined {
  return health.models.find((model) => model.version === version)?.request_count;
}

describe.each(stores)('several server processes on one store $name', ({ skipped, open }) => {
  let scratch: Scratch;
  let store: TestStore;
  const start = () => startServer({ directory: scratch.path, settings: store.settings });
  beforeAll(async () => {
    if (skipped) return;
    scratch = scratchDirectory();
    store = await open();
  });
  afterAll(async () => {
    if (skipped) return;
    await store.drop();
    scratch.remove();
  });

  it.skipIf(skipped)('four that start at the same moment on nothing all work', async () => {
    const servers = await Promise.all(
      [1, 2, 3, 4].map(async (number) => {
        const server = await start();
        const deployed = await server.call('deploy_model', {
          model_id: 'together',
          version: `own-${number}`,
          source: testModel('linear_float32'),
        });
        expect(deployed.status).toBe('ready');
        // All four register the same version of another model: it is there once.
        await server.call('register_model', {
          model_id: 'same',
          version: '1',
          source: testModel('linear_float32_b'),
        });
        return server;
      }),
    );
    for (const server of servers) {
      expect((await server.call('health_check')).status).toBe('healthy');
      const { versions } = await server.call('get_model', { model_id: 'together' });
      expect(versions.map(({ version }) => version).toSorted()).toEqual(['own-1', 'own-2', 'own-3', 'own-4']);
      expect((await server.call('get_model', { model_id: 'same' })).versions_total).toBe(1);
      const answer = await server.call('predict', { model_id: 'together', inputs: [row] });
      expect(answer.predictions[0]?.value).toBe(answerOf['1']);
      expect(server.standardError()).toBe('');
    }
    await Promise.all(servers.map((server) => server.close()));
  });

  describe('two clients, each with its own server', () => {
    let one: TestServer;
    let two: TestServer;
    beforeAll(async () => {
      if (!skipped) [one, two] = await Promise.all([start(), start()]);
    });
    afterAll(async () => {
      if (!skipped) await Promise.all([one.close(), two.close()]);
    });

    it.skipIf(skipped)('what one deploys the other predicts with', async () => {
      expect((await two.fail('predict', { model_id: 'shared', inputs: [row] })).code).toBe('MODEL_NOT_FOUND');
      await one.call('deploy_model', {
        model_id: 'shared',
        version: '1',
        source: testModel('linear_float32'),
      });
      const answer = await until('the deployment to be seen', async () => {
        const result = await two.attempt('predict', { model_id: 'shared', inputs: [row] });
        return result.isError ? undefined : result.structuredContent;
      });
      expect(answer).toMatchObject({ version: '1', predictions: [{ value: answerOf['1'] }] });
    });

    it.skipIf(skipped)('200 predictions from each are 400 in the log of both', async () => {
      const before = countOf(await one.call('health_check', { model_id: 'shared' })) ?? 0;
      expect(before).toBe(1);
      const answers = await Promise.all(
        [one, two].flatMap((server) =>
          Array.from({ length: 200 }, () => server.call('predict', { model_id: 'shared', inputs: [row] })),
        ),
      );
      const ids = answers.map(({ predictions }) => predictions[0]?.prediction_id);
      expect(new Set(ids).size).toBe(400);
      for (const server of [one, two]) {
        const health = await server.call('health_check', { model_id: 'shared' });
        expect(countOf(health)).toBe(before + 400);
        expect(health.models[0]?.error_count).toBe(0);
        expect(server.standardError()).toBe('');
      }
    });

    it.skipIf(skipped)('a route that one changes the other follows by itself', async () => {
      await one.call('deploy_model', {
        model_id: 'shared',
        version: '2',
        source: testModel('linear_float32_b'),
      });
      const answer = await until('the new route', async () => {
        const found = await two.call('predict', { model_id: 'shared', inputs: [row] });
        return found.version === '2' && found;
      });
      expect(answer).toMatchObject({ route: 'active', predictions: [{ value: answerOf['2'] }] });
      const staged = await two.call('promote_model', {
        model_id: 'shared',
        version: '2',
        target_stage: 'production',
      });
      expect(staged.applied).toBe(true);
      expect(
        (await one.call('get_model', { model_id: 'shared', stage: 'production' })).versions,
      ).toMatchObject([{ version: '2' }]);
    });

    it.skipIf(skipped)('of two that promote at the same moment none undoes the other', async () => {
      const promotions = await Promise.all(
        [one, two].flatMap((server, index) =>
          ['own-1', 'own-2'].map((name) =>
            server.attempt('promote_model', {
              model_id: 'together',
              version: `own-${Number(name.slice(4)) + 2 * index}`,
              target_stage: 'production',
            }),
          ),
        ),
      );
      expect(promotions.map(({ isError }) => isError)).toEqual(promotions.map(() => undefined));
      const model = await one.call('get_model', { model_id: 'together' });
      const stages = model.versions.map(({ stage }) => stage).toSorted();
      expect(stages).toEqual(['archived', 'archived', 'archived', 'production']);
      // Four promotions, three of which archived the one before.
      expect(model.stage_history).toHaveLength(7);
    });
  });

  it.skipIf(skipped)('kill -9 in the middle of 1000 predictions loses none that was answered', async () => {
    const server = await start();
    await server.call('deploy_model', {
      model_id: 'killed',
      version: '1',
      source: testModel('linear_float32'),
      // A thousand calls at once may each wait long on a busy machine: that must not open the breaker here.
      latency_threshold_ms: 60_000,
    });
    const answered: string[] = [];
    let killed: Promise<void> | undefined;
    const calls = Array.from({ length: 1000 }, async () => {
      const { predictions } = await server.call('predict', { model_id: 'killed', inputs: [row] });
      for (const { prediction_id } of predictions) answered.push(prediction_id);
      if (answered.length >= 300) killed ??= server.kill();
    });
    const outcomes = await Promise.allSettled(calls);
    await killed;
    // It was in the middle of them.
    expect(answered.length).toBeGreaterThanOrEqual(300);
    expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true);

    const restarted = await start();
    const health = await restarted.call('health_check', { model_id: 'killed' });
    const { database, close } = await openDatabase({
      directory: join(scratch.path, 'registry'),
      databaseUrl: store.databaseUrl,
    });
    const logged = await loggedRows(database, 'killed');
    await close();
    const ids = new Set(logged.map(({ prediction_id }) => prediction_id));
    expect(answered.filter((id) => !ids.has(id))).toEqual([]);
    expect(ids.size).toBe(logged.length);
    expect(new Set(logged.map(({ value }) => value))).toEqual(new Set([4.75]));
    // Counted as often as logged: once.
    expect(countOf(health)).toBe(logged.length);

    // Nothing waits any more, and nothing is taken twice.
    expect(readdirSync(join(scratch.path, 'registry', 'journals'))).toEqual([]);
    expect(countOf(await restarted.call('health_check', { model_id: 'killed' }))).toBe(logged.length);
    await restarted.call('predict', { model_id: 'killed', inputs: [row] });
    expect(countOf(await restarted.call('health_check', { model_id: 'killed' }))).toBe(logged.length + 1);
    await restarted.close();
  });
});
