import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Fault, type FaultProxy, startFaultProxy } from '../mlflow/fault_proxy.ts';
import { python, startMlflow, startMs } from '../mlflow/mlflow_server.ts';
import { type RegistryView, registryView } from '../mlflow/registry_view.ts';
import { startServer, type TestServer } from './client.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { stores, type TestStore } from './stores.ts';
import { until } from './until.ts';

const changes = 500;
/** One change in so many is a new version. */
const registerEvery = 12;

/** What MLflow's day is like, in stretches of the same number of changes; `stopped` is a kill -9 of MLflow itself. */
const day: readonly (Fault | 'stopped')[] = [
  ...(['pass', 'refuse', 'lost', 'error', 'late', 'pass', 'garbage', 'slow', 'lie', 'stopped'] as const),
  ...(['lost', 'late', 'error', 'pass', 'lie', 'slow', 'refuse', 'late', 'lost', 'garbage'] as const),
];

const next = {
  development: ['staging', 'production', 'archived'],
  staging: ['production', 'archived'],
  production: ['archived'],
  archived: ['development'],
} as const;
type Stage = keyof typeof next;
const stageInMlflow: Record<Stage, string> = {
  development: 'None',
  staging: 'Staging',
  production: 'Production',
  archived: 'Archived',
};

