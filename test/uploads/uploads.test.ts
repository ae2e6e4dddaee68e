import { readdirSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { originOf } from '../../src/access/origin.ts';
import type { Database } from '../../src/storage/database.ts';
import { openUploads, type Uploads } from '../../src/uploads/uploads.ts';
import { scratchDirectory } from '../e2e/environment.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';

const origin = originOf({ role: 'client', readOnly: false, token: 'batch' }, 'predict_file', {});
const scratch = scratchDirectory();
afterAll(() => scratch.remove());
const maxBytes = 3_000_000;

describeOnEachDatabase('a file that this machine writes into the store', (store) => {
  let database: Database;
  let uploads: Uploads;
  beforeAll(async () => {
    ({ database } = await store.open());
    uploads = openUploads({ database, directory: scratch.path, maxBytes, clock: () => 1000 });
  });
  beforeEach(async () => {
    for (const { name } of await uploads.list()) await uploads.remove(name, origin);
  });
  const names = async () => (await uploads.list()).map(({ name }) => name);
  const left = () => readdirSync(`${scratch.path}/incoming`);

  test('is there when it is committed, with every byte, and is audited as the call that made it', async () => {
    const file = await uploads.create('answers.csv', origin);
    await file.handle.write('a,b\n');
    await file.handle.write(Buffer.alloc(2_500_000, '1,2\n'));
    expect(await names()).toEqual([]);
    await file.commit();
    await file.discard();
    expect(await names()).toEqual(['answers.csv']);
    const { bytes, content } = await uploads.read('answers.csv');
    const read = await buffer(content);
    expect([bytes, read.subarray(0, 8).toString()]).toEqual([2_500_004, 'a,b\n1,2\n']);
    expect(read.length).toBe(bytes);
    const entries = await database.selectFrom('audit_entries').selectAll().execute();
    expect(entries.at(-1)).toMatchObject({ action: 'predict_file', client: 'token batch' });
  });

  test('that is given up leaves nothing, nor one that finds no room', async () => {
    const given = await uploads.create('given-up.csv', origin);
    await given.handle.write('a');
    await given.discard();
    await given.discard();
    const large = await uploads.create('large.csv', origin);
    await large.handle.write(Buffer.alloc(maxBytes + 1, 1));
    await expect(large.commit()).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    await large.discard();
    expect([await names(), left()]).toEqual([[], []]);
    expect(await database.selectFrom('upload_pieces').select('piece').execute()).toEqual([]);
  });

  test('replaces none of that name, also one that came meanwhile', async () => {
    const [first, second] = [await uploads.create('x.csv', origin), await uploads.create('x.csv', origin)];
    await first.handle.write('first');
    await second.handle.write('second');
    await first.commit();
    await expect(second.commit()).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('exists already'),
    });
    await Promise.all([first.discard(), second.discard()]);
    await expect(uploads.create('x.csv', origin)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await expect(uploads.create('../x.csv', origin)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    expect((await buffer((await uploads.read('x.csv')).content)).toString()).toBe('first');
    expect(await names()).toEqual(['x.csv']);
  });
});
