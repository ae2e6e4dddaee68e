import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writableFile } from '../../src/access/file_access.ts';
import { temporaryDirectory } from '../temporary.ts';

const base = temporaryDirectory();
const root = join(base, 'allowed');
const outside = join(base, 'outside');
const registry = join(root, 'registry');
for (const directory of [root, outside, join(registry, 'journals'), join(root, 'sub')])
  mkdirSync(directory, { recursive: true });
writeFileSync(join(root, 'there.csv'), 'rows');
symlinkSync(outside, join(root, 'linked'));
symlinkSync(join(root, 'sub'), join(root, 'inside'));
symlinkSync(join(outside, 'new.csv'), join(root, 'link.csv'));
symlinkSync(join(root, 'nothing.csv'), join(root, 'dangling.csv'));

const write = (path: string) => writableFile(path, [root], registry);

test('a new name below a root is given by its real path', async () => {
  expect(await write(join(root, 'new.csv'))).toBe(join(root, 'new.csv'));
  expect(await write(join(root, 'inside', 'new.csv'))).toBe(join(root, 'sub', 'new.csv'));
  expect(await write(`${root}/sub/../new.csv`)).toBe(join(root, 'new.csv'));
});

test.each([
  ['a file that is there', 'there.csv'],
  ['a directory', 'sub'],
  ['a link to outside', 'link.csv'],
  ['a link to nothing', 'dangling.csv'],
])('%s is not overwritten or followed', async (_, name) => {
  await expect(write(join(root, name))).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: expect.stringContaining('exists already'),
  });
});

test.each([
  ['a directory outside', join(outside, 'new.csv')],
  ['one that is not there', join(outside, 'none', 'new.csv')],
  ['a linked one', join(root, 'linked', 'new.csv')],
  ['a way up', `${root}/../outside/new.csv`],
  ['the registry', join(registry, 'new.csv')],
  ['a directory of the registry', join(registry, 'journals', 'host~1~0.jsonl')],
])('%s is not allowed', async (_, path) => {
  await expect(write(path)).rejects.toMatchObject({ code: 'PATH_NOT_ALLOWED' });
});

test('a directory that is missing is said to be, and not made', async () => {
  await expect(write(join(root, 'none', 'new.csv'))).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: expect.stringContaining('does not exist'),
  });
  expect(readdirSync(root)).not.toContain('none');
});