/** The same numbers in every run (Park and Miller's minimal generator). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

describe.skipIf(python === undefined)('500 changes while MLflow has a bad day', () => {
  let home: Scratch;
  let mlflow: Awaited<ReturnType<typeof startMlflow>>;
  beforeAll(async () => {
    home = scratchDirectory();
    mlflow = await startMlflow(home.path);
  }, startMs);
  afterAll(async () => {
    await mlflow?.stop();
    home?.remove();
  });

  describe.each(stores)('$name', ({ kind, skipped, open }) => {
    if (skipped) {
      test.skip('needs the database');
      return;
    }
    /** Each database's own, in one MLflow. */
    const models = ['alpha', 'beta', 'gamma', 'delta'].map((name) => `${name}-${kind}`);
    let scratch: Scratch;
    let store: TestStore;
    let proxy: FaultProxy;
    let servers: [TestServer, TestServer];
    beforeAll(async () => {
      scratch = scratchDirectory();
      store = await open();
      proxy = await startFaultProxy(mlflow.address);
      const options = {
        directory: scratch.path,
        settings: {
          ...store.settings,
          MLFLOW_TRACKING_URI: proxy.address,
          ENABLE_MLFLOW_REGISTRY: 'true',
          MLFLOW_USE_STAGES: 'true',
          // What is slow is given up soon; a call that arrives more than twice as late would pass for somebody else's.
          MLFLOW_HTTP_REQUEST_TIMEOUT: '2',
        },
      };
      servers = [await startServer(options), await startServer(options)];
    }, startMs);
    afterAll(async () => {
      for (const server of servers ?? []) await server.close();
      await proxy?.close();
      await store?.drop();
      scratch?.remove();
    });

    test(
      'no call fails, and in the end MLflow and the registry agree entry by entry',
      async () => {
        const choose = numbers(20_260_131);
        const registry = new Map(models.map((model) => [model, new Map<string, Stage>()]));
        const artifacts = ['linear_float32', 'linear_float32_b', 'classifier_int'];
        /** The version that came to staging last. */
        const staging = new Map<string, string[]>();
        let restarting = Promise.resolve();
        const asked: Promise<unknown>[] = [];
        const stretch = changes / day.length;
        for (let change = 0; change < changes; change++) {
          const weather = day[Math.floor(change / stretch)] ?? 'pass';
          if (change % stretch === 0) {
            if (weather === 'stopped') {
              proxy.use('pass');
              await mlflow.stop();
            } else {
              // It comes back while the changes go on.
              if (day[change / stretch - 1] === 'stopped') restarting = mlflow.start();
              proxy.use(weather);
            }
          }
          // The outbox is impatient: somebody asks for it in the middle of every stretch.
          if (change % stretch === stretch / 5) asked.push(servers[1].call('sync_mlflow'));
          if (change % stretch === stretch - 1 && weather !== 'stopped')
            await until(`MLflow's day is ${weather}`, () => (proxy.met.get(weather) ?? 0) > 0, 60_000);
          // Two servers on the store make the changes in turn.
          const server = servers[change % 2 === 0 ? 0 : 1];
          const model = models[choose(models.length)] ?? '';
          const versions = registry.get(model) ?? new Map<string, Stage>();
          if (versions.size === 0 || change % registerEvery === 0) {
            const version = `v${versions.size + 1}`;
            await server.call('register_model', {
              model_id: model,
              version,
              source: testModel(artifacts[choose(artifacts.length)] ?? ''),
              tags: { change: String(change) },
            });
            versions.set(version, 'development');
            continue;
          }
          const [version, stage] = [...versions][choose(versions.size)] ?? ['', 'development'];
          const target = next[stage][choose(next[stage].length)] ?? 'archived';
          const { archived } = await server.call('promote_model', {
            model_id: model,
            version,
            target_stage: target,
          });
          versions.set(version, target);
          for (const incumbent of archived) versions.set(incumbent, 'archived');
          if (target === 'staging') staging.set(model, [...(staging.get(model) ?? []), version]);
        }
        proxy.use('pass');
        await restarting;
        await Promise.all(asked);

        // Calls that were held arrive now.
        await until('the calls that were late have arrived', () => proxy.underWay() === 0, 60_000);
        const [server] = servers;
        const outcome = await until(
          'the outbox is empty',
          async () => {
            const state = await server.call('sync_mlflow', {});
            return state.connected && state.queued === 0 ? state : undefined;
          },
          180_000,
        );
        expect(outcome).toMatchObject({ queued: 0, sent: expect.any(Number), failed: [], connected: true });
        await until(
          'nothing is in doubt any more',
          async () => {
            const { checks } = await server.call('health_check');
            return checks.some(({ name, status, detail }) =>
              [name, status, detail].join().match(/^mlflow,healthy,http\S+ answers; every change is there$/),
            );
          },
          60_000,
        );

        const seen = registryView.parse(await mlflow.script('read_registry.py', { models }));
        expect(summary(seen)).toEqual(
          Object.fromEntries(
            [...registry].map(([model, versions]) => [
              model,
              {
                versions: Object.fromEntries(
                  [...versions].map(([version, stage]) => [version, [stage, stageInMlflow[stage]]]),
                ),
                aliases: {
                  ...withName('production', [...versions].find(([, stage]) => stage === 'production')?.[0]),
                  ...withName(
                    'staging',
                    staging.get(model)?.findLast((version) => versions.get(version) === 'staging'),
                  ),
                },
              },
            ]),
          ),
        );
        // Nothing shows twice: each version has the one run that it points to.
        const versions = Object.values(seen.models).flatMap((model) => Object.values(model.versions));
        expect(seen.runs.map(({ run_id }) => run_id).toSorted()).toEqual(
          versions.map(({ run_id }) => run_id).toSorted(),
        );
        for (const { status } of seen.runs) expect(status).toBe('FINISHED');
        expect(outcome.failed).toEqual([]);
      },
      2 * startMs,
    );
  });
});

/** What MLflow says, by our names. */
function summary({ models: seen }: RegistryView) {
  return Object.fromEntries(
    Object.entries(seen).map(([model, { versions, aliases }]) => {
      const names = new Map(
        Object.entries(versions).map(([number, { tags }]) => [
          Number(number),
          tags['modelyard.version'] ?? '?',
        ]),
      );
      expect(new Set(names.values()).size, 'a version is there once').toBe(names.size);
      return [
        model,
        {
          versions: Object.fromEntries(
            Object.values(versions).map(({ tags, stage }) => [
              tags['modelyard.version'],
              [tags['modelyard.stage'], stage],
            ]),
          ),
          aliases: Object.fromEntries(
            Object.entries(aliases).map(([alias, number]) => [alias, names.get(number)]),
          ),
        },
      ];
    }),
  );
}

function withName(alias: string, version: string | undefined): Record<string, string> {
  return version === undefined ? {} : { [alias]: version };
}
