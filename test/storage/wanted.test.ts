import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import LibsqlDatabase from 'libsql';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type OpenDatabase, openDatabase } from '../../src/storage/database.ts';
import { wantedTransaction } from '../../src/storage/wanted.ts';
import { temporaryDirectory } from '../temporary.ts';

let opened: OpenDatabase;
let other: LibsqlDatabase.Database;

beforeEach(async () => {
  const directory = temporaryDirectory();
  opened = await openDatabase({ directory });
  other = new LibsqlDatabase(join(directory, 'modelyard.db'));
});
afterEach(async () => {
  other.close();
  await opened.close();
});

const insert = (modelId: string, signal?: AbortSignal) =>
  wantedTransaction(opened.database, signal, (transaction) =>
    transaction.insertInto('models').values({ model_id: modelId, created_at: 1, revision: 1 }).execute(),
  );
const models = async () =>
  (await opened.database.selectFrom('models').select('model_id').execute()).map(({ model_id }) => model_id);

/** Until a change that nobody waits for any more would long have tried for the lock. */
async function someTurns(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await setImmediate();
}

test('a change that waits for the lock of another process gives up as soon as it is taken back', async () => {
  other.exec('begin immediate');
  const call = new AbortController();
  const change = insert('first', call.signal);
  await someTurns();
  call.abort();
  // The lock is held all the time.
  await expect(change).rejects.toMatchObject({ code: 'CANCELLED' });
  other.exec('rollback');
  await insert('second');
  expect(await models()).toEqual(['second']);
});

test('a change that waits for its turn gives up its place, and those behind it keep theirs', async () => {
  other.exec('begin immediate');
  const call = new AbortController();
  const first = insert('first');
  const second = insert('second', call.signal);
  let isThirdDone = false;
  const third = insert('third').then(() => {
    isThirdDone = true;
  });
  await someTurns();
  call.abort();
  await expect(second).rejects.toMatchObject({ code: 'CANCELLED' });
  await someTurns();
  expect(isThirdDone).toBe(false);
  other.exec('rollback');
  await Promise.all([first, third]);
  expect(await models()).toEqual(['first', 'third']);
});

test('a change that was taken back before it began is not begun', async () => {
  await expect(insert('never', AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(await models()).toEqual([]);
});

test('what has begun goes on when it is taken back, unless it looks itself', async () => {
  const call = new AbortController();
  await wantedTransaction(opened.database, call.signal, async (transaction) => {
    call.abort();
    await transaction.insertInto('models').values({ model_id: 'm', created_at: 1, revision: 1 }).execute();
  });
  expect(await models()).toEqual(['m']);
});

test('statements of one transaction that are not awaited singly follow one another', async () => {
  await opened.database.transaction().execute((transaction) =>
    Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        transaction
          .insertInto('models')
          .values({ model_id: `m${String(index).padStart(2, '0')}`, created_at: 1, revision: 1 })
          .returning('model_id')
          .execute(),
      ),
    ),
  );
  expect(await models()).toHaveLength(50);
});

test('what is under way when the database is closed is kept or fails, and nothing ends the process', async () => {
  const changes = Promise.allSettled(Array.from({ length: 20 }, (_, index) => insert(`m${index}`)));
  await someTurns();
  await opened.close();
  const done = (await changes).filter(({ status }) => status === 'fulfilled');
  const kept = other.prepare('select count(*) from models').pluck().all()[0];
  expect(Number(kept)).toBeGreaterThanOrEqual(done.length);
});
