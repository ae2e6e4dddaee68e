import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { getDefaultEnvironment, StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type ClientName, clientNames, clients } from '../../src/clients/client.ts';
import { readConfiguration } from '../../src/clients/configured_servers.ts';
import { type Scratch, scratchDirectory, serverFile } from './environment.ts';
import { runCommand } from './running_command.ts';

const entrySchema = z.object({
  command: z.string(),
  args: z.array(z.string()),
  env: z.record(z.string(), z.string()),
});

let scratch: Scratch;
let directory: string;
let home = 0;
beforeAll(() => {
  scratch = scratchDirectory();
});
beforeEach(() => {
  home++;
  directory = join(scratch.path, String(home));
  mkdirSync(directory);
});
afterAll(() => scratch.remove());

const run = (...given: string[]) => runCommand(given, { directory });
const fileOf = (name: ClientName) =>
  clients[name].file({ platform: process.platform, home: directory, environment: {} });

function write(name: ClientName, text: string): string {
  const file = fileOf(name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

function entryIn(name: ClientName) {
  const { content } = readConfiguration(readFileSync(fileOf(name), 'utf8'), clients[name]);
  return entrySchema.parse(z.record(z.string(), z.unknown()).parse(content?.[clients[name].key]).modelyard);
}

const copiesIn = (file: string) =>
  readdirSync(dirname(file)).filter((name) => name.includes('.before-modelyard-'));

describe.each(clientNames)('modelyard install %s', (name) => {
  test('writes an entry that starts the server, in a file of its own, and takes it out again', async () => {
    const { code, output, errors } = await run(
      'install',
      name,
      '--env',
      `MODEL_REGISTRY_DIR=${join(directory, 'store')}`,
    );
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(output).toContain(`Written to ${fileOf(name)}`);
    expect(output).toContain(`Undo: modelyard uninstall ${name}`);
    const { command, args, env } = entryIn(name);
    const client = new Client({ name: 'modelyard-e2e', version: '1.0.0' });
    await client.connect(
      new StdioClientTransport({ command, args, env: { ...getDefaultEnvironment(), ...env } }),
    );
    expect((await client.listTools()).tools.length).toBeGreaterThan(20);
    await client.close();
    expect(existsSync(join(directory, 'store'))).toBe(true);
    if (process.platform !== 'win32') expect(statSync(fileOf(name)).mode & 0o777).toBe(0o600);
    expect((await run('uninstall', name)).code).toBe(0);
    const { content } = readConfiguration(readFileSync(fileOf(name), 'utf8'), clients[name]);
    expect(content).toEqual({ [clients[name].key]: {} });
  });

  test('keeps everything that is there, and a copy of it, and changes nothing the second time', async () => {
    const comment = clients[name].comments ? '  // all of mine\n' : '';
    const before = `{\n${comment}  "theme": "dark",\n  "${clients[name].key}": {\n    "other": {"command": "x", "env": {"TOKEN": "t"}}\n  }\n}\n`;
    const file = write(name, before);
    chmodSync(file, 0o600);
    expect((await run('install', name)).code).toBe(0);
    const after = readFileSync(file, 'utf8');
    for (const line of before.split('\n').slice(0, 4)) expect(after).toContain(line);
    const [copy = ''] = copiesIn(file);
    expect(readFileSync(join(dirname(file), copy), 'utf8')).toBe(before);
    if (process.platform !== 'win32')
      for (const one of [file, join(dirname(file), copy)]) expect(statSync(one).mode & 0o777).toBe(0o600);
    const again = await run('install', name);
    expect(again).toMatchObject({ code: 0, output: expect.stringContaining('nothing was changed') });
    expect(readFileSync(file, 'utf8')).toBe(after);
    expect(copiesIn(file)).toEqual([copy]);
    expect((await run('uninstall', name)).code).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe(before);
    expect(await run('uninstall', name)).toMatchObject({
      code: 0,
      output: expect.stringContaining('has no entry modelyard; nothing was changed'),
    });
  });
});

test('a dry run shows what would be written, and writes nothing', async () => {
  const { code, output } = await run('install', 'cursor', '--dry-run');
  expect(code).toBe(0);
  expect(output).toContain(`Would write to ${fileOf('cursor')}`);
  expect(output).toContain(JSON.stringify(serverFile));
  expect(readdirSync(directory)).toEqual([]);
});

test('an entry that is there is brought up to date; its settings, flags and other members stay', async () => {
  const old = {
    command: 'node',
    args: ['/gone/main.js', '--read-only'],
    env: { MODELYARD_ROLE: 'viewer' },
    disabled: false,
  };
  const file = write('cursor', JSON.stringify({ mcpServers: { modelyard: old } }));
  const { output } = await run(
    'install',
    'cursor',
    '--env',
    'DRIFT_THRESHOLD=0.1',
    '--env',
    'MODELYARD_ROLE=',
  );
  expect(output).toContain('DRIFT_THRESHOLD');
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
    mcpServers: {
      modelyard: {
        ...old,
        command: expect.any(String),
        args: [serverFile, '--read-only'],
        env: { DRIFT_THRESHOLD: '0.1' },
      },
    },
  });
});

