import { chmodSync, chownSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writableFile } from '../../src/files/allowed_paths.ts';
import { holdWritable } from '../../src/files/file_access.ts';
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

test.skipIf(process.getuid === undefined)(
  'in a temporary directory only folders of our own take results',
  async () => {
    const temporary = join(base, 'temporary');
    const folders = { own: 0o700, shared: 0o777, foreign: 0o755 };
    for (const [name, mode] of Object.entries(folders)) {
      mkdirSync(join(temporary, name), { recursive: true });
      chmodSync(join(temporary, name), mode);
    }
    chmodSync(temporary, 0o1777);
    // Only root can give a folder away.
    if (process.getuid?.() === 0) chownSync(join(temporary, 'foreign'), 4321, 4321);
    else chmodSync(join(temporary, 'foreign'), 0o777);
    const hold = (folder: string, given = [temporary], temporaryRoot: string | undefined = temporary) =>
      holdWritable(join(temporary, folder, 'new.csv'), { allowedRoots: given, temporaryRoot }, registry);
    await (await hold('own')).close();
    for (const folder of ['.', 'shared', 'foreign'])
      await expect(hold(folder), folder).rejects.toMatchObject({
        code: 'PATH_NOT_ALLOWED',
        message: expect.stringContaining('other users'),
      });
    // Who names it as a root, or works there, means it.
    await (await hold('shared', [temporary, join(temporary, 'shared')])).close();
    const named = { allowedRoots: [temporary], temporaryRoot: undefined };
    await (await holdWritable(join(temporary, 'new.csv'), named, registry)).close();
  },
);
