import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { z } from 'zod';
import { openDatabase } from '../../src/storage/database.ts';
import { startServer, type TestServer } from '../e2e/client.ts';
import { runCommand } from '../e2e/command.ts';
import { type Scratch, scratchDirectory, testModel } from '../e2e/environment.ts';
import { handshake, startRaw, toolCall } from '../e2e/raw_server.ts';
import { mayMount, mountSmallDisk, type SmallDisk } from '../e2e/small_disk.ts';
import { until } from '../e2e/until.ts';
import { litterOf } from './litter.ts';
import { mayOwnPostgresql, type OwnPostgresql, ownPostgresql } from './own_postgresql.ts';
import { type Random, seededRandom } from './random.ts';

/** How many servers are killed on each store; CI does more. */
const kills = Number(process.env.KILL_ROUNDS ?? 6);
const seed = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31));
const settings = { MODELYARD_ENGINE_THREADS: '1', MODELYARD_MAX_ARTIFACT_MB: '10' };
const models = ['linear_float32', 'linear_float32_b', 'forest_classifier', 'identity_float32'] as const;
const calls = 14;

const predicted = z.object({ predictions: z.array(z.object({ prediction_id: z.string() })) });
const registered = z.object({ model_id: z.literal('many'), version: z.string() });

/** The store under attack, and what goes wrong with it once in the middle. */
interface Attacked {
  settings: Record<string, string>;
  databaseUrl: string | undefined;
  /** Breaks it while `during` runs, and mends it. */
  fault(during: () => Promise<void>): Promise<void>;
  remove(): void;
}

const stores: { name: string; skipped: boolean; open(registry: string): Promise<Attacked> }[] = [
  {
    name: mayMount ? 'on SQLite, its disk full once' : 'on SQLite (no full disk: no tmpfs may be mounted)',
    skipped: false,
    async open(registry) {
      const disk: SmallDisk | undefined = mayMount ? mountSmallDisk(registry, 40) : undefined;
      return {
        settings: {},
        databaseUrl: undefined,
        async fault(during) {
          disk?.fill();
          await during();
          disk?.clear();
        },
        remove: () => disk?.remove(),
      };
    },
  },
  {
    name: 'on PostgreSQL, restarted once',
    skipped: !mayOwnPostgresql,
    async open() {
      const server: OwnPostgresql = await ownPostgresql();
      return {
        settings: { DATABASE_URL: server.url },
        databaseUrl: server.url,
        async fault(during) {
          server.stop();
          await during();
          server.start();
        },
        remove: server.remove,
      };
    },
  },
];

