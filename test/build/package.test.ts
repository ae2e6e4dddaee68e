import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { startServer, type TestServer } from '../e2e/client.ts';
import { nbaFile, serverEnvironment, workingDirectory } from '../e2e/environment.ts';
import { temporaryDirectory } from '../temporary.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const place = join(temporaryDirectory(), 'package');
const main = join(place, 'dist', 'src', 'main.js');

beforeAll(() => {
  execFileSync(process.execPath, [join(repository, 'build', 'pack.mjs'), '--folder', place]);
});

function fileOf(name: string): string {
  const found = readdirSync(place, { recursive: true, encoding: 'utf8' }).find(
    (path) => path.split(/[\\/]/).at(-1) === name,
  );
  if (found === undefined) throw new Error(`The package has no ${name}.`);
  return join(place, found);
}

/** Runs something while a file of the package is missing. */
async function without(name: string, run: () => Promise<void> | void): Promise<void> {
  const file = fileOf(name);
  renameSync(file, `${file}.hidden`);
  try {
    await run();
  } finally {
    renameSync(`${file}.hidden`, file);
  }
}

async function withServer(run: (server: TestServer) => Promise<void>): Promise<void> {
  const server = await startServer({ file: main });
  try {
    await run(server);
  } finally {
    await server.close();
  }
}

const nba = { model_id: 'nba', version: '1', source: nbaFile('home_win_v2.onnx') };
const library = {
  linux: 'libonnxruntime.so.1',
  darwin: 'libonnxruntime.1.dylib',
  win32: 'onnxruntime.dll',
}[String(process.platform)];

describe('a package', () => {
  test('has nothing to install and nothing to run, and says where it belongs', () => {
    const described: unknown = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8'));
    expect(described).toMatchObject({ name: 'modelyard', os: [process.platform], cpu: [process.arch] });
    for (const member of ['dependencies', 'optionalDependencies', 'devDependencies', 'scripts', 'private'])
      expect(described).not.toHaveProperty(member);
    expect(existsSync(join(place, 'node_modules'))).toBe(false);
  });

  test('holds no tests, benches and type declarations', () => {
    const files = readdirSync(place, { recursive: true, encoding: 'utf8' });
    expect(files.filter((path) => /(^|[\\/])(bench|development|test)[\\/]|\.d\.ts$/.test(path))).toEqual([]);
  });

  test('names the licences of its native parts and fonts', () => {
    const licences = readFileSync(fileOf('LICENSES.txt'), 'utf8');
    for (const name of ['onnxruntime-node', 'libsql', '@resvg/resvg-js', 'dejavu-fonts-ttf'])
      expect(licences).toMatch(new RegExp(`^${name} \\d`, 'm'));
    expect(licences).toContain('Copyright (c) Microsoft Corporation');
  });

  test('is a bundle that starts by its manifest, with the answers of its user and with none', async () => {
    const manifest = z
      .object({
        user_config: z.record(z.string(), z.object({ default: z.string() })),
        server: z.object({
          entry_point: z.string(),
          mcp_config: z.object({
            command: z.literal('node'),
            args: z.array(z.string()),
            env: z.record(z.string(), z.string()),
          }),
        }),
      })
      .parse(JSON.parse(readFileSync(join(place, 'manifest.json'), 'utf8')));
    const { entry_point, mcp_config } = manifest.server;
    expect(existsSync(join(place, entry_point))).toBe(true);
    const home = temporaryDirectory();
    for (const answers of [{}, { directory: join(home, 'store'), role: 'viewer', allowed_roots: home }]) {
      const given = new Map<string, string>([
        ['__dirname', place],
        ...Object.entries(manifest.user_config).map(
          ([key, question]) => [`user_config.${key}`, question.default] as const,
        ),
        ...Object.entries(answers).map(([key, answer]) => [`user_config.${key}`, answer] as const),
      ]);
      const filled = (text: string) =>
        text.replace(/\$\{([^}]+)\}/g, (_, name: string) => {
          const value = given.get(name);
          if (value === undefined) throw new Error(`The manifest asks nobody for ${name}.`);
          return value;
        });
      const client = new Client({ name: 'host', version: '1' });
      await client.connect(
        new StdioClientTransport({
          command: process.execPath,
          args: mcp_config.args.map(filled),
          env: {
            HOME: home,
            ...Object.fromEntries(
              Object.entries(mcp_config.env).map(([name, value]) => [name, filled(value)]),
            ),
          },
          cwd: workingDirectory,
        }),
      );
      const { tools } = await client.listTools();
      const { structuredContent } = await client.callTool({ name: 'health_check', arguments: {} });
      await client.close();
      const isViewer = 'role' in answers;
      expect(structuredContent).toMatchObject({
        status: 'healthy',
        server: { role: isViewer ? 'viewer' : 'operator' },
      });
      expect(tools.some(({ name }) => name === 'deploy_model')).toBe(!isViewer);
      expect(existsSync(join(home, 'store'))).toBe(isViewer);
    }
  });
});

