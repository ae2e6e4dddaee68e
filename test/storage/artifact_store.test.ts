import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { artifactStore } from '../../src/storage/artifact_store.ts';
import { temporaryDirectory } from '../temporary.ts';

const directory = temporaryDirectory();
const maxBytes = 3_000_000;
const store = artifactStore(directory, maxBytes);

function fileOf(name: string, content: Buffer): string {
  const file = join(directory, name);
  writeFileSync(file, content);
  return file;
}
const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');
const content = Buffer.alloc(2_500_000, 'model');

afterEach(() => {
  expect(readdirSync(join(directory, 'incoming'))).toEqual([]);
});

test('a file is kept under the hash of its bytes', async () => {
  const artifact = await store.add(fileOf('model.onnx', content));
  expect(artifact).toEqual({ sha256: sha256(content), bytes: content.length });
  expect(readFileSync(store.pathOf(artifact.sha256)).equals(content)).toBe(true);
  await store.verify(artifact);
  expect(await store.isPresent(artifact)).toBe(true);
});

test('the same bytes are one artifact, however many add them at once', async () => {
  const files = ['a.onnx', 'b.onnx', 'c.onnx', 'd.onnx'].map((name) =>
    fileOf(name, Buffer.from('same bytes')),
  );
  const artifacts = await Promise.all(files.map((file) => store.add(file)));
  const [first] = artifacts;
  expect(artifacts).toEqual(files.map(() => first));
  if (first !== undefined) await store.verify(first);
});

test('damaged bytes are found, and replaced by adding the file again', async () => {
  const file = fileOf('good.onnx', Buffer.from('good bytes'));
  const artifact = await store.add(file);
  writeFileSync(store.pathOf(artifact.sha256), 'evil bytes');
  // Of the same size, so that only hashing tells.
  expect(await store.isPresent(artifact)).toBe(true);
  await expect(store.verify(artifact)).rejects.toMatchObject({
    code: 'ARTIFACT_MISMATCH',
    message: expect.stringContaining('damaged'),
  });
  expect(await store.add(file)).toEqual(artifact);
  await store.verify(artifact);
});

test('a missing artifact and one of another size are found at a look', async () => {
  const artifact = await store.add(fileOf('cut.onnx', Buffer.from('whole')));
  writeFileSync(store.pathOf(artifact.sha256), 'who');
  expect(await store.isPresent(artifact)).toBe(false);
  const missing = { sha256: sha256(Buffer.from('never added')), bytes: 11 };
  expect(await store.isPresent(missing)).toBe(false);
  await expect(store.verify(missing)).rejects.toMatchObject({
    code: 'ARTIFACT_MISMATCH',
    message: expect.stringContaining('missing'),
  });
});

test('a file of the largest size is taken, one byte more is refused', async () => {
  const largest = Buffer.alloc(maxBytes, 1);
  expect(await store.add(fileOf('largest.onnx', largest))).toMatchObject({ bytes: maxBytes });
  const tooLarge = Buffer.alloc(maxBytes + 1, 1);
  await expect(store.add(fileOf('too_large.onnx', tooLarge))).rejects.toMatchObject({
    code: 'LIMIT_EXCEEDED',
  });
  expect(existsSync(store.pathOf(sha256(tooLarge)))).toBe(false);
});

test('an empty file is no model', async () => {
  await expect(store.add(fileOf('empty.onnx', Buffer.alloc(0)))).rejects.toMatchObject({
    code: 'ARTIFACT_INVALID',
  });
});

test('a cancelled call adds nothing', async () => {
  const bytes = Buffer.from('cancelled');
  const added = store.add(fileOf('cancelled.onnx', bytes), AbortSignal.abort());
  await expect(added).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(existsSync(store.pathOf(sha256(bytes)))).toBe(false);
});
