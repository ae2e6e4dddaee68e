import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer } from './client.ts';
import { type Scratch, scratchDirectory, serverFile, testModel } from './environment.ts';
import { runCommand, startCommand } from './running_command.ts';
import { stores, type TestStore } from './stores.ts';

describe('the command line', () => {
  let scratch: Scratch;
  beforeAll(() => {
    scratch = scratchDirectory();
  });
  afterAll(() => scratch.remove());
  const run = (given: string[], settings?: Record<string, string>) =>
    runCommand(given, { directory: scratch.path, settings });

  test.each<[string[], RegExp]>([
    [['nothing'], /Unknown command nothing\. See modelyard --help/],
    [['audit', '--nothing'], /Unknown option '--nothing'\. See modelyard audit --help/],
    [['audit', 'extra'], /Unexpected argument 'extra'\. See modelyard audit --help/],
    [['audit', '--limit', 'x'], /--limit=x is not a whole number/],
    [['audit', '--since', 'yesterday'], /--since=yesterday is not a time/],
    [['audit', '--verify', '--model', 'm'], /--verify walks the whole trail/],
    [['verify', '--config'], /--config needs the name of a file/],
    [['verify', '--config', 'nowhere.json'], /config file nowhere\.json cannot be read/],
    [['backup'], /The file to write is missing\. See modelyard backup --help/],
    [['restore'], /The backup file is missing/],
    [['restore', 'a', 'b'], /Unexpected argument 'b'/],
    [['--read-only', 'audit'], /Unknown option '--read-only'/],
    [['--nothing'], /Unknown option '--nothing'/],
  ])('%j is refused in a sentence, with exit code 2', async (given, sentence) => {
    const { code, output, errors } = await run(given);
    expect({ code, output }).toEqual({ code: 2, output: '' });
    expect(errors).toMatch(sentence);
    expect(errors.trim().split('\n')).toHaveLength(1);
  });

  test('what a check found is its exit code, also where nobody reads what it prints', async () => {
    const own = scratchDirectory();
    const server = await startServer({ directory: own.path });
    const { artifact } = await server.call('register_model', {
      model_id: 'm',
      version: '1',
      source: testModel('linear_float32'),
    });
    await server.close();
    const { sha256 } = artifact;
    rmSync(join(own.path, 'registry', 'artifacts', sha256.slice(0, 2), `${sha256.slice(2)}.onnx`));
    const { process: command, ended } = startCommand(['verify'], { directory: own.path });
    command.stdout?.destroy();
    expect(await ended).toEqual({ code: 1, output: '', errors: '' });
    own.remove();
  });

  // npx and the bin link of an installed package run the file itself.
  test.skipIf(process.platform === 'win32')('what was built can be executed by its name alone', () => {
    const { status, stdout, error } = spawnSync(serverFile, ['--version'], { encoding: 'utf8' });
    expect({ status, error }).toEqual({ status: 0, error: undefined });
    expect(stdout).toMatch(/^\d+\.\d+\.\d+/);
  });

  test('a setting that is misspelt stops a command as it stops the server', async () => {
    const { code, errors } = await run(['audit'], { MODELYARD_ROLE: 'boss' });
    expect(code).toBe(2);
    expect(errors).toContain('MODELYARD_ROLE="boss" is not valid');
  });

  test.each(['audit', 'verify', 'backup', 'restore', 'doctor', 'install', 'uninstall', 'demo'])(
    '%s --help says how to use it, whatever the settings',
    async (name) => {
      const { code, output, errors } = await run([name, '--help'], { MODELYARD_ROLE: 'boss' });
      expect({ code, errors }).toEqual({ code: 0, errors: '' });
      expect(output).toMatch(new RegExp(`^Usage: modelyard ${name}`));
    },
  );

  test('--help fits a screen', async () => {
    const { code, output, errors } = await run(['--help']);
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    const lines = output.trimEnd().split('\n');
    expect(lines.length).toBeLessThan(24);
    // The last is the folder of the store, which is as long as it is.
    expect(lines.slice(0, -1).filter((line) => line.length > 80)).toEqual([]);
  });

  test.each(['audit', 'verify', 'backup'])('%s makes no store where there is none', async (name) => {
    const { code, errors } = await run(name === 'backup' ? [name, join(scratch.path, 'none')] : [name]);
    expect(code).toBe(1);
    expect(errors).toContain('There is no store in');
    expect(existsSync(join(scratch.path, 'registry'))).toBe(false);
    expect(existsSync(join(scratch.path, 'none'))).toBe(false);
  });
});

