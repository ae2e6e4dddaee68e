import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { writeAlias } from '../../src/registry/aliases.ts';
import { activateVersion } from '../../src/serving/routes.ts';
import {
  explainNotRouted,
  findServed,
  servedModels,
  servedVersion,
} from '../../src/serving/served_models.ts';
import { openDatabase } from '../../src/storage/database.ts';
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
const active = async () => (await served.read('m')).route?.activeVersion;

beforeAll(async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const seed = seeder(other.database, directory);
  for (const version of ['1', '2', '3']) await seed({ modelId: 'm', version });
  for (const version of ['1', '2'])
    await other.database.insertInto('deployments').values(deployRow('m', version)).execute();
});
afterAll(() => {
  vi.useRealTimers();
});
beforeEach(async () => {
  await activate('1');
  served.forget('m');
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

test('a change made by another server is seen after 500 ms, and not asked for before', async () => {
  expect(await active()).toBe('1');
  await activate('2');
  vi.advanceTimersByTime(499);
  expect(await active()).toBe('1');
  vi.advanceTimersByTime(1);
  expect(await active()).toBe('2');
});

test('a change made here is seen at once', async () => {
  expect(await active()).toBe('1');
  await activate('2');
  served.forget('m');
  expect(await active()).toBe('2');
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
  expect(forgetful.read('m')).not.toBe(first);
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

test('an alias that another server gives away is seen after 500 ms, without a look at every call', async () => {
  await alias('1');
  served.forget('m');
  const known = async () => servedVersion(await served.read('m'), 'champion')?.record.version;
  expect(await known()).toBe('1');
  await alias('2');
  vi.advanceTimersByTime(499);
  expect(await known()).toBe('1');
  vi.advanceTimersByTime(1);
  expect(await known()).toBe('2');
});

test('an alias that is not known here yet is looked up; one of a version at rest says which', async () => {
  await alias(null);
  served.forget('m');
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