describe('a native part that is missing', () => {
  test.each(['onnxruntime_binding.node', library ?? ''])(
    '%s is told as a fault of the installation, not of the model',
    async (name) => {
      await without(name, () =>
        withServer(async ({ call, fail }) => {
          const error = await fail('deploy_model', nba);
          expect(error).toMatchObject({ code: 'INTERNAL', retryable: false });
          expect(error.message).toMatch(
            /^No model can run here\. ModelYard is not installed whole: .* is missing/,
          );
          expect(error.message).toContain(name);
          const { status, checks } = await call('health_check');
          expect(status).toBe('unhealthy');
          expect(checks).toContainEqual({
            name: 'runtime',
            status: 'unhealthy',
            detail: expect.stringContaining(name),
          });
        }),
      );
      await withServer(async ({ call }) => {
        await call('deploy_model', nba);
        expect((await call('health_check')).status).not.toBe('unhealthy');
      });
    },
  );

  test('one that cannot be loaded is told in the same way, until it can', async () => {
    const file = fileOf(library ?? '');
    renameSync(file, `${file}.hidden`);
    writeFileSync(file, 'no library');
    try {
      await withServer(async ({ call, fail }) => {
        const error = await fail('deploy_model', nba);
        expect(error.code).toBe('INTERNAL');
        expect(error.message).toMatch(
          /^No model can run here\. ModelYard is not installed whole: .* cannot be loaded/,
        );
        expect((await call('health_check')).status).toBe('unhealthy');
        renameSync(`${file}.hidden`, file);
        await call('deploy_model', nba);
        expect((await call('health_check')).status).not.toBe('unhealthy');
      });
    } finally {
      if (existsSync(`${file}.hidden`)) renameSync(`${file}.hidden`, file);
    }
  });

  test('opens no circuit breaker of a model that was deployed before', async () => {
    const directory = temporaryDirectory();
    const before = await startServer({ file: main, directory });
    await before.call('deploy_model', { ...nba, feature_names: featureNames() });
    await before.close();
    await without('onnxruntime_binding.node', async () => {
      const server = await startServer({ file: main, directory });
      const row = Object.fromEntries(featureNames().map((name) => [name, 1]));
      for (let call = 0; call < 25; call++) {
        const error = await server.fail('predict', { model_id: 'nba', inputs: [row] });
        expect(error.code).toBe('INTERNAL');
      }
      const { models } = await server.call('health_check', { model_id: 'nba' });
      expect(models[0]?.circuit_breaker).toMatchObject({ state: 'closed', trips: 0 });
      await server.close();
    });
  });

  test('resvg makes the server degraded: numbers need no charts', async () => {
    await without('resvg.node', () =>
      withServer(async ({ call }) => {
        const { status, checks } = await call('health_check');
        expect(status).toBe('degraded');
        expect(checks).toContainEqual({
          name: 'charts',
          status: 'degraded',
          detail: expect.stringContaining('resvg.node is missing'),
        });
      }),
    );
  });

  test('a database that cannot be loaded is told by every tool', async () => {
    const file = fileOf('libsql.node');
    renameSync(file, `${file}.hidden`);
    writeFileSync(file, 'no library');
    try {
      await withServer(async ({ fail }) => {
        const error = await fail('health_check');
        expect(error).toMatchObject({ code: 'INTERNAL', hint: 'Install ModelYard again on this machine.' });
        expect(error.message).toMatch(/^ModelYard is not installed whole: .*libsql\.node cannot be loaded/);
      });
    } finally {
      renameSync(`${file}.hidden`, file);
    }
  });

  test('the database ends the start with a sentence', async () => {
    await without('libsql.node', () => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [main], {
        env: serverEnvironment(temporaryDirectory()),
        encoding: 'utf8',
        input: '',
      });
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
      expect(stderr).toMatch(
        /^modelyard: ModelYard is not installed whole: .*libsql\.node is missing\. .*\n$/,
      );
    });
  });
});

function featureNames(): string[] {
  return z
    .object({ feature_names: z.array(z.string()) })
    .parse(JSON.parse(readFileSync(nbaFile('features.json'), 'utf8'))).feature_names;
}
