import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readableFile } from '../../src/files/allowed_paths.ts';
import { temporaryDirectory } from '../temporary.ts';

// base/allowed is allowed; base/allowed-not, whose name begins alike, and base itself are not.
const base = temporaryDirectory();
const root = join(base, 'allowed');
const beside = join(base, 'allowed-not');
for (const directory of [root, beside]) {
  mkdirSync(join(directory, 'sub'), { recursive: true });
  for (const file of ['model.onnx', 'sub/model.onnx', '..model.onnx'])
    writeFileSync(join(directory, file), 'model');
}
const link = (name: string, target: string) => symlinkSync(target, join(root, name));
link('inside', join(root, 'sub'));
link('outside', beside);
link('outside.onnx', join(beside, 'model.onnx'));
link('dangling.onnx', join(root, 'nothing.onnx'));
link('circle', join(root, 'circle'));

const read = (path: string) => readableFile(path, [root]);

test.each([
  ['a file', 'model.onnx', 'model.onnx'],
  ['a file further below', 'sub/model.onnx', 'sub/model.onnx'],
  ['a name that begins with dots', '..model.onnx', '..model.onnx'],
  ['a way up that stays inside', 'sub/../model.onnx', 'model.onnx'],
  ['a link to inside', 'inside/model.onnx', 'sub/model.onnx'],
])('%s below a root is given by its real path', async (_, path, real) => {
  expect(await read(`${root}/${path}`)).toBe(join(root, real));
});

test('a relative path is taken from the working directory', async () => {
  expect(await read(relative(process.cwd(), join(root, 'model.onnx')))).toBe(join(root, 'model.onnx'));
});

test('one of several roots is enough, and none allows nothing', async () => {
  const path = join(root, 'model.onnx');
  expect(await readableFile(path, [beside, root])).toBe(path);
  await expect(readableFile(path, [])).rejects.toMatchObject({ code: 'PATH_NOT_ALLOWED' });
});

test('a relative path that leads outside the roots is told to be whole', async () => {
  await expect(readableFile('model.onnx', [root])).rejects.toMatchObject({
    code: 'PATH_NOT_ALLOWED',
    message: expect.stringMatching(/^model\.onnx is relative/),
    hint: expect.stringContaining('absolute'),
  });
});

describe('outside the roots nothing is said about what is there', () => {
  test.each([
    ['a directory whose name begins alike', join(beside, 'model.onnx')],
    ['the directory above', base],
    ['a way up', `${root}/../allowed-not/model.onnx`],
    ['a way up from a file that is not there', `${root}/nothing/../../allowed-not/model.onnx`],
    ['a link to a file outside', join(root, 'outside.onnx')],
    ['a link to a directory outside', join(root, 'outside/model.onnx')],
    ['a file that is not there', join(beside, 'nothing.onnx')],
    ['a file that is not there behind a link', join(root, 'outside/nothing.onnx')],
  ])('%s', async (_, path) => {
    await expect(read(path)).rejects.toMatchObject({
      code: 'PATH_NOT_ALLOWED',
      message: `${path} is outside the 1 directory this server may read.`,
    });
  });
});

describe('below a root', () => {
  test.each([
    ['a file that is not there', 'nothing.onnx', /There is no file/],
    ['a link to nothing', 'dangling.onnx', /There is no file/],
    ['a link to itself', 'circle', /cannot be read/],
    ['a file taken for a directory', 'model.onnx/model.onnx', /cannot be read|no file/],
    ['a directory', 'sub', /not a regular file/],
    ['the root itself', '', /not a regular file/],
  ])('%s is no file to read', async (_, path, message) => {
    await expect(read(join(root, path))).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringMatching(message),
    });
  });

  test('a relative path that is not found is told where it was looked for', async () => {
    const path = relative(process.cwd(), join(root, 'nothing.onnx'));
    await expect(read(path)).rejects.toMatchObject({ hint: expect.stringContaining('absolute path') });
  });
});
