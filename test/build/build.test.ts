import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { builtFile } from '../../src/built_file.ts';
import { buildIfStale } from '../built.ts';
import { serverEnvironment, serverFile } from '../e2e/environment.ts';
import { temporaryDirectory } from '../temporary.ts';

const current = fileURLToPath(new URL('../../dist/current', import.meta.url));

/** Addresses of the modules that a server loads which answers initialize and tools/list, in their order. */
async function loadedAtStart(): Promise<string[]> {
  const hooks = `
    import { writeSync } from 'node:fs';
    export async function load(url, context, next) { writeSync(2, url + '\\n'); return next(url, context); }`;
  const address = (source: string) => `data:text/javascript,${encodeURIComponent(source)}`;
  const register = `import { register } from 'node:module'; register(${JSON.stringify(address(hooks))});`;
  const child = spawn(process.execPath, ['--import', address(register), serverFile], {
    stdio: 'pipe',
    env: serverEnvironment(temporaryDirectory()),
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const send = (message: object) => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  const clientInfo = { name: 'test', version: '1' };
  send({
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo },
  });
  send({ method: 'notifications/initialized' });
  send({ id: 2, method: 'tools/list' });
  let answers = 0;
  for await (const _ of createInterface({ input: child.stdout })) if (++answers === 2) break;
  child.kill('SIGKILL');
  return errors.split('\n').filter((line) => line.startsWith('file:'));
}

function sourcesOf(addresses: readonly string[]): string[] {
  const bundled = addresses.filter((address) => existsSync(new URL(`${address}.map`)));
  return bundled.flatMap((address) => {
    const map: { sources: string[] } = JSON.parse(readFileSync(new URL(`${address}.map`), 'utf8'));
    return map.sources;
  });
}

describe('the build', () => {
  test('is not made again where it is what the sources say', () => {
    const before = statSync(current).mtimeMs;
    buildIfStale();
    expect(statSync(current).mtimeMs).toBe(before);
  });

  test.skipIf(process.platform === 'win32')('can be executed, and again after its mode was lost', () => {
    chmodSync(serverFile, 0o644);
    buildIfStale();
    expect(statSync(serverFile).mode & 0o111).toBe(0o111);
  });

  test('has a program beside itself for every thread and host, with its map', () => {
    for (const name of ['main', 'host', 'host_lifeline', 'mover_thread', 'heavy_thread', 'draw_thread'])
      for (const file of [`${name}.js`, `${name}.js.map`])
        expect(existsSync(builtFile(file)), file).toBe(true);
  });

  test('names the licences of what is in it', () => {
    const licences = readFileSync(builtFile('LICENSES.txt'), 'utf8');
    for (const name of ['@modelcontextprotocol/sdk', 'zod', 'kysely', 'vega', 'winston', 'pg'])
      expect(licences).toMatch(new RegExp(`^${name} \\d.*\\(.+\\)$`, 'm'));
    expect(licences).not.toMatch(/^(typescript|vitest|esbuild) /m);
  });

  test('has the version of the package', () => {
    const { version }: { version: string } = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    );
    expect(execFileSync(process.execPath, [serverFile, '--version'], { encoding: 'utf8' })).toBe(
      `${version}\n`,
    );
  });
});

test('initialize and tools/list are answered before much is loaded, and before what opens the store', async () => {
  const loaded = await loadedAtStart();
  // What calls need comes after the answers, as far as it has come.
  const end = loaded.findIndex((url) => url.includes('/services-'));
  const first = end === -1 ? loaded : loaded.slice(0, end);
  expect(first.filter((url) => url.includes('/serve_stdio-'))).toHaveLength(1);
  expect(first.length).toBeLessThanOrEqual(60);
  expect(first.filter((url) => url.includes('node_modules'))).toEqual([]);
  expect(
    sourcesOf(first).filter((source) =>
      /kysely|tools\/|src\/serving\/|storage\/(store|database)\.ts/.test(source),
    ),
  ).toEqual([]);
});
