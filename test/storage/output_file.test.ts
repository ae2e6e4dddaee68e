import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { createOutputFile } from '../../src/storage/output_file.ts';
import { temporaryDirectory } from '../temporary.ts';

const base = temporaryDirectory();
let count = 0;
let folder = '';
let target = '';
beforeEach(() => {
  folder = join(base, String(count++));
  mkdirSync(folder);
  target = join(folder, 'out.csv');
});
const begin = () => createOutputFile(target, 'given/out.csv');
const names = () => readdirSync(folder);
/** What another process left or is writing. */
const leave = (host: string, pid: number) => {
  const name = `.out.csv.modelyard-partial~${host}~${pid}~x`;
  writeFileSync(join(folder, name), 'half');
  return name;
};
const thisHost = hostname().replace(/[^A-Za-z0-9-]/g, '_');

describe('an output file', () => {
  test('has its name only when it is whole', async () => {
    const file = await begin();
    await file.handle.appendFile('rows');
    expect(names()).toEqual([expect.stringMatching(/^\.out\.csv\.modelyard-partial~/)]);
    await file.commit();
    await file.discard();
    expect(names()).toEqual(['out.csv']);
    expect(readFileSync(target, 'utf8')).toBe('rows');
  });

  test('that is given up leaves nothing', async () => {
    const file = await begin();
    await file.handle.appendFile('rows');
    await file.discard();
    await file.discard();
    expect(names()).toEqual([]);
  });

  test('never replaces what has come into being meanwhile', async () => {
    const [first, second] = [await begin(), await begin()];
    await first.handle.appendFile('first');
    await second.handle.appendFile('second');
    await first.commit();
    await expect(second.commit()).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('given/out.csv has come into being'),
    });
    await second.discard();
    expect(names()).toEqual(['out.csv']);
    expect(readFileSync(target, 'utf8')).toBe('first');
  });

  test('never follows a link of its name', async () => {
    const file = await begin();
    symlinkSync(join(folder, 'elsewhere'), target);
    await expect(file.commit()).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await file.discard();
    expect(names()).toEqual(['out.csv']);
  });

  test('removes what killed processes left of it, and nothing else', async () => {
    const gone = Number(
      execFileSync(process.execPath, ['-e', 'process.stdout.write(String(process.pid))']).toString(),
    );
    leave(thisHost, gone);
    leave(thisHost, process.pid); // of a process before this one that had the same id
    const others = [
      leave(thisHost, process.ppid),
      leave('another', gone),
      'out.csv.modelyard-partial',
      '.out.csv',
    ];
    for (const name of others.slice(2)) writeFileSync(join(folder, name), '');
    const old = join(folder, leave('a-third', gone));
    utimesSync(old, 0, 0);
    const live = await begin();
    const file = await begin();
    expect(names()).toHaveLength(others.length + 2);
    expect(names()).toEqual(expect.arrayContaining(others));
    await live.discard();
    await file.discard();
  });

  test('in a directory that is not there is refused', async () => {
    await expect(createOutputFile(join(folder, 'none', 'out.csv'), 'given/out.csv')).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: 'given/out.csv cannot be written (ENOENT).',
    });
  });
});
