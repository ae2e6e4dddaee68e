import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDatabase } from '../../src/storage/database.ts';
import { temporaryDirectory } from '../temporary.ts';
import { describeOnEachDatabase } from './databases.ts';

const open = async (address: Parameters<typeof openDatabase>[0]) => {
  const { close } = await openDatabase(address);
  await close();
};
const idIn = (directory: string) => readFileSync(join(directory, 'store_id'), 'utf8').trim();
const putArtifact = (directory: string) => {
  mkdirSync(join(directory, 'artifacts', 'ab'), { recursive: true });
  writeFileSync(join(directory, 'artifacts', 'ab', 'cd.onnx'), 'bytes');
};

describeOnEachDatabase('a store', ({ address, kind }) => {
  test('has an id of its own, in the database and in its directory, and is opened again', async () => {
    await open(address);
    const id = idIn(address.directory);
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    putArtifact(address.directory);
    await open(address);
    expect(idIn(address.directory)).toBe(id);
  });

  test.runIf(kind === 'postgresql')('is joined by an empty directory, and by none with content', async () => {
    const empty = join(temporaryDirectory(), 'made', 'anew');
    await open({ ...address, directory: empty });
    expect(idIn(empty)).toBe(idIn(address.directory));
    const full = temporaryDirectory();
    putArtifact(full);
    await expect(open({ ...address, directory: full })).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      message: expect.stringContaining('holds artifacts'),
    });
    expect(existsSync(join(full, 'store_id'))).toBe(false);
  });

  test('refuses the directory of another store, and leaves it as it is', async () => {
    const directory = temporaryDirectory();
    await open({ directory });
    putArtifact(directory);
    const id = idIn(directory);
    // On SQLite the database of one lies in the directory of the other.
    if (kind === 'sqlite') cpSync(join(address.directory, 'modelyard.db'), join(directory, 'modelyard.db'));
    for (let attempt = 0; attempt < 2; attempt++)
      await expect(open({ ...address, directory })).rejects.toMatchObject({
        code: 'STORAGE_UNAVAILABLE',
        message: expect.stringContaining(`belongs to another store (${id})`),
        hint: expect.stringContaining('MODEL_REGISTRY_DIR'),
      });
    expect(idIn(directory)).toBe(id);
    expect(existsSync(join(directory, 'artifacts', 'ab', 'cd.onnx'))).toBe(true);
  });
});

test('a directory that lost its SQLite file is given no new one; the file put back is opened', async () => {
  const directory = temporaryDirectory();
  await open({ directory });
  const [file, away] = [join(directory, 'modelyard.db'), join(directory, 'away')];
  renameSync(file, away);
  await expect(open({ directory })).rejects.toMatchObject({
    code: 'STORAGE_UNAVAILABLE',
    hint: expect.stringContaining('Put the file back'),
  });
  expect(existsSync(file)).toBe(false);
  renameSync(away, file);
  await open({ directory });
});

test('a SQLite file that knows its id needs no note; a new one takes over no artifacts', async () => {
  const directory = temporaryDirectory();
  await open({ directory });
  putArtifact(directory);
  rmSync(join(directory, 'store_id'));
  await open({ directory });
  expect(idIn(directory)).toMatch(/^[0-9a-f-]{36}$/);
  const foreign = temporaryDirectory();
  putArtifact(foreign);
  await expect(open({ directory: foreign })).rejects.toMatchObject({
    message: expect.stringContaining('holds artifacts and does not say of which store'),
  });
});
