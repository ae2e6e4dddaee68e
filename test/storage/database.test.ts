import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import { beforeAll, describe, expect, test } from 'vitest';
import { appendAudit } from '../../src/access/audit.ts';
import { ModelYardError } from '../../src/errors.ts';
import { moveStage } from '../../src/registry/move_stage.ts';
import type { Stage } from '../../src/registry/stages.ts';
import { type Database, isUniqueViolation, openDatabase } from '../../src/storage/database.ts';
import { migrations } from '../../src/storage/migrations/index.ts';
import { storageError } from '../../src/storage/storage_error.ts';
import { callBy } from '../access/origins.ts';
import { temporaryDirectory } from '../temporary.ts';
import { describeOnEachDatabase } from './databases.ts';
import { inProcesses } from './processes.ts';

let inserted = 0;
const insertVersion = (database: Database, version: string, stage: string, modelId = 'm') =>
  database
    .insertInto('versions')
    .values({
      model_id: modelId,
      version,
      number: ++inserted,
      stage,
      created_at: Date.UTC(2026, 0, 1),
      created_by: 'operator',
      source: 'source',
      artifact_sha256: '00',
      artifact_bytes: 2 ** 40,
      signature: '{}',
      class_labels: null,
      framework: null,
      algorithm: null,
      hyperparameters: null,
      description: null,
      warnings: '[]',
    })
    .execute();

/** A version that went from development to the stage by a step in the history. */
const insertMoved = async (database: Database, version: string, stage: Stage, modelId = 'm') => {
  await insertVersion(database, version, 'development', modelId);
  await database.transaction().execute((transaction) =>
    moveStage(transaction, {
      modelId,
      version,
      kind: 'promotion',
      forced: false,
      from: 'development',
      to: stage,
      at: 1,
      by: 'operator',
      reason: null,
    }),
  );
};

const thrownBy = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describeOnEachDatabase('the database', (store) => {
  let database: Database;

  beforeAll(async () => {
    // The very first opening, by four processes at once.
    const counts = await inProcesses(
      store,
      [1, 2, 3, 4].map(() => ({ name: 'open' as const })),
    );
    expect(counts).toEqual([0, 0, 0, 0]);
    ({ database } = await store.open());
    await database.insertInto('models').values({ model_id: 'm', created_at: 1, revision: 1 }).execute();
  });

  test('is migrated once, however many open it', async () => {
    expect((await store.open()).kind).toBe(store.kind);
    const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(database);
    expect(rows.map(({ name }) => name)).toEqual(Object.keys(migrations));
  });

  test('has at most one production version a model, whatever the code does', async () => {
    await insertMoved(database, 'first', 'production');
    expect(isUniqueViolation(await thrownBy(insertMoved(database, 'second', 'production')))).toBe(true);
    await database.insertInto('models').values({ model_id: 'other', created_at: 1, revision: 1 }).execute();
    await insertMoved(database, 'first', 'production', 'other');
  });

  test('lets no stage change but by a legal step in the history', async () => {
    await insertMoved(database, 'stepping', 'staging');
    const setStage = (stage: string, transitions: number) =>
      thrownBy(
        database
          .updateTable('versions')
          .set({ stage, transitions })
          .where('version', '=', 'stepping')
          .execute(),
      );
    const step = (values: { from_stage: string; to_stage: string; sequence: number }) =>
      thrownBy(
        database
          .insertInto('stage_transitions')
          .values({
            transition_id: `stepping ${values.sequence} ${values.to_stage}`,
            model_id: 'm',
            version: 'stepping',
            revision: 1,
            kind: 'promotion',
            forced: 0,
            at: 1,
            by: 'operator',
            ...values,
          })
          .execute(),
      );
    for (const [stage, transitions] of [
      ['archived', 1],
      ['archived', 2],
      ['staging', 2],
      ['development', 1],
    ] as const)
      expect(await setStage(stage, transitions), `${stage} ${transitions}`).toMatchObject({
        message: expect.stringContaining('a stage changes only by a transition'),
      });
    for (const values of [
      { from_stage: 'staging', to_stage: 'development', sequence: 2 },
      { from_stage: 'development', to_stage: 'staging', sequence: 2 },
      { from_stage: 'staging', to_stage: 'archived', sequence: 3 },
      { from_stage: 'archived', to_stage: 'production', sequence: 2 },
    ])
      expect(await step(values), JSON.stringify(values)).toMatchObject({
        message: expect.stringContaining('illegal stage transition'),
      });
    expect(await step({ from_stage: 'staging', to_stage: 'archived', sequence: 2 })).toBeUndefined();
    expect(await setStage('archived', 2)).toBeUndefined();
    expect(await thrownBy(insertVersion(database, 'born', 'staging'))).toMatchObject({
      message: expect.stringContaining('a version begins in development'),
    });
  });

  test('only ever adds to the history and to the audit trail', async () => {
    await insertMoved(database, 'kept', 'staging');
    const origin = callBy('operator');
    await database
      .transaction()
      .execute((transaction) =>
        appendAudit(
          transaction,
          origin,
          { modelId: 'm', version: 'kept', before: 1, after: 2, outcome: 'done' },
          1,
        ),
      );
    for (const change of [
      database.updateTable('stage_transitions').set({ reason: 'another' }),
      database.deleteFrom('stage_transitions'),
      database.updateTable('audit_entries').set({ outcome: 'another' }),
      database.deleteFrom('audit_entries'),
    ])
      expect(await thrownBy(change.execute())).toMatchObject({
        message: expect.stringContaining('append-only'),
      });
  });

  test('knows the four stages only, and no version without its model', async () => {
    for (const [stage, modelId] of [
      ['retired', 'm'],
      ['development', 'no-such-model'],
    ] as const) {
      const error = await thrownBy(insertVersion(database, 'v', stage, modelId));
      expect(error).toBeInstanceOf(Error);
      expect(isUniqueViolation(error)).toBe(false);
      // A defect of ours, not a database that is away.
      expect(storageError(error)).toBe(error);
    }
  });

  test('tells a key that exists already from other failures', async () => {
    await insertVersion(database, 'same', 'development');
    const error = await thrownBy(insertVersion(database, 'same', 'development'));
    expect(isUniqueViolation(error)).toBe(true);
    expect(isUniqueViolation(new Error('another'))).toBe(false);
  });

  test('gives bigint columns as numbers', async () => {
    await insertVersion(database, 'large', 'development');
    const row = await database
      .selectFrom('versions')
      .select(['artifact_bytes', 'created_at'])
      .where('version', '=', 'large')
      .executeTakeFirstOrThrow();
    expect(row).toMatchObject({ artifact_bytes: 2 ** 40, created_at: Date.UTC(2026, 0, 1) });
  });

  test('rolls a failed transaction back as a whole', async () => {
    const failed = database.transaction().execute(async (transaction) => {
      await transaction
        .insertInto('models')
        .values({ model_id: 'gone', created_at: 1, revision: 1 })
        .execute();
      throw new Error('on the way');
    });
    await expect(failed).rejects.toThrow('on the way');
    const found = await database.selectFrom('models').where('model_id', '=', 'gone').selectAll().execute();
    expect(found).toEqual([]);
  });
});

