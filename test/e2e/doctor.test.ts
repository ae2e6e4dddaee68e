import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import LibsqlDatabase from 'libsql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { startServer } from './client.ts';
import { type Scratch, scratchDirectory, serverFile } from './environment.ts';
import { type CommandOptions, runCommand } from './running_command.ts';
import { mayMount, mountSmallDisk, type SmallDisk } from './small_disk.ts';
import { stores } from './stores.ts';

const report = z.strictObject({
  version: z.string(),
  ok: z.boolean(),
  checks: z.array(
    z.strictObject({
      subject: z.string(),
      status: z.enum(['ok', 'note', 'problem']),
      what: z.string(),
      next: z.string().optional(),
    }),
  ),
});

const repository = fileURLToPath(new URL('../..', import.meta.url));
const isRoot = process.getuid?.() === 0;

async function examine(options: CommandOptions) {
  const { code, output, errors } = await runCommand(['doctor', '--json'], options);
  expect(errors).toBe('');
  const found = report.parse(JSON.parse(output));
  expect({ code, ok: found.ok }).toEqual(found.ok ? { code: 0, ok: true } : { code: 1, ok: false });
  const problems = found.checks.filter(({ status }) => status === 'problem');
  // Whatever is wrong comes with what to do.
  for (const check of found.checks) expect(check.next === undefined).toBe(check.status === 'ok');
  return { problems, checks: found.checks, code };
}

/** An entry of a client's configuration that starts the built server, and what a test changes of it. */
function entry(changes: object = {}): object {
  return { command: process.execPath, args: [serverFile], env: {}, ...changes };
}

/** The configuration of Claude Desktop of the user whose home is `directory`. */
function desktopFile(directory: string): string {
  const file =
    process.platform === 'darwin'
      ? join(directory, 'Library', 'Application Support', 'Claude', 'claude_desktop_config.json')
      : join(directory, '.config', 'Claude', 'claude_desktop_config.json');
  mkdirSync(dirname(file), { recursive: true });
  return file;
}

function configure(directory: string, servers: object): string {
  const file = desktopFile(directory);
  writeFileSync(file, JSON.stringify({ mcpServers: servers }));
  return file;
}

interface Broken {
  settings?: Record<string, string>;
  /** How a command of this set-up is run, where it is not the built one by this user. */
  run?: { main?: string };
  end?: () => void;
}

interface Case {
  /** Breaks a whole set-up in one place; everything is in the directory. */
  breaks: (directory: string) => Broken | Promise<Broken>;
  /** The one problem that is named. */
  finds: { subject: string; what: RegExp; next: RegExp };
  skipped?: boolean;
}

