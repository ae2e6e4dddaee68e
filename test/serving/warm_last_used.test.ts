import { afterAll, beforeEach, expect, test } from 'vitest';
import { servedModels } from '../../src/serving/served_models.ts';
import { warmLastUsed } from '../../src/serving/warm_last_used.ts';
import { openDatabase } from '../../src/storage/database.ts';
import { deployRow, seeder } from '../registry/seed.ts';
import { temporaryDirectory } from '../temporary.ts';

const directory = temporaryDirectory();
const { database, close } = await openDatabase({ directory });
afterAll(close);

const hourMs = 3_600_000;
const now = Date.UTC(2026, 0, 2);
const seed = seeder(database, directory);
for (const version of ['1', '2', '3']) await seed({ modelId: 'm', version });
for (const version of ['1', '2'])
  await database.insertInto('deployments').values(deployRow('m', version)).execute();

const called = (version: string, at: number) =>
  database
    .insertInto('serving_totals')
    .values({
      ...{ model_id: 'm', version, calls: 1, rows: 1, errors: 0, last_call_at: at },
      ...{ last_told_at: 0, last_error_at: null, last_error: null },
    })
    .execute();
beforeEach(() => database.deleteFrom('serving_totals').execute());

/** The versions that are loaded, by their keys, and what is logged. */
async function warmed(failure?: Error): Promise<{ loaded: string[]; logged: string[] }> {
  const loaded: string[] = [];
  const logged: string[] = [];
  const log = (message: string) => void logged.push(message);
  await warmLastUsed({
    database,
    served: servedModels(database, 1000),
    engine: {
      rows: async ({ key }) => {
        loaded.push(key);
        if (failure !== undefined) throw failure;
        return { independent: false, because: 'a test' };
      },
    },
    logger: { error: log, warn: log, info: log, debug: log, close: async () => undefined },
    clock: () => now,
  });
  // What goes wrong while the host starts is told later.
  await new Promise((resolve) => setImmediate(resolve));
  return { loaded, logged };
}

test('the version that was called last is loaded, and no other', async () => {
  await called('1', now - 2000);
  await called('2', now - 1000);
  expect(await warmed()).toEqual({ loaded: ['m@2'], logged: [] });
});

test('one that was called more than an hour ago is not', async () => {
  await called('1', now - hourMs - 1);
  expect((await warmed()).loaded).toEqual([]);
});

test('one that is deployed no more is passed over', async () => {
  await called('3', now - 1000);
  await called('1', now - 2000);
  expect((await warmed()).loaded).toEqual(['m@1']);
});

test('one that is damaged is not loaded, and one that cannot be is no error', async () => {
  await called('2', now - 1000);
  expect(await warmed(new Error('no memory'))).toMatchObject({ logged: [expect.any(String)] });
  await database.updateTable('versions').set({ signature: '{' }).where('version', '=', '2').execute();
  expect((await warmed()).loaded).toEqual([]);
});
