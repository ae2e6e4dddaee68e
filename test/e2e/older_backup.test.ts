import { join } from 'node:path';
import { type Kysely, type Migration, sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkBackup } from '../../src/backup/read_backup.ts';
import { restoreBackup } from '../../src/backup/restore_backup.ts';
import { artifactStore } from '../../src/storage/artifact_store.ts';
import { connectDatabase, openDatabase } from '../../src/storage/database.ts';
import { migrations } from '../../src/storage/migrations/index.ts';
import { callBy } from '../access/origins.ts';
import { startServer } from './client.ts';
import { scratchDirectory, testModel } from './environment.ts';
import { runCommand } from './running_command.ts';

// This process is a later ModelYard, with one more migration than the built one, which makes the backup.
const laterName = '9999_later';
const known: Record<string, Migration> = migrations;
const scratch = scratchDirectory();
beforeAll(() => {
  known[laterName] = {
    up: async (database: Kysely<unknown>) => {
      await sql`alter table models add column shouted text`.execute(database);
      await sql`update models set shouted = upper(model_id)`.execute(database);
    },
  };
});
afterAll(() => {
  delete known[laterName];
  scratch.remove();
});

const restore = async (directory: string, file: string, open: typeof openDatabase) => {
  const opened = await open({ directory });
  try {
    const target = {
      opened,
      directory,
      artifacts: artifactStore(directory, 1e9),
      clock: () => 1,
      progress: () => undefined,
    };
    await restoreBackup(target, file, await checkBackup(file), callBy('admin'));
    return await sql<{ shouted: string }>`select shouted from models`.execute(opened.database);
  } finally {
    await opened.close();
  }
};

test('an older backup is restored into a new store and brought up to date; into a store of today it is refused', async () => {
  const server = await startServer({ directory: scratch.path });
  await server.call('register_model', { model_id: 'm', version: '1', source: testModel('linear_float32') });
  await server.close();
  const file = join(scratch.path, 'older.backup');
  expect((await runCommand(['backup', file], { directory: scratch.path })).code).toBe(0);

  // Opened without migrating, as the command does it.
  const { rows } = await restore(join(scratch.path, 'new'), file, connectDatabase);
  expect(rows).toEqual([{ shouted: 'M' }]);
  await expect(restore(join(scratch.path, 'used'), file, openDatabase)).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: expect.stringContaining('older ModelYard'),
    hint: expect.stringContaining('that no server has used yet'),
  });
});