const cases: Record<string, Case> = {
  'a native part is missing': {
    breaks: (directory) => ({ run: { main: installationWithout('@libsql', directory) } }),
    finds: {
      subject: 'native parts',
      what: /^libsql, which .* does not load on .*@libsql\/.* is missing$/,
      next: /Install/,
    },
  },
  'the directory is a file': {
    breaks(directory) {
      const file = join(directory, 'file');
      writeFileSync(file, '');
      return { settings: { MODEL_REGISTRY_DIR: file } };
    },
    finds: { subject: 'directory', what: /file is no directory/, next: /MODEL_REGISTRY_DIR/ },
  },
  'the directory cannot be written': {
    skipped: isRoot ? !mayMount : process.platform === 'win32',
    breaks(directory) {
      const locked = join(directory, 'locked');
      if (isRoot) return { settings: { MODEL_REGISTRY_DIR: locked }, end: mountReadOnly(locked) };
      mkdirSync(locked, { mode: 0o500 });
      return { settings: { MODEL_REGISTRY_DIR: locked }, end: () => chmodSync(locked, 0o700) };
    },
    finds: {
      subject: 'directory',
      what: /locked cannot be written \((EACCES|EROFS)\)/,
      next: /Let the user/,
    },
  },
  'the disk is full': {
    skipped: !mayMount,
    breaks(directory) {
      const disk = mountSmallDisk(join(directory, 'disk'), 2);
      disk.fill();
      return {
        settings: { MODEL_REGISTRY_DIR: join(directory, 'disk', 'store') },
        end: () => disk.remove(),
      };
    },
    finds: { subject: 'disk', what: /is full \(\d+ kB free\)/, next: /Make room/ },
  },
  'the database is of a newer version': {
    async breaks(directory) {
      await makeStore(directory);
      const database = new LibsqlDatabase(join(directory, 'registry', 'modelyard.db'));
      database.exec(
        "insert into kysely_migration (name, timestamp) values ('9999_from_the_future', '2099-01-01T00:00:00Z')",
      );
      database.close();
      return {};
    },
    finds: { subject: 'database', what: /another ModelYard.*9999_from_the_future/, next: /Use that version/ },
  },
  'the database file is damaged': {
    async breaks(directory) {
      await makeStore(directory);
      const file = join(directory, 'registry', 'modelyard.db');
      for (const name of [`${file}-wal`, `${file}-shm`]) rmSync(name, { force: true });
      writeFileSync(file, 'This is no database, and it is longer than the header of one: '.repeat(100));
      return {};
    },
    finds: { subject: 'database', what: /damaged \(SQLITE_NOTADB\)/, next: /restore a backup/ },
  },
  'nobody answers at the address of the database': {
    breaks: () => ({ settings: { DATABASE_URL: 'postgres://ada:hunter2-Zq9@127.0.0.1:1/modelyard' } }),
    finds: {
      subject: 'database',
      what: /DATABASE_URL does not lead to .*ECONNREFUSED/,
      next: /start PostgreSQL/,
    },
  },
  'the address of the database is none': {
    breaks: () => ({ settings: { DATABASE_URL: 'mysql://127.0.0.1/modelyard' } }),
    finds: { subject: 'settings', what: /^DATABASE_URL=.*must begin with postgres/, next: /Correct it/ },
  },
  'an allowed root does not exist': {
    breaks: (directory) => ({ settings: { MODELYARD_ALLOWED_ROOTS: join(directory, 'nowhere') } }),
    finds: {
      subject: 'settings',
      what: /MODELYARD_ALLOWED_ROOTS: the directory .*nowhere does not exist/,
      next: /Correct it/,
    },
  },
  'an allowed root is a file': {
    breaks(directory) {
      const file = join(directory, 'model.onnx');
      writeFileSync(file, '');
      return { settings: { MODELYARD_ALLOWED_ROOTS: file } };
    },
    finds: { subject: 'allowed roots', what: /model\.onnx is no directory/, next: /Name directories/ },
  },
  'MLflow does not answer': {
    breaks: () => ({ settings: { MLFLOW_TRACKING_URI: 'http://127.0.0.1:1' } }),
    finds: {
      subject: 'mlflow',
      what: /MLflow at http:\/\/127\.0\.0\.1:1 did not answer \(ECONNREFUSED\)/,
      next: /MLFLOW_TRACKING_URI/,
    },
  },
  'a client starts a program that is not there': {
    breaks(directory) {
      configure(directory, { modelyard: entry({ command: join(directory, 'old-node') }) });
      return {};
    },
    finds: {
      subject: 'Claude Desktop',
      what: /starts .*old-node, which is not there/,
      next: /modelyard install/,
    },
  },
  'a client starts a main.js that is gone': {
    breaks(directory) {
      configure(directory, { modelyard: entry({ args: [join(directory, 'main.js')] }) });
      return {};
    },
    finds: { subject: 'Claude Desktop', what: /main\.js, which does not exist/, next: /modelyard install/ },
  },
  "a client's configuration is no JSON": {
    breaks(directory) {
      writeFileSync(desktopFile(directory), '{"mcpServers": {\n  "modelyard": {"command": "node",}\n}}');
      return {};
    },
    finds: {
      subject: 'Claude Desktop',
      what: /claude_desktop_config\.json is no JSON: .* in line 2, column \d+/,
      next: /by hand/,
    },
  },
  "a client's env block has an unknown setting": {
    breaks(directory) {
      configure(directory, { modelyard: entry({ env: { MODELYARD_ROLL: 'viewer' } }) });
      return {};
    },
    finds: {
      subject: 'Claude Desktop',
      what: /Unknown environment variable MODELYARD_ROLL/,
      next: /Correct it/,
    },
  },
  "a client's store cannot be used": {
    breaks(directory) {
      writeFileSync(join(directory, 'file'), '');
      configure(directory, { modelyard: entry({ env: { MODEL_REGISTRY_DIR: join(directory, 'file') } }) });
      return {};
    },
    finds: {
      subject: 'Claude Desktop',
      what: /the entry modelyard of .*: .*file is no directory/,
      next: /MODEL_REGISTRY_DIR/,
    },
  },
  'a client fetches whatever is called modelyard': {
    breaks(directory) {
      configure(directory, { yard: { command: 'npx', args: ['-y', 'modelyard'] } });
      return {};
    },
    finds: { subject: 'Claude Desktop', what: /fetches its program with npx/, next: /modelyard install/ },
  },
  'a client starts something that only calls itself so': {
    breaks(directory) {
      const main = join(directory, 'modelyard', 'main.js');
      mkdirSync(dirname(main));
      writeFileSync(main, 'console.log("Hello")');
      configure(directory, { modelyard: entry({ args: [main] }) });
      return {};
    },
    finds: {
      subject: 'Claude Desktop',
      what: /does not start: it writes something else than MCP to its output: Hello/,
      next: /modelyard install/,
    },
  },
};

function mountReadOnly(directory: string): () => void {
  const disk: SmallDisk = mountSmallDisk(directory, 1);
  disk.freeze();
  return () => disk.remove();
}

async function makeStore(directory: string): Promise<void> {
  const server = await startServer({ directory });
  await server.call('search_models', {});
  await server.close();
}

/** A copy of this installation in which a package is missing; the others are the repository's. */
function installationWithout(missing: string, directory: string): string {
  const copy = join(directory, 'installation');
  mkdirSync(join(copy, 'node_modules'), { recursive: true });
  cpSync(join(repository, 'dist'), join(copy, 'dist'), { recursive: true });
  cpSync(join(repository, 'package.json'), join(copy, 'package.json'));
  for (const name of readdirSync(join(repository, 'node_modules')))
    if (name !== missing)
      symlinkSync(join(repository, 'node_modules', name), join(copy, 'node_modules', name), 'junction');
  return join(copy, 'dist', 'src', 'main.js');
}

