import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { rolloutOf } from '../../src/rollouts/rollout_store.ts';
import { readRoute } from '../../src/serving/stored_route.ts';
import { type Database, openDatabase } from '../../src/storage/database.ts';
import { startServer, type TestServer } from '../e2e/client.ts';
import { type Scratch, scratchDirectory, testModel } from '../e2e/environment.ts';
import { clients } from '../e2e/rollout_load.ts';
import { stores, type TestStore } from '../e2e/stores.ts';
import { until } from '../e2e/until.ts';
import { seededRandom } from './random.ts';
import { expectWhole } from './registry_state.ts';

/** How many servers are killed on each store; CI does more. */
const kills = Number(process.env.ROLLOUT_KILL_ROUNDS ?? 5);
const seed = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** A rollout of a few looks, so that kills fall into its decisions. */
const plan = {
  backtest: false,
  shadow: false,
  shares: [0.5, 1],
  least_s: 0,
  longest_s: 600,
  least_calls: 5,
  error_margin: 0.5,
  p95_margin: 50,
  metric_margin: 0.9,
};

describe.each(stores)('kill -9 in the middle of rollouts $name', ({ skipped, open }) => {
  let scratch: Scratch;
  let store: TestStore;
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

  it.skipIf(skipped)(
    `leaves each decision made or not: ${kills} servers, history whole, weights and stage agree`,
    { timeout: kills * 60_000 + 120_000 },
    async () => {
      onTestFailed(() => {
        process.stderr.write(`CHAOS_SEED=${seed}\n`);
      });
      const random = seededRandom(seed);
      let server = await start();
      await server.call('deploy_model', { model_id: 'm', version: '1', source: testModel('slow_run') });
      await server.call('promote_model', { model_id: 'm', version: '1', target_stage: 'production' });
      let newest = 1;
      for (let kill = 0; kill < kills; kill++) {
        newest = await nextRollout(server, newest);
        const calling = clients(server, 'm', 2, () => 0.5);
        await new Promise((resolve) => setTimeout(resolve, random.integer(0, 4000)));
        await server.kill();
        await calling.stop().catch(() => undefined);
        await expectAgreement();
        server = await start();
      }
      const calling = clients(server, 'm', 2, () => 0.5);
      await nextRollout(server, newest);
      await until(
        'the last rollout to succeed',
        async () => (await server.call('get_rollout', { model_id: 'm' })).state === 'succeeded',
        120_000,
      );
      await calling.stop();
      await server.close();
      const decided = await expectAgreement();
      expect(decided).toBeGreaterThan(3);
    },
  );

  const start = (): Promise<TestServer> =>
    startServer({ directory: scratch.path, settings: { ...store.settings, MODELYARD_ENGINE_THREADS: '1' } });

  /** Starts a rollout of a new version unless one is under way. @returns the newest version */
  async function nextRollout(server: TestServer, newest: number): Promise<number> {
    const last = newest === 1 ? undefined : await server.call('get_rollout', { model_id: 'm' });
    if (last?.state === 'running') return newest;
    const version = String(newest + 1);
    const source = testModel('slow_run');
    const registered = await server.attempt('register_model', { model_id: 'm', version, source });
    expect([undefined, false, true]).toContain(registered.isError);
    await server.call('start_rollout', { model_id: 'm', version, plan });
    return newest + 1;
  }

  /** @returns how many decisions there are */
  async function expectAgreement(): Promise<number> {
    const directory = `${scratch.path}/registry`;
    const opened = await openDatabase({ directory, databaseUrl: store.databaseUrl });
    try {
      return await agreement(opened.database);
    } finally {
      await opened.close();
    }
  }
});

async function agreement(database: Database): Promise<number> {
  const rollouts = (await database.selectFrom('rollouts').selectAll().orderBy('started_at').execute()).map(
    rolloutOf,
  );
  const decisions = await database.selectFrom('rollout_decisions').selectAll().orderBy('sequence').execute();
  for (const { rolloutId, sequence } of rollouts) {
    const own = decisions.filter(({ rollout_id }) => rollout_id === rolloutId);
    expect(own.map((decision) => decision.sequence)).toEqual(
      Array.from({ length: sequence }, (_, at) => at + 1),
    );
  }
  const told = await database.selectFrom('alert_events').select('message').execute();
  expect(told.filter(({ message }) => message.includes('"cause":"rollout"'))).toHaveLength(decisions.length);
  const last = rollouts.at(-1);
  if (last === undefined) return 0;
  const { state, step, version, incumbent = '', plan: of, progress } = last;
  expect(['running', 'succeeded']).toContain(state);
  const route = await readRoute(database, 'm');
  const { changed_at } = await database.selectFrom('routes').select('changed_at').executeTakeFirstOrThrow();
  expect(changed_at).toBe(progress.routeSetAt);
  const share = of.steps[step]?.share ?? 1;
  const weights = Object.fromEntries(route?.weights ?? []);
  expect(weights[version] ?? 0).toBe(share);
  expect(weights[incumbent] ?? 0).toBe(1 - share);
  await expectWhole(database, { traffic: false });
  const production = await database
    .selectFrom('versions')
    .select('version')
    .where('stage', '=', 'production')
    .execute();
  expect(production.map((row) => row.version)).toEqual([state === 'succeeded' ? version : incumbent]);
  return decisions.length;
}