describe.each(stores)('kill -9 in the middle of everything that leaves files $name', ({ skipped, open }) => {
  let scratch: Scratch;
  let registry: string;
  let store: Attacked;
  let environment: { directory: string; settings: Record<string, string> };
  const outputs = () => join(scratch.path, 'outputs');
  beforeAll(async () => {
    if (skipped) return;
    scratch = scratchDirectory();
    registry = join(scratch.path, 'registry');
    store = await open(registry);
    environment = { directory: scratch.path, settings: { ...settings, ...store.settings } };
    mkdirSync(outputs());
    writeFileSync(
      join(scratch.path, 'rows.csv'),
      `f0,f1,f2\n${Array.from({ length: 20_000 }, (_, row) => `${row},1,2\n`).join('')}`,
    );
    const server = await startServer(environment);
    await server.call('deploy_model', { model_id: 'm', version: '1', source: testModel('linear_float32') });
    await server.close();
  });
  afterAll(() => {
    if (skipped) return;
    store.remove();
    scratch.remove();
  });

  let made = 0;
  const drawCall = (random: Random, id: number): object => {
    const drawn = random.next();
    if (drawn < 0.5)
      return toolCall(id, 'predict', {
        model_id: 'm',
        inputs: [{ f0: random.integer(0, 99), f1: 1, f2: 2 }],
      });
    made++;
    if (drawn < 0.8)
      return toolCall(id, 'register_model', {
        model_id: 'many',
        version: `v${made}`,
        source: testModel(random.pick([...models])),
      });
    return toolCall(id, 'predict_file', {
      model_id: 'm',
      input_path: join(scratch.path, 'rows.csv'),
      output_path: join(outputs(), `${made}.csv`),
      log: false,
    });
  };

  it.skipIf(skipped)(
    'loses nothing that was answered, and leaves no litter after the next start',
    async () => {
      onTestFailed(() => {
        process.stderr.write(`Again with the same calls: CHAOS_SEED=${seed}\n`);
      });
      const random = seededRandom(seed);
      const ids: string[] = [];
      const versions: string[] = [];
      const note = (content: unknown) => {
        ids.push(...(predicted.safeParse(content).data?.predictions ?? []).map((one) => one.prediction_id));
        const version = registered.safeParse(content).data?.version;
        if (version !== undefined) versions.push(version);
      };
      for (let round = 0; round < kills; round++) {
        if (round === Math.floor(kills / 2)) await throughFault(note);
        const server = startRaw(environment);
        server.send(...handshake);
        await server.answer(0);
        server.send(...Array.from({ length: calls }, (_, index) => drawCall(random, index + 1)));
        await Promise.race(Array.from({ length: 3 }, () => server.answer(random.integer(1, calls))));
        for (let turns = random.integer(0, 200); turns > 0; turns--)
          await new Promise((resolve) => setImmediate(resolve));
        process.kill(server.pid, 'SIGKILL');
        const { replies } = await server.ended;
        for (const { result } of replies) if (!result?.isError) note(result?.structuredContent);
      }
      expect(ids.length).toBeGreaterThan(0);

      const server = await startServer(environment);
      const logged = await logOf(server);
      expect(ids.filter((id) => !logged.has(id))).toEqual([]);
      const { database, close } = await openDatabase({ directory: registry, databaseUrl: store.databaseUrl });
      try {
        const kept = await database.selectFrom('versions').select('version').execute();
        const names = new Set(kept.map(({ version }) => version));
        expect(versions.filter((version) => !names.has(version))).toEqual([]);
        const litter = await litterOf(registry, outputs(), database);
        expect([litter.leftovers, litter.outputs]).toEqual([[], []]);
        expect(litter.artifacts.length).toBeLessThanOrEqual(models.length);
        if (process.env.KILL_ROUNDS !== undefined)
          process.stderr.write(
            `${JSON.stringify({ seed, kills, predictions: ids.length, versions: versions.length, unreferred: litter.artifacts.length })}\n`,
          );
      } finally {
        await close();
      }
      await server.close();
      const verified = runCommand(scratch.path, ['verify'], store.settings);
      expect([verified.code, verified.output]).toEqual([0, expect.stringContaining('0 problems')]);
    },
    kills * 20_000 + 60_000,
  );

  /** A server lives through the fault, answers what it can, and goes on by itself afterwards. */
  async function throughFault(note: (content: unknown) => void): Promise<void> {
    const server = await startServer(environment);
    const predict = () =>
      server.attempt('predict', { model_id: 'm', inputs: [{ f0: 1, f1: 2, f2: 3 }] }).then((result) => {
        if (!result.isError) note(result.structuredContent);
        return result.isError !== true;
      });
    expect(await predict()).toBe(true);
    await store.fault(async () => {
      let answered = 0;
      for (let round = 0; round < 30; round++) if (await predict()) answered++;
      expect(answered).toBeGreaterThan(0);
      const error = await server.fail('register_model', {
        model_id: 'refused',
        version: '1',
        source: testModel('forest_classifier'),
      });
      expect([error.code, error.retryable]).toEqual(['STORAGE_UNAVAILABLE', true]);
      const health = await server.call('health_check', {});
      expect(health.status).toBe('unhealthy');
    });
    await until(
      'the server to go on by itself',
      async () => {
        const result = await server.attempt('update_model', { model_id: 'm', description: 'goes on' });
        return result.isError !== true;
      },
      60_000,
    );
    expect(await predict()).toBe(true);
    await server.kill();
  }
});

async function logOf(server: TestServer): Promise<Set<string>> {
  const ids = new Set<string>();
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof server.call<'list_predictions'>>> = await server.call(
      'list_predictions',
      { model_id: 'm', limit: 200, ...(cursor && { cursor }) },
    );
    for (const { prediction_id } of page.predictions) ids.add(prediction_id);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return ids;
}
