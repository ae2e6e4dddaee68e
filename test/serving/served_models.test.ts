import { Kysely } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { changeModel } from '../../src/access/change_model.ts';
import { writeAlias } from '../../src/registry/aliases.ts';
import {
  explainNotRouted,
  findServed,
  servedModels,
  servedVersion,
} from '../../src/serving/served_models.ts';
import { activateVersion } from '../../src/serving/stored_route.ts';
import { openDatabase, sqliteFile } from '../../src/storage/database.ts';
import type { Tables } from '../../src/storage/schema.ts';
import { sqliteDialect } from '../../src/storage/sqlite_dialect.ts';
import { callBy } from '../access/origins.ts';
import { until } from '../e2e/until.ts';
import { deployRow, seeder } from '../registry/seed.ts';
import { temporaryDirectory } from '../temporary.ts';

// Another server on the same database makes the changes.
const directory = temporaryDirectory();
const here = await openDatabase({ directory });
const other = await openDatabase({ directory });
afterAll(async () => {
  await here.close();
  await other.close();
});

const served = servedModels(here.database, 1000);
const activate = (version: string) =>
  other.database
    .transaction()
    .execute((transaction) => activateVersion(transaction, 'm', version, 0, 'operator'));
/** As after a change made here. */
const seeHere = async () =>
  (await here.database.transaction().execute((transaction) => served.follow(transaction, 'm')))();
const active = async () => (await served.read('m')).route?.activeVersion;

beforeAll(async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const seed = seeder(other.database, directory);
  for (const version of ['1', '2', '3']) await seed({ modelId: 'm', version });
  await seed({ modelId: 'gone', version: '1' });
  for (const version of ['1', '2'])
    await other.database.insertInto('deployments').values(deployRow('m', version)).execute();
});
afterAll(() => {
  vi.useRealTimers();
});
beforeEach(async () => {
  await activate('1');
  await seeHere();
});

test('what is deployed is served, and what is not is not', async () => {
  const model = await served.read('m');
  expect([...model.versions.keys()].sort()).toEqual(['1', '2']);
  expect(model.route).toMatchObject({ activeVersion: '1', weights: [['1', 1]] });
  expect(model.versions.get('2')).toMatchObject({
    record: { modelId: 'm', version: '2' },
    engineModel: { key: 'm@2', instances: 1 },
  });
  expect((await served.read('nothing')).versions.size).toBe(0);
});

test('a change made by another server is not asked for within 500 ms, and seen within 900', async () => {
  expect(await active()).toBe('1');
  await activate('2');
  vi.advanceTimersByTime(499);
  expect(await active()).toBe('1');
  vi.advanceTimersByTime(401);
  expect(await active()).toBe('2');
});

test('from 500 ms on it is read beside the calls, which go on with what was known', async () => {
  expect(await active()).toBe('1');
  await activate('2');
  vi.advanceTimersByTime(500);
  expect(await active()).toBe('1');
  await until('the other version', async () => (await active()) === '2');
});

/** The database, whose answers wait for `arrive`, or never come where it throws. */
const databaseBehind = (arrive: () => Promise<void>) =>
  new Kysely<Tables>({
    dialect: sqliteDialect(sqliteFile(directory)),
    plugins: [
      {
        transformQuery: ({ node }) => node,
        async transformResult({ result }) {
          await arrive();
          return result;
        },
      },
    ],
  });

test('a database that does not answer keeps up no model that is known, and says so', async () => {
  let goOn: () => void = () => undefined;
  const hangs = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  let isHanging = false;
  const slow = databaseBehind(async () => {
    if (isHanging) await hangs;
  });
  const served = servedModels(slow, 1000);
  expect((await served.read('m')).isOutdated).toBeUndefined();
  isHanging = true;
  vi.advanceTimersByTime(900);
  for (let call = 0; call < 3; call++)
    expect(await served.read('m')).toMatchObject({ isOutdated: true, route: { activeVersion: '1' } });
  await activate('2');
  isHanging = false;
  goOn();
  vi.advanceTimersByTime(900);
  await until('the other version', async () => {
    const { route, isOutdated } = await served.read('m');
    return route?.activeVersion === '2' && isOutdated === undefined;
  });
  await slow.destroy();
});

test('a change made here is seen at once', async () => {
  expect(await active()).toBe('1');
  await activate('2');
  await seeHere();
  expect(await active()).toBe('2');
});

