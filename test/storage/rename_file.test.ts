import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { renameFile } from '../../src/storage/rename_file.ts';
import { temporaryDirectory } from '../temporary.ts';

/** A system whose rename fails some times, and how often it was asked. */
function system(platform: NodeJS.Platform, failures: readonly string[]) {
  const waited: number[] = [];
  let asked = 0;
  return {
    how: {
      platform,
      rename: async () => {
        const code = failures[asked++];
        if (code !== undefined) throw Object.assign(new Error(code), { code });
      },
      wait: async (ms: number) => waited.push(ms),
    },
    waited,
    asked: () => asked,
  };
}

test('Windows is asked again while somebody has the file open, longer each time', async () => {
  const { how, waited, asked } = system('win32', ['EPERM', 'EBUSY', 'EACCES']);
  await renameFile('a', 'b', how);
  expect(asked()).toBe(4);
  expect(waited).toEqual([10, 20, 50]);
});

test('but not for ever, and not after another error', async () => {
  const lasting = system('win32', Array(20).fill('EPERM'));
  await expect(renameFile('a', 'b', lasting.how)).rejects.toMatchObject({ code: 'EPERM' });
  expect(lasting.asked()).toBe(8);
  const missing = system('win32', ['ENOENT']);
  await expect(renameFile('a', 'b', missing.how)).rejects.toMatchObject({ code: 'ENOENT' });
  expect(missing.asked()).toBe(1);
});

test.each(['linux', 'darwin'] as const)('%s says at once that it is not permitted', async (platform) => {
  const { how, asked } = system(platform, ['EPERM']);
  await expect(renameFile('a', 'b', how)).rejects.toMatchObject({ code: 'EPERM' });
  expect(asked()).toBe(1);
});

test('a file of that name is replaced', async () => {
  const directory = temporaryDirectory();
  const [from, to] = [join(directory, 'from'), join(directory, 'to')];
  writeFileSync(from, 'new');
  writeFileSync(to, 'old');
  await renameFile(from, to);
  expect(readFileSync(to, 'utf8')).toBe('new');
});
