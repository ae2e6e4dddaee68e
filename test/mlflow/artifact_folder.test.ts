import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { artifactFolder } from '../../src/mlflow/artifact_folder.ts';
import { openConnection } from '../../src/mlflow/connection.ts';
import { temporaryDirectory } from '../temporary.ts';

// Nobody listens there: what these tests reach is on this machine.
const connection = openConnection({
  trackingUri: 'http://127.0.0.1:1/base',
  insecureTls: false,
  timeoutMs: 1000,
});
const directory = temporaryDirectory();
const store = join(directory, 'store');
mkdirSync(join(store, 'model'), { recursive: true });
writeFileSync(join(store, 'model', 'MLmodel'), 'text');
writeFileSync(join(directory, 'outside'), 'secret');
symlinkSync(join(directory, 'outside'), join(store, 'model', 'link'));
symlinkSync(directory, join(store, 'model', 'above'));

const readAll = async (chunks: AsyncIterable<Uint8Array>) => {
  let text = '';
  for await (const chunk of chunks) text += Buffer.from(chunk).toString();
  return text;
};

test.each([store, pathToFileURL(store).href])('a store that is mounted here: %s', async (uri) => {
  const folder = artifactFolder(connection, uri, [store]);
  expect(await folder.list('')).toEqual([{ name: 'model', isDirectory: true, bytes: expect.any(Number) }]);
  expect(await folder.list('none')).toEqual([]);
  expect(await readAll(folder.read('model/MLmodel'))).toBe('text');
  await expect(folder.list('model/above')).rejects.toMatchObject({ code: 'PATH_NOT_ALLOWED' });
  await expect(readAll(folder.read('model/link'))).rejects.toMatchObject({ code: 'PATH_NOT_ALLOWED' });
  await expect(readAll(folder.read('../outside'))).rejects.toMatchObject({ code: 'INVALID_INPUT' });
});

test('a store that is not mounted here is named, and what to do', async () => {
  const elsewhere = join(directory, 'elsewhere');
  await expect(artifactFolder(connection, elsewhere, [directory]).list('')).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: expect.stringContaining(elsewhere),
    hint: expect.stringContaining('Mount that directory'),
  });
  // Writing goes through the server only.
  await expect(
    artifactFolder(connection, store, [directory]).write('x', { text: 'x' }),
  ).rejects.toMatchObject({ code: 'INVALID_INPUT', hint: expect.stringContaining('--serve-artifacts') });
});

test('a store outside the allowed directories is closed, and nothing is said of what is in it', async () => {
  const folder = artifactFolder(connection, store, [temporaryDirectory()]);
  for (const path of ['', 'model', 'none'])
    await expect(folder.list(path)).rejects.toMatchObject({ code: 'PATH_NOT_ALLOWED' });
  await expect(readAll(folder.read('model/MLmodel'))).rejects.toMatchObject({ code: 'PATH_NOT_ALLOWED' });
});

test.each([
  's3://bucket/path',
  'gs://bucket/path',
  'mlflow-artifacts://elsewhere:5000/1/model',
  'http://127.0.0.1:1/other/api/2.0/mlflow-artifacts/artifacts/1',
  'file://host/path',
  'mlflow-artifacts:/1/../../x',
  'relative/path',
])('%s is not reached', async (uri) => {
  expect(() => artifactFolder(connection, uri, [store])).toThrow(
    expect.objectContaining({ code: 'INVALID_INPUT' }),
  );
});

test.each([
  'mlflow-artifacts:/1/model',
  'mlflow-artifacts://127.0.0.1:1/1/model',
  'http://127.0.0.1:1/base/api/2.0/mlflow-artifacts/artifacts/1/model',
])('%s is asked of the server', async (uri) => {
  const folder = artifactFolder(connection, uri, []);
  await expect(folder.list('')).rejects.toMatchObject({ code: 'MLFLOW_UNAVAILABLE' });
});