test('while the database is away calls go on, by what a change made here led to too', async () => {
  let isAway = false;
  const database = databaseBehind(async () => {
    if (isAway) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  });
  const served = servedModels(database, 1000);
  await served.read('m');
  const change = () =>
    changeModel(
      { database, served, clock: () => 0 },
      callBy('operator'),
      { modelId: 'm' },
      async (transaction) => {
        await activateVersion(transaction, 'm', '2', 0, 'operator');
        return { result: undefined, before: undefined, after: undefined };
      },
    );
  await change();
  isAway = true;
  expect(await served.read('m')).toMatchObject({ route: { activeVersion: '2' } });
  for (let second = 0; second < 5; second++) {
    vi.advanceTimersByTime(1000);
    expect(await served.read('m')).toMatchObject({ isOutdated: true, route: { activeVersion: '2' } });
  }
  await expect(change()).rejects.toThrow('ECONNREFUSED');
  expect(await served.read('m')).toMatchObject({ isOutdated: true, route: { activeVersion: '2' } });
  isAway = false;
  await until('the end of it', async () => {
    vi.advanceTimersByTime(1000);
    return (await served.read('m')).isOutdated === undefined;
  });
  await database.destroy();
});

test('what is no more deployed is not remembered as deployed', async () => {
  let isAway = false;
  const database = databaseBehind(async () => {
    if (isAway) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  });
  const served = servedModels(database, 1000);
  await other.database.insertInto('deployments').values(deployRow('gone', '1')).execute();
  expect((await served.read('gone')).versions.size).toBe(1);
  await other.database.deleteFrom('deployments').where('model_id', '=', 'gone').execute();
  vi.advanceTimersByTime(1000);
  expect((await served.read('gone')).versions.size).toBe(0);
  isAway = true;
  await expect(served.read('gone')).rejects.toThrow('ECONNREFUSED');
  await database.destroy();
});

test('calls at the same time share one look', async () => {
  const [one, another] = [served.read('m'), served.read('m')];
  expect(await one).toBe(await another);
});

test('a look that failed is forgotten', async () => {
  const away = await openDatabase({ directory });
  const forgetful = servedModels(away.database, 1000);
  await away.close();
  const [first, second] = [forgetful.read('m'), forgetful.read('m')];
  await expect(first).rejects.toThrow();
  await expect(second).rejects.toThrow();
  await expect(forgetful.read('m')).rejects.toThrow();
});

test('why a version does not answer is said with what does', async () => {
  const model = await served.read('m');
  const why = (modelId: string, name: string) => findServed(here.database, modelId, name, model);
  await expect(why('m', '3')).rejects.toMatchObject({
    code: 'NOT_DEPLOYED',
    message: 'm 3 is not deployed.',
    hint: expect.stringMatching(/Deployed: (1, 2|2, 1)\.$/),
  });
  await expect(why('m', '4')).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' });
  await expect(explainNotRouted(here.database, 'n', model)).rejects.toMatchObject({
    code: 'MODEL_NOT_FOUND',
  });
  await expect(explainNotRouted(here.database, 'm', model)).rejects.toMatchObject({
    code: 'NOT_DEPLOYED',
    message: 'No version of m is active.',
  });
});

const alias = (version: string | null) =>
  other.database
    .transaction()
    .execute((change) => writeAlias(change, 'm', 'champion', version, 0, 'operator'));

test('an alias that another server gives away is seen within 900 ms, without a look at every call', async () => {
  await alias('1');
  await seeHere();
  const known = async () => servedVersion(await served.read('m'), 'champion')?.record.version;
  expect(await known()).toBe('1');
  await alias('2');
  vi.advanceTimersByTime(499);
  expect(await known()).toBe('1');
  vi.advanceTimersByTime(401);
  expect(await known()).toBe('2');
});

test('an alias that is not known here yet is looked up; one of a version at rest says which', async () => {
  await alias(null);
  await seeHere();
  const model = await served.read('m');
  await alias('2');
  const found = await findServed(here.database, 'm', 'champion', model);
  expect(found.record.version).toBe('2');
  await alias('3');
  await expect(findServed(here.database, 'm', 'champion', model)).rejects.toMatchObject({
    code: 'NOT_DEPLOYED',
    message: 'm 3 (champion) is not deployed.',
  });
});
