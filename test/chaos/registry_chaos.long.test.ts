import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { openDatabase } from '../../src/storage/database.ts';
import { startServer, type TestServer } from '../e2e/client.ts';
import { type Scratch, scratchDirectory, testModel } from '../e2e/environment.ts';
import { stores, type TestStore } from '../e2e/stores.ts';
import { seededRandom } from './random.ts';
import { models, type RegistryEvents, runRegistryCaller } from './registry_load.ts';
import { expectWhole } from './registry_state.ts';

const loadMs = Number(process.env.CHAOS_SECONDS ?? 6) * 1000;
const seed = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31));
const callersOfEachServer = 3;
const patienceMs = 60_000;
const tools = ['register_model', 'promote_model', 'rollback_model', 'update_model', 'delete_model'];

describe.each(stores)('the registry $name', ({ skipped, open }) => {
  let scratch: Scratch;
  let store: TestStore;
  let servers: TestServer[];
  beforeAll(async () => {
    if (skipped) return;
    scratch = scratchDirectory();
    store = await open();
    const start = () =>
      startServer({
        directory: scratch.path,
        settings: { ...store.settings, MODELYARD_ROLE: 'admin' },
      });
    servers = await Promise.all([start(), start(), start(), start()]);
    for (const model_id of models)
      await servers[0]?.call('register_model', {
        model_id,
        version: 'v0',
        source: testModel('linear_float32'),
      });
  });
  afterAll(async () => {
    if (skipped) return;
    await Promise.all(servers.map((server) => server.close()));
    await store.drop();
    scratch.remove();
  });

  it.skipIf(skipped)(
    'is whole at every moment while four processes promote, roll back, retag and delete',
    async () => {
      onTestFailed(() => {
        process.stderr.write(`Again with the same calls: CHAOS_SEED=${seed}\n`);
      });
      const events: RegistryEvents = { done: new Map(), refused: new Map() };
      const { database, close } = await openDatabase({
        directory: `${scratch.path}/registry`,
        databaseUrl: store.databaseUrl,
      });
      const startedAt = performance.now();
      const isAllDone = () => tools.every((tool) => events.done.has(tool));
      // Where the machine is busy it goes on until everything has been done once.
      const goesOn = () => {
        const passed = performance.now() - startedAt;
        return passed < loadMs || (passed < loadMs + patienceMs && !isAllDone());
      };
      let looks = 0;
      const watch = async () => {
        while (goesOn()) {
          await expectWhole(database, { traffic: false });
          looks++;
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      try {
        await Promise.all([
          watch(),
          ...servers.flatMap((server, index) =>
            Array.from({ length: callersOfEachServer }, (_, caller) =>
              runRegistryCaller(server, seededRandom(seed + 1000 * index + caller), events, goesOn),
            ),
          ),
        ]);
        await expectWhole(database, { traffic: false });
      } finally {
        await close();
      }
      expect(looks).toBeGreaterThan(0);
      for (const tool of tools) expect(events.done.get(tool) ?? 0, tool).toBeGreaterThan(0);
      for (const server of servers)
        expect(server.standardError()).not.toMatch(/^\s+at |\b[A-Z]\w*Error\b|modelyard error/m);
      if (process.env.CHAOS_SECONDS !== undefined)
        process.stderr.write(
          `${JSON.stringify({ seed, looks, ...Object.fromEntries(events.done), ...Object.fromEntries(events.refused) })}\n`,
        );
    },
    loadMs + 120_000,
  );
});
