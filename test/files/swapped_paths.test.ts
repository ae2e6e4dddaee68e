import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ModelYardError } from '../../src/errors.ts';
import { holdReadableDirectory, holdWritable, withReadable } from '../../src/files/file_access.ts';
import { piecesOf } from '../../src/files/opened_file.ts';
import { createOutputFile } from '../../src/storage/output_file.ts';
import { temporaryDirectory } from '../temporary.ts';

const base = temporaryDirectory();
const root = join(base, 'allowed');
const outside = join(base, 'outside');
const swapped = join(root, 'swapped');
const registry = join(base, 'registry');
for (const directory of [swapped, outside, registry]) mkdirSync(directory, { recursive: true });
writeFileSync(join(swapped, 'data.csv'), 'allowed');
writeFileSync(join(outside, 'data.csv'), 'secret');
const roots = { allowedRoots: [root], temporaryRoot: undefined };

async function textOf(fd: number): Promise<string> {
  let found = '';
  for await (const piece of piecesOf(fd)) found += piece.toString('utf8');
  return found;
}

/** What a try came to: how it was refused, where it was. */
async function outcomeOf(attempt: () => Promise<string>): Promise<string> {
  try {
    return await attempt();
  } catch (error) {
    if (error instanceof ModelYardError) return error.code;
    throw error;
  }
}

async function counted(times: number, attempt: (turn: number) => Promise<string>) {
  const counts: Record<string, number> = {};
  for (let turn = 0; turn < times; turn++) {
    const outcome = await outcomeOf(() => attempt(turn));
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}

const read = () => withReadable(join(swapped, 'data.csv'), roots, ({ fd }) => textOf(fd));

async function write(name: string): Promise<string> {
  const held = await holdWritable(join(swapped, name), roots, registry);
  try {
    const file = await createOutputFile(held.file, name, { check: held.check });
    try {
      await file.handle.writeFile('result');
      await file.commit();
    } finally {
      await file.discard();
    }
  } finally {
    await held.close();
  }
  return 'written';
}

// Other systems have no path of what was opened: docs/decisions/0032-file-roots.md says what is left to chance there.
describe.skipIf(process.platform !== 'linux')('while another process swaps a directory for a link', () => {
  let swapper: ChildProcess;
  beforeAll(async () => {
    const script = fileURLToPath(new URL('./swapper.mjs', import.meta.url));
    swapper = spawn(process.execPath, [script, swapped, outside], { stdio: ['pipe', 'pipe', 'inherit'] });
    if (swapper.stdout) await once(swapper.stdout, 'data');
  });
  afterAll(async () => {
    swapper.stdin?.end();
    await once(swapper, 'exit');
  });

  test('nothing outside the roots is read', async () => {
    const counts = await counted(2000, read);
    expect(counts.secret ?? 0).toBe(0);
    expect(counts.allowed).toBeGreaterThan(0);
    // Some came in the middle of a swap.
    expect(counts.PATH_NOT_ALLOWED).toBeGreaterThan(0);
  });

  test('nothing outside the roots is written or listed', async () => {
    const counts = await counted(2000, (turn) => write(`${turn}.csv`));
    expect(readdirSync(outside)).toEqual(['data.csv']);
    expect(counts.written).toBeGreaterThan(0);
    expect(counts.PATH_NOT_ALLOWED).toBeGreaterThan(0);
    const listed = await counted(1000, async () => {
      const held = await holdReadableDirectory(swapped, roots.allowedRoots);
      try {
        return readdirSync(held.path).includes('0.csv') || readdirSync(held.path).length > 1
          ? 'inside'
          : 'outside';
      } finally {
        await held.close();
      }
    });
    expect(listed.outside ?? 0).toBe(0);
  });
});

describe('what was opened stays what it is', () => {
  const folder = join(root, 'still');
  const swap = () => {
    renameSync(folder, `${folder}.aside`);
    symlinkSync(outside, folder);
  };
  beforeAll(() => {
    mkdirSync(folder);
    writeFileSync(join(folder, 'data.csv'), 'allowed');
  });

  test.skipIf(process.platform !== 'linux')('a file, a directory to read and one to write', async () => {
    const held = await holdReadableDirectory(folder, roots.allowedRoots);
    const output = await holdWritable(join(folder, 'out.csv'), roots, registry);
    const content = await withReadable(join(folder, 'data.csv'), roots, async ({ fd }) => {
      swap();
      return [await textOf(fd), await textOf(fd)];
    });
    expect(content).toEqual(['allowed', 'allowed']);
    expect(readFileSync(join(held.path, 'data.csv'), 'utf8')).toBe('allowed');
    const file = await createOutputFile(output.file, 'out.csv', { check: output.check });
    await file.handle.writeFile('result');
    // Moved out of the roots it is no place to write to, though it is held.
    renameSync(`${folder}.aside`, join(base, 'gone'));
    await expect(file.commit()).rejects.toMatchObject({ code: 'PATH_NOT_ALLOWED' });
    await file.discard();
    expect(readdirSync(join(base, 'gone'))).toEqual(['data.csv']);
    await held.close();
    await output.close();
  });
});
