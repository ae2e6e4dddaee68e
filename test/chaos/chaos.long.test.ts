import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { openDatabase } from '../../src/storage/database.ts';
import { startServer, type TestServer } from '../e2e/client.ts';
import { type Scratch, scratchDirectory, testModel } from '../e2e/environment.ts';
import { childrenOf, untilGone } from '../e2e/processes.ts';
import { stores, type TestStore } from '../e2e/stores.ts';
import { until } from '../e2e/until.ts';
import { litterOf } from './litter.ts';
import { type Events, noEvents, runCaller } from './load.ts';
import { chaosModels } from './models.ts';
import { seededRandom } from './random.ts';

/** How long the load lasts, and what it is drawn from; both from the environment, so that CI can do more. */
const loadMs = Number(process.env.CHAOS_SECONDS ?? 8) * 1000;
const seed = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31));

const callersOfEachServer = 5;
const settings = { MODELYARD_PREDICT_TIMEOUT_MS: '1500', MODELYARD_ENGINE_THREADS: '1' };

/** Resident memory of a process, bytes. */
function residentBytes(pid: number): number {
  return 1024 * Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }).trim());
}

async function deployAll(server: TestServer): Promise<void> {
  for (const { modelId, versions } of chaosModels)
    for (const [version, name] of Object.entries(versions).toReversed())
      await server.call('deploy_model', { model_id: modelId, version, source: testModel(name) });
}

/** Every row of a model in the log, page by page. */
async function logOf(server: TestServer, modelId: string) {
  const answered: string[] = [];
  const failures = new Map<string, number>();
  let cursor: string | null = null;
  let total = 0;
  let failedRows = 0;
  /** The log keeps several rows of a call that failed on several: they have one time and latency. */
  const failedCalls = new Set<string>();
  do {
    const page: Awaited<ReturnType<typeof server.call<'list_predictions'>>> = await server.call(
      'list_predictions',
      { model_id: modelId, limit: 200, ...(cursor && { cursor }) },
    );
    for (const { prediction_id, error, at, latency_ms } of page.predictions) {
      if (error === null) answered.push(prediction_id);
      else {
        failedRows++;
        const call = `${at} ${latency_ms}`;
        if (failedCalls.has(call)) continue;
        failedCalls.add(call);
        const key = `${modelId} ${error.split(':')[0]}`;
        failures.set(key, (failures.get(key) ?? 0) + 1);
      }
    }
    cursor = page.next_cursor;
    total = page.total;
  } while (cursor !== null);
  expect(total).toBe(answered.length + failedRows);
  return { answered, failures };
}

/** The failures that are the model's, which are in the log; CIRCUIT_OPEN and LIMIT_EXCEEDED are nobody's. */
function loggedFailures(events: Events, modelId: string): Map<string, number> {
  return new Map(
    [...events.failed].filter(([key]) => key.startsWith(`${modelId} `) && /TIMEOUT|ENGINE_CRASHED/.test(key)),
  );
}

/** After the load every model answers in every process, once its breakers are closed. */
async function untilAllAnswer(servers: readonly TestServer[]): Promise<void> {
  const random = seededRandom(0);
  const probes: Record<string, object> = { crashing: { x: 7, d: 2 }, hanging: { x: 1 } };
  for (const { modelId, versions, draw } of chaosModels)
    for (const server of servers) {
      for (const version of Object.keys(versions))
        await server.call('reset_circuit_breaker', { model_id: modelId, version });
      const inputs = [probes[modelId] ?? draw(random)];
      await until(`${modelId} to answer`, async () => {
        const { isError } = await server.attempt('predict', { model_id: modelId, inputs });
        return !isError;
      });
    }
}

describe.each(stores)('chaos $name', ({ skipped, open }) => {
  let scratch: Scratch;
  let store: TestStore;
  let servers: [TestServer, TestServer, TestServer, TestServer];
  beforeAll(async () => {
    if (skipped) return;
    scratch = scratchDirectory();
    store = await open();
    const start = () =>
      startServer({ directory: scratch.path, settings: { ...settings, ...store.settings } });
    servers = await Promise.all([start(), start(), start(), start()]);
    await Promise.all(servers.map(deployAll));
  }, 180_000);
  afterAll(async () => {
    if (skipped) return;
    await Promise.all(servers.map((server) => server.close()));
    await store.drop();
    scratch.remove();
  });

  it.skipIf(skipped)(
    'of crashes, hangs, switches and killed hosts: every call its right answer or an honest error',
    async () => {
      onTestFailed(() => {
        process.stderr.write(`Again with the same calls: CHAOS_SEED=${seed}\n`);
      });
      const events = noEvents();
      const before = servers.map(({ pid }) => residentBytes(pid));
      const endAt = performance.now() + loadMs;
      await Promise.all(
        servers.flatMap((server, index) =>
          Array.from({ length: callersOfEachServer }, (_, caller) =>
            runCaller(
              servers,
              server,
              seededRandom(seed + 1000 * index + caller),
              events,
              () => performance.now() < endAt,
            ),
          ),
        ),
      );

      // There was chaos, and it was answered through.
      for (const [modelId, { ids }] of events.answered)
        expect(ids.length, `answers of ${modelId}`).toBeGreaterThan(0);
      expect(events.answered.get('switched')?.versions).toEqual(new Set(['1', '2']));
      expect(events.switches).toBeGreaterThan(0);
      expect(events.kills).toBeGreaterThan(0);
      if (process.arch === 'x64') expect(events.failed.get('crashing ENGINE_CRASHED')).toBeGreaterThan(0);
      expect(events.failed.get('hanging TIMEOUT')).toBeGreaterThan(0);

      // The log holds exactly what was answered, each once, and the failures of the models.
      for (const [modelId, { ids }] of events.answered) {
        const { answered, failures } = await logOf(servers[0], modelId);
        expect(answered.toSorted()).toEqual(ids.toSorted());
        expect(failures).toEqual(loggedFailures(events, modelId));
      }

      await untilAllAnswer(servers);
      servers.forEach((server, index) => {
        // A server before its first calls has loaded little: what it takes on top is what counts.
        expect(residentBytes(server.pid) - (before[index] ?? 0)).toBeLessThan(180e6);
        expect(server.standardError()).not.toMatch(/^\s+at |\b[A-Z]\w*Error\b|modelyard error/m);
      });
      const hosts = servers.flatMap(({ pid }) => childrenOf(pid));
      expect(hosts.length).toBeGreaterThan(0);
      await Promise.all(servers.map((server) => server.close()));
      await untilGone(hosts);
      await requireNoLitter(scratch, store);
      if (process.env.CHAOS_SECONDS !== undefined)
        process.stderr.write(`${JSON.stringify({ seed, ...summary(events) })}\n`);
    },
    loadMs + 120_000,
  );
});

/** A server that starts after the chaos leaves nothing in the store's directory that nothing refers to. */
async function requireNoLitter({ path }: Scratch, { settings, databaseUrl }: TestStore): Promise<void> {
  const server = await startServer({ directory: path, settings });
  await server.call('health_check');
  const directory = join(path, 'registry');
  const { database, close } = await openDatabase({ directory, databaseUrl });
  try {
    expect(await litterOf(directory, path, database)).toEqual({ leftovers: [], outputs: [], artifacts: [] });
  } finally {
    await close();
    await server.close();
  }
}

function summary({ answered, failed, switches, kills }: Events) {
  return {
    rows: Object.fromEntries([...answered].map(([modelId, { ids }]) => [modelId, ids.length])),
    failed: Object.fromEntries(failed),
    switches,
    kills,
  };
}