test('what is secret is written and not shown', async () => {
  const { output } = await run('install', 'cursor', '--env', 'DATABASE_URL=postgres://ada:hunter2-Zq9@db/m');
  expect(output).not.toContain('hunter2-Zq9');
  expect(entryIn('cursor').env.DATABASE_URL).toBe('postgres://ada:hunter2-Zq9@db/m');
});

test.skipIf(process.platform === 'win32')('a link to the file stays one', async () => {
  const real = join(directory, 'dotfiles.json');
  writeFileSync(real, '{}');
  const file = fileOf('cursor');
  mkdirSync(dirname(file), { recursive: true });
  symlinkSync(real, file);
  expect((await run('install', 'cursor')).code).toBe(0);
  expect(lstatSync(file).isSymbolicLink()).toBe(true);
  expect(readFileSync(real, 'utf8')).toContain('modelyard');
});

test('--by-name starts the command where it is in PATH', async () => {
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  const options = { directory, settings: { PATH: bin } };
  const missing = await runCommand(['install', 'cursor', '--by-name'], options);
  expect(missing).toMatchObject({ code: 1, errors: expect.stringContaining('no command modelyard in PATH') });
  for (const name of ['modelyard', 'modelyard.cmd']) writeFileSync(join(bin, name), '', { mode: 0o755 });
  expect((await runCommand(['install', 'cursor', '--by-name'], options)).code).toBe(0);
  expect(entryIn('cursor')).toEqual(
    process.platform === 'win32'
      ? { command: 'cmd', args: ['/c', 'modelyard'], env: {} }
      : { command: 'modelyard', args: [], env: {} },
  );
});

test.each<[string[], number, RegExp]>([
  [['install'], 2, /The client is missing\. See modelyard install --help/],
  [['install', 'emacs'], 2, /There is no client emacs here: claude-desktop, claude-code, cursor, vscode/],
  [['uninstall', 'emacs'], 2, /See modelyard uninstall --help/],
  [['install', 'cursor', '--env', 'role'], 2, /--env role is not NAME=VALUE/],
  [['install', 'cursor', '--env', 'MODELYARD_ROLL=viewer'], 2, /Unknown environment variable MODELYARD_ROLL/],
  [['install', 'cursor', '--env', 'MODELYARD_ROLE=boss'], 2, /MODELYARD_ROLE="boss" is not valid/],
  [['demo', 'faster'], 2, /Unexpected argument 'faster'\. See modelyard demo --help/],
])('%j is refused in a sentence', async (given, exit, sentence) => {
  const { code, output, errors } = await run(...given);
  expect({ code, output }).toEqual({ code: exit, output: '' });
  expect(errors).toMatch(sentence);
  expect(errors.trim().split('\n')).toHaveLength(1);
  expect(readdirSync(directory)).toEqual([]);
});

test.each(['install', 'uninstall'])('%s leaves a file alone that it cannot read', async (command) => {
  const file = write('claude-desktop', '{"mcpServers": {');
  const { code, errors } = await run(command, 'claude-desktop');
  expect(code).toBe(1);
  expect(errors).toMatch(/is no JSON: .* in line 1, column 17; it was left as it is\. Correct it by hand/);
  expect(readFileSync(file, 'utf8')).toBe('{"mcpServers": {');
  expect(readdirSync(dirname(file))).toHaveLength(1);
});