describe.each(stores)('modelyard audit $name', ({ skipped, open }) => {
  let scratch: Scratch;
  let store: TestStore;
  beforeAll(async () => {
    if (skipped) return;
    scratch = scratchDirectory();
    store = await open();
    const server = await startServer({ directory: scratch.path, settings: store.settings });
    const source = testModel('linear_float32');
    await server.call('register_model', { model_id: 'm', version: '1', source });
    await server.call('promote_model', {
      model_id: 'm',
      version: '1',
      target_stage: 'staging',
      reason: 'password=hunter2-Zq9 \u001b[31m works',
    });
    await server.fail('promote_model', { model_id: 'm', version: '1', target_stage: 'development' });
    await server.call('register_model', { model_id: 'other', version: '1', source });
    await server.close();
  });
  afterAll(async () => {
    if (skipped) return;
    await store.drop();
    scratch.remove();
  });
  const run = (...given: string[]) =>
    runCommand(['audit', ...given], { directory: scratch.path, settings: store.settings });

  test.skipIf(skipped)('lists what was done and refused, the newest last, without secrets', async () => {
    const { code, output, errors } = await run();
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    const [head, ...rows] = output.trimEnd().split('\n');
    expect(head).toMatch(/^# +time +role +client +action +model +version +outcome +detail$/);
    expect(rows.map((row) => row.split(/ {2,}/).slice(2, 8))).toEqual([
      ['operator', 'modelyard-e2e 1.0.0', 'register_model', 'm', '1', 'done'],
      ['operator', 'modelyard-e2e 1.0.0', 'promote_model', 'm', '1', 'done'],
      ['operator', 'modelyard-e2e 1.0.0', 'promote_model', 'm', '1', 'ILLEGAL_TRANSITION'],
      ['operator', 'modelyard-e2e 1.0.0', 'register_model', 'other', '1', 'done'],
    ]);
    const { output: json } = await run('--json');
    expect(output + json).not.toContain('hunter2-Zq9');
    expect(output).not.toContain('\u001b');
  });

  test.skipIf(skipped)('lists what the filters leave', async () => {
    const { output } = await run('--model', 'm', '--outcome', 'done', '--client', 'E2E', '--json');
    const lines = output.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).sequence)).toEqual([1, 2]);
    expect((await run('--limit', '1', '--json')).output).toContain('"sequence":4');
    expect((await run('--until', '2020-01-01')).output).toBe('No entries.\n');
    expect((await run('--since', '2020-01-01T00:00', '--role', 'operator')).output).toContain('\n4  ');
  });

  test.skipIf(skipped)(
    'exports the trail as JSON Lines, whole, and replaces no file unless told to',
    async () => {
      const file = join(scratch.path, 'audit.jsonl');
      expect(await run('--export', file)).toMatchObject({
        code: 0,
        output: `4 entries written to ${file}.\n`,
      });
      const text = readFileSync(file, 'utf8');
      const entries = text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(entries.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
      for (const [index, { previous_hash: previous }] of entries.entries())
        expect(previous).toBe(entries[index - 1]?.hash ?? '0'.repeat(64));
      expect(await run('--export', '-')).toMatchObject({ code: 0, output: text });
      writeFileSync(file, 'mine');
      const refused = await run('--export', file);
      expect(refused).toMatchObject({ code: 1, errors: expect.stringContaining('exists already') });
      expect(readFileSync(file, 'utf8')).toBe('mine');
      expect((await run('--export', file, '--force')).code).toBe(0);
      expect(readFileSync(file, 'utf8')).toBe(text);
      const nowhere = await run('--export', join(scratch.path, 'no', 'file'));
      expect(nowhere).toMatchObject({ code: 1, errors: expect.stringContaining('does not exist') });
    },
  );

  test.skipIf(skipped)('finds the chain whole, and what it says of its head is in the export', async () => {
    const { code, output } = await run('--verify');
    expect(code).toBe(0);
    const [, hash = 'none'] = /4 entries\. Head: 4 ([0-9a-f]{64})\n$/.exec(output) ?? [];
    expect((await run('--json', '--limit', '1')).output).toContain(`"hash":"${hash}"`);
  });

  test.skipIf(skipped)('takes its settings from --config on either side', async () => {
    const config = join(scratch.path, 'config.json');
    writeFileSync(config, JSON.stringify({ MODELYARD_ROLE: 'viewer' }));
    expect(statSync(config).size).toBeGreaterThan(0);
    const options = { directory: scratch.path, settings: store.settings };
    for (const given of [
      ['--config', config, 'audit', '--json'],
      ['audit', '--json', '--config', config],
      ['audit', `--config=${config}`, '--json'],
    ])
      expect((await runCommand(given, options)).output.split('\n')).toHaveLength(5);
  });
});
