import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer } from './client.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { until } from './until.ts';

const input = { model_id: 'm', inputs: [{ f0: 1, f1: 2, f2: 3 }] };

describe.skipIf(process.platform === 'win32')('a store at rest', () => {
  let scratch: Scratch;
  let registry: string;
  beforeAll(() => {
    scratch = scratchDirectory();
    registry = join(scratch.path, 'registry');
  });
  afterAll(() => scratch.remove());

  /** Everything in the store that somebody else than its owner may look at. */
  const open = (folder = registry): string[] =>
    readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      const own = (statSync(path).mode & 0o077) === 0 ? [] : [path];
      return entry.isDirectory() ? [...own, ...open(path)] : own;
    });

  test('is one whole database file, and nobody else may read any of it', async () => {
    const server = await startServer({ directory: scratch.path });
    await server.call('deploy_model', { model_id: 'm', version: '1', source: testModel('linear_float32') });
    // Enough that the journal is moved by a thread.
    for (let round = 0; round < 15; round++)
      await Promise.all(Array.from({ length: 20 }, () => server.call('predict', input)));
    await until('the thread to have moved the journal', async () => {
      const { total } = await server.call('list_predictions', { model_id: 'm' });
      return total === 300;
    });
    expect(open()).toEqual([]);
    expect(statSync(registry).mode & 0o777).toBe(0o700);
    await server.close();

    expect(open()).toEqual([]);
    const wal = join(registry, 'modelyard.db-wal');
    expect(existsSync(wal) ? statSync(wal).size : 0).toBe(0);
    expect(readdirSync(join(registry, 'journals'))).toEqual([]);
    // The file alone is the store's whole database.
    const copy = join(scratch.path, 'copy', 'registry');
    mkdirSync(copy, { recursive: true });
    copyFileSync(join(registry, 'modelyard.db'), join(copy, 'modelyard.db'));
    const other = await startServer({ directory: join(scratch.path, 'copy') });
    expect((await other.call('list_predictions', { model_id: 'm' })).total).toBe(300);
    await other.close();
  });

  test('is closed to others again where it was open, and rid of what killed processes left', async () => {
    const wide = [
      'modelyard.db',
      'logs',
      'artifacts',
      'store_id',
      ...readdirSync(join(registry, 'logs')).map((name) => join('logs', name)),
    ];
    for (const name of wide) chmodSync(join(registry, name), 0o755);
    chmodSync(registry, 0o755);
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    const host = hostname().replace(/[^A-Za-z0-9-]/g, '_');
    const owned = (owner: number) => `${host}~${owner}~0198f000-0000-7000-8000-000000000000`;
    const [dead, alive] = [owned(pid), owned(process.pid)];
    const output = (owner: string) => join(scratch.path, `.answers.csv.modelyard-partial~${owner}`);
    const precious = join(scratch.path, 'precious.csv');
    for (const folder of ['incoming', 'unfinished']) mkdirSync(join(registry, folder), { recursive: true });
    for (const owner of [dead, alive]) {
      writeFileSync(join(registry, 'incoming', owner), 'half');
      writeFileSync(join(registry, 'journals', `reserve~${owner}`), 'zeros');
      writeFileSync(output(owner), 'half');
      writeFileSync(join(registry, 'unfinished', owner), output(owner));
    }
    // A note that names something else removes nothing.
    writeFileSync(precious, 'kept');
    writeFileSync(join(registry, 'unfinished', dead.replace('8000', '8001')), precious);

    const server = await startServer({ directory: scratch.path });
    await server.call('health_check', {});
    expect(open()).toEqual([]);
    expect(statSync(registry).mode & 0o777).toBe(0o700);
    for (const folder of ['incoming', 'unfinished'])
      expect(readdirSync(join(registry, folder))).toEqual([alive]);
    expect(readdirSync(join(registry, 'journals'))).toContain(`reserve~${alive}`);
    expect(readdirSync(join(registry, 'journals'))).not.toContain(`reserve~${dead}`);
    expect([existsSync(output(dead)), existsSync(output(alive))]).toEqual([false, true]);
    expect(readFileSync(precious, 'utf8')).toBe('kept');
    await server.close();
  });

  test('an output in the making is noted, and the note goes with it', async () => {
    const server = await startServer({ directory: scratch.path });
    const file = join(scratch.path, 'rows.csv');
    writeFileSync(file, 'f0,f1,f2\n1,2,3\n');
    await server.call('predict_file', { model_id: 'm', input_path: file });
    expect(readdirSync(join(registry, 'unfinished'))).toHaveLength(1); // the living one's of the test before
    await server.close();
  });
});
