import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { artifactStore } from '../../src/storage/artifact_store.ts';
import { openDatabase } from '../../src/storage/database.ts';
import { runCommand } from '../e2e/command.ts';
import { seeder } from '../registry/seed.ts';
import { temporaryDirectory } from '../temporary.ts';

/** The process id of one that has ended. */
const goneId = () => spawnSync(process.execPath, ['-e', '']).pid;
const longAgo = (Date.now() - 2 * 3_600_000) / 1000;

test('lists what no version needs, and removes it only when it is told to', async () => {
  const scratch = temporaryDirectory();
  const directory = join(scratch, 'registry');
  const { database, close } = await openDatabase({ directory });
  const needed = await seeder(database, directory)({ modelId: 'm', version: '1' });
  const artifacts = artifactStore(directory, 1e9);
  const add = async (content: string) => {
    const file = join(scratch, content);
    writeFileSync(file, content);
    return artifacts.add(file);
  };
  const [old, young] = [await add('old'), await add('young')];
  for (const { sha256 } of [old, needed.artifact]) utimesSync(artifacts.pathOf(sha256), longAgo, longAgo);
  mkdirSync(join(directory, 'incoming'), { recursive: true });
  const host = hostname().replace(/[^A-Za-z0-9-]/g, '_');
  const incoming = (pid: number) =>
    join(directory, 'incoming', `${host}~${pid}~0198f000-0000-7000-8000-000000000000`);
  const [dead, alive] = [incoming(goneId()), incoming(process.pid)];
  for (const file of [dead, alive]) writeFileSync(file, 'half a model');

  const listed = runCommand(scratch, ['litter']);
  expect(listed).toMatchObject({ code: 0, complaint: '' });
  expect(listed.output).toContain(`artifact ${old.sha256} (3 bytes): no version refers to it`);
  expect(listed.output).toContain('2 files, 0.0 MB. Nothing was removed');
  for (const file of [artifacts.pathOf(old.sha256), dead]) expect(existsSync(file)).toBe(true);

  expect(runCommand(scratch, ['litter', '--remove'])).toMatchObject({
    code: 1,
    complaint: expect.stringContaining('needs the role admin'),
  });
  expect(existsSync(dead)).toBe(true);

  const removed = runCommand(scratch, ['litter', '--remove'], { MODELYARD_ROLE: 'admin' });
  expect(removed.output).toContain('2 of 2 files, 0.0 MB removed.');
  for (const file of [artifacts.pathOf(old.sha256), dead]) expect(existsSync(file)).toBe(false);
  const kept = [artifacts.pathOf(young.sha256), artifacts.pathOf(needed.artifact.sha256), alive];
  for (const file of kept) expect(existsSync(file)).toBe(true);
  const entry = await database
    .selectFrom('audit_entries')
    .select('after')
    .where('action', '=', 'litter')
    .executeTakeFirst();
  expect(entry?.after).toContain(old.sha256);
  await close();
});