describe('modelyard doctor names what is wrong, and nothing else', () => {
  let scratch: Scratch;
  beforeAll(() => {
    scratch = scratchDirectory();
  });
  afterAll(() => scratch.remove());

  test.each(Object.entries(cases))('%s', async (name, { breaks, finds, skipped }) => {
    if (skipped) return;
    const directory = join(scratch.path, name.replace(/\W/g, '_'));
    mkdirSync(directory);
    const { settings, run, end } = await breaks(directory);
    try {
      const { problems } = await examine({ directory, settings, main: run?.main });
      // What does not load spoils what needs it.
      const others = run?.main === undefined ? [] : ['database'];
      const [problem, ...more] = problems.filter(({ subject }) => !others.includes(subject));
      expect(problem).toMatchObject({
        subject: finds.subject,
        what: expect.stringMatching(finds.what),
        next: expect.stringMatching(finds.next),
      });
      expect(more).toEqual([]);
      expect(JSON.stringify(problems)).not.toContain('hunter2-Zq9');
    } finally {
      end?.();
    }
  });
});

describe.each(stores)('modelyard doctor on a whole set-up $name', ({ skipped, open }) => {
  test.skipIf(skipped)(
    'finds nothing wrong, before the first start and after it, and makes nothing',
    async () => {
      const scratch = scratchDirectory();
      const store = await open();
      const { path: directory } = scratch;
      configure(directory, { other: { command: 'nothing' }, modelyard: entry({ env: store.settings }) });
      const options = { directory, settings: store.settings };
      const before = await examine(options);
      expect(before.problems).toEqual([]);
      const about = (checks: typeof before.checks, subject: string) =>
        checks.filter((check) => check.subject === subject).map(({ what }) => what);
      expect(about(before.checks, 'database')[0]).toMatch(/first start makes/);
      expect(about(before.checks, 'Claude Desktop')).toEqual([
        expect.stringMatching(/^the entry modelyard of .* starts \(ModelYard \d+\.\d+\.\d+, \d+ tools\)$/),
      ]);
      expect(readdirSync(directory)).not.toContain('registry');
      const server = await startServer(options);
      await server.call('search_models', {});
      await server.close();
      const after = await examine(options);
      expect(after.problems).toEqual([]);
      expect(about(after.checks, 'database')[0]).toMatch(/answers, tables up to date/);
      await store.drop();
      scratch.remove();
    },
  );
});

test('modelyard doctor asks an MLflow server that is there, and makes nothing in it', async () => {
  const scratch = scratchDirectory();
  const asked: string[] = [];
  const server = createServer(({ method, url }, response) => {
    asked.push(`${method} ${url}`);
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end('{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "none"}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  const settings = {
    MLFLOW_TRACKING_URI: `http://ada:hunter2-Zq9@127.0.0.1:${address.port}`,
    MLFLOW_EXPERIMENT_NAME: 'models',
  };
  const { problems, checks } = await examine({ directory: scratch.path, settings });
  expect(problems).toEqual([]);
  expect(checks.find(({ subject }) => subject === 'mlflow')?.what).toMatch(
    /answers, experiment models does not/,
  );
  expect(JSON.stringify(checks)).not.toContain('hunter2-Zq9');
  expect(asked).toEqual(['GET /api/2.0/mlflow/experiments/get-by-name?experiment_name=models']);
  server.close();
  scratch.remove();
});

test.skipIf(process.platform === 'win32')('modelyard doctor notes a store that others can read', async () => {
  const scratch = scratchDirectory();
  const store = join(scratch.path, 'registry');
  mkdirSync(store);
  chmodSync(store, 0o755);
  const { problems, checks } = await examine({ directory: scratch.path });
  expect(problems).toEqual([]);
  expect(checks).toContainEqual({
    subject: 'directory',
    status: 'note',
    what: `others on this machine can get at ${store} (mode 0755)`,
    next: expect.stringContaining(`chmod -R go= '${store}'`),
  });
  scratch.remove();
});

test('for people, doctor writes a line a check, what to do below it, and the sum', async () => {
  const scratch = scratchDirectory();
  const file = configure(scratch.path, { modelyard: entry({ args: [join(scratch.path, 'gone.js')] }) });
  const before = readFileSync(file, 'utf8');
  const { code, output, errors } = await runCommand(['doctor'], { directory: scratch.path });
  expect({ code, errors }).toEqual({ code: 1, errors: '' });
  expect(output).toMatch(/^ok {6}node +Node /m);
  expect(output).toMatch(
    /^PROBLEM Claude Desktop +the entry modelyard of .*gone\.js, which does not exist\.\n +→ Write it anew: /m,
  );
  expect(output).toMatch(/\n1 problem, \d+ notes?\.\n$/);
  expect(readFileSync(file, 'utf8')).toBe(before);
  scratch.remove();
});
