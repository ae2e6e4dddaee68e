import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { appendAudit } from '../../src/access/audit.ts';
import { asAction } from '../../src/access/origin.ts';
import { openConnection } from '../../src/mlflow/connection.ts';
import { readOutbox } from '../../src/mlflow/outbox.ts';
import { type Sender, startSender } from '../../src/mlflow/sender.ts';
import { tracking } from '../../src/mlflow/tracking.ts';
import { writeRoute } from '../../src/serving/stored_route.ts';
import { artifactStore } from '../../src/storage/artifact_store.ts';
import type { Database } from '../../src/storage/database.ts';
import { openDatabase } from '../../src/storage/database.ts';
import { callBy } from '../access/origins.ts';
import { until } from '../e2e/until.ts';
import { deployRow, seeder } from '../registry/seed.ts';
import { temporaryDirectory } from '../temporary.ts';
import { type FaultProxy, startFaultProxy } from './fault_proxy.ts';
import { type MlflowServer, python, sharedMlflow, startMs } from './mlflow_server.ts';
import { registryView } from './registry_view.ts';
import { silent } from './silent.ts';

const experimentName = 'deployments of a bad day';
const timeoutMs = 5000;

describe.skipIf(python === undefined)('deployments in a real MLflow', () => {
  const directory = temporaryDirectory();
  let mlflow: MlflowServer;
  let proxy: FaultProxy;
  let database: Database;
  let close: () => Promise<void>;
  let sender: Sender;
  // Time passes when the test says so.
  let now = Date.UTC(2026, 0, 31, 12);

  beforeAll(async () => {
    mlflow = await sharedMlflow();
    proxy = await startFaultProxy(mlflow.address);
    ({ database, close } = await openDatabase({ directory }));
    const seed = seeder(database, directory);
    for (const version of ['a', 'b']) {
      await seed({ modelId: 'm', version });
      await database.insertInto('deployments').values(deployRow('m', version)).execute();
    }
    const connection = openConnection({ trackingUri: proxy.address, insecureTls: false, timeoutMs });
    const clock = () => now;
    sender = startSender({
      ...{ database, connection, clock, logger: silent, experimentName, timeoutMs },
      artifacts: artifactStore(directory, 1e6),
      random: () => 1,
      registry: false,
      useStages: false,
      tracking: tracking({ database, connection, experimentName, logger: silent, clock }),
    });
    await sender.round();
  }, startMs);
  afterAll(async () => {
    await sender?.close();
    await close?.();
    await proxy?.close();
  });

  const tell = (version: string, after: object, outcome = 'done') =>
    database.transaction().execute((transaction) => {
      const origin = asAction(callBy('operator'), 'deploy_model');
      return appendAudit(
        transaction,
        origin,
        { modelId: 'm', version, before: undefined, after, outcome, detail: 'why' },
        now,
      );
    });
  const route = (version: string) => ({
    activeVersion: version,
    weights: [[version, 1]] as [string, number][],
    sticky: true,
    shadowVersion: undefined,
  });
  const runs = async () =>
    registryView.parse(await mlflow.script('read_registry.py', { experiment: experimentName })).runs;
  /** Once, of the calls to that path. */
  const once = (path: string) => {
    let met = false;
    return (called: string) => {
      const here = !met && called.endsWith(path);
      met ||= here;
      return here;
    };
  };

  test('a run that was made twice, since the first call came late, is there once in the end', async () => {
    await tell('a', { deployed: true, route: route('a') });
    await tell('b', {}, 'ARTIFACT_INVALID');
    proxy.use('late', once('/runs/create'));
    const giveUp = sender.round();
    await until('the call is held', () => proxy.met.get('late') === 1, startMs);
    await giveUp;
    expect(await readOutbox(database)).toMatchObject({ attempts: 1 });
    // The pause is over, and the first call may still be carried out.
    now += 1000;
    await sender.round();
    expect(await runs()).toHaveLength(2);
    // Now the first call arrives.
    proxy.use('pass');
    await until('it has arrived', () => proxy.underWay() === 0, startMs);
    expect(await runs()).toHaveLength(3);
    now += 60_000;
    await sender.round();
    const found = await runs();
    expect(found).toHaveLength(2);
    expect(found.find(({ params }) => params.version === 'a')).toMatchObject({
      status: 'RUNNING',
      tags: { 'modelyard.outcome': 'ready', 'modelyard.traffic': '{"a":1}' },
    });
    expect(found.find(({ params }) => params.version === 'b')).toMatchObject({ status: 'FAILED' });
  });

  test('traffic that came late does not stay', async () => {
    await tell('b', { deployed: true, route: route('a') });
    await sender.round();
    const traffic = async () => (await runs()).flatMap(({ tags }) => tags['modelyard.traffic'] ?? []);
    expect(await traffic()).toEqual(['{"a":1}', '{"a":1}']);
    await tell('a', {
      weights: [
        ['a', 0.5],
        ['b', 0.5],
      ],
      sticky: true,
    });
    proxy.use('late', once('/runs/log-batch'));
    await sender.round();
    now += 1000;
    await tell('b', { weights: [['b', 1]], sticky: true });
    await database
      .transaction()
      .execute((transaction) => writeRoute(transaction, 'm', route('b'), now, 'operator'));
    await sender.round();
    expect(await traffic()).toEqual(['{"b":1}', '{"b":1}']);
    proxy.use('pass');
    await until('it has arrived', () => proxy.underWay() === 0, startMs);
    expect((await traffic()).toSorted()).toEqual(['{"a":0.5,"b":0.5}', '{"b":1}']);
    now += 60_000;
    await sender.round();
    expect(await traffic()).toEqual(['{"b":1}', '{"b":1}']);
  });

  test('wait, and are seen to, while somebody has the experiment deleted', async () => {
    const [{ experiment_id } = { experiment_id: '' }] = await runs();
    await mlflow.script('call_client.py', [['delete_experiment', { experiment_id }]]);
    await tell('a', { deployed: false, route: route('b') });
    for (let round = 0; round < 3; round++) {
      await sender.round();
      now += 60_000;
    }
    expect(await readOutbox(database)).toMatchObject({
      // The registry does not wait for it.
      attempts: 0,
      isTrackingRefused: true,
      failed: [{ what: expect.stringContaining('deployments'), why: expect.stringContaining('was deleted') }],
    });
    await mlflow.script('call_client.py', [['restore_experiment', { experiment_id }]]);
    await sender.round();
    expect(await readOutbox(database)).toMatchObject({ isTrackingRefused: false, failed: [] });
    // MLflow restored the run, too, that was deleted as a double: that one was never told anything.
    const told = (await runs()).filter(({ tags }) => 'modelyard.outcome' in tags);
    expect(told.map(({ params, status }) => [params.version, status]).toSorted()).toEqual([
      ['a', 'FINISHED'],
      ['b', 'FAILED'],
      ['b', 'RUNNING'],
    ]);
  });
});