describe('a database that cannot be opened is STORAGE_UNAVAILABLE', () => {
  const unavailable = expect.objectContaining({ code: 'STORAGE_UNAVAILABLE', retryable: true });

  test('a server that nobody runs', async () => {
    const databaseUrl = 'postgres://nobody@127.0.0.1:1/none';
    const failed = openDatabase({ directory: temporaryDirectory(), databaseUrl });
    await expect(failed).rejects.toEqual(unavailable);
    await expect(failed).rejects.toThrow(
      'DATABASE_URL does not lead to a database that can be used: connect ECONNREFUSED 127.0.0.1:1.',
    );
  });

  test('a file that is no database', async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'modelyard.db'));
    await expect(openDatabase({ directory })).rejects.toEqual(unavailable);
  });
});

test.each([
  ['SQLITE_BUSY'],
  ['SQLITE_FULL'],
  ['SQLITE_IOERR_WRITE'],
  ['ECONNREFUSED'],
  ['08006'],
  ['53300'],
  ['57P01'],
  ['40001'],
  ['40P01'],
])('the failure %s of a database is STORAGE_UNAVAILABLE, with its cause', (code) => {
  const cause = Object.assign(new Error('failed'), { code });
  const error = storageError(cause);
  expect(error).toBeInstanceOf(ModelYardError);
  expect(error).toMatchObject({ code: 'STORAGE_UNAVAILABLE', cause });
});

test('a lost connection without a code is STORAGE_UNAVAILABLE', () => {
  expect(storageError(new Error('Connection terminated unexpectedly'))).toMatchObject({
    code: 'STORAGE_UNAVAILABLE',
  });
});

test.each([
  new Error('a defect'),
  Object.assign(new Error('syntax'), { code: '42601' }),
  Object.assign(new Error('exists'), { code: 'SQLITE_CONSTRAINT_PRIMARYKEY' }),
  new ModelYardError('INVALID_INPUT', 'what', 'hint'),
  'text',
  undefined,
])('anything else stays what it is: %s', (error) => {
  expect(storageError(error)).toBe(error);
});

describeOnEachDatabase('a store that another ModelYard made', (store) => {
  test('is refused in a sentence, and left as it is', async () => {
    const { database, close } = await store.open();
    const names = async () => (await sql`select name from kysely_migration`.execute(database)).rows;
    await sql`insert into kysely_migration (name, timestamp) values ('0002_registry', 'then')`.execute(
      database,
    );
    const before = await names();
    await expect(openDatabase(store.address)).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      message: expect.stringContaining(
        'made by another ModelYard, whose tables this one does not know (0002_registry)',
      ),
    });
    expect(await names()).toEqual(before);
    await close();
  });
});
