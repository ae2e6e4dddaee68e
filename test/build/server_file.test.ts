import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { temporaryDirectory } from '../temporary.ts';

const serverFile = z.looseObject({
  name: z.string(),
  version: z.string().regex(/^\d+\.\d+\.\d+(-[\w.]+)?$/),
  repository: z.strictObject({ url: z.url(), source: z.literal('github') }),
  websiteUrl: z.url(),
});

const packageFile = z.object({
  version: z.string(),
  mcpName: z.string(),
  homepage: z.string(),
  repository: z.object({ url: z.string() }),
  bugs: z.object({ url: z.url() }),
});

function pathOf(name: string): string {
  return fileURLToPath(new URL(`../../${name}`, import.meta.url));
}

function read(name: string): unknown {
  return JSON.parse(readFileSync(pathOf(name), 'utf8'));
}

/** What the registry's schema does not take of a file: a line each. */
function faultsOf(file: string): string {
  const checker = pathOf('test/build/check_server_file.mjs');
  const { stdout, stderr } = spawnSync(process.execPath, [checker, file], { encoding: 'utf8' });
  return stdout + stderr;
}

test('server.json is what the MCP registry takes, and says the same as package.json', () => {
  expect(faultsOf(pathOf('server.json'))).toBe('');
  const server = serverFile.parse(read('server.json'));
  const { version, mcpName, homepage, repository, bugs } = packageFile.parse(read('package.json'));
  expect(server).toMatchObject({ name: mcpName, version, websiteUrl: homepage });
  expect(`git+${server.repository.url}.git`).toBe(repository.url);
  expect(bugs.url.startsWith(server.repository.url)).toBe(true);
});

test('a server.json that the registry would refuse is found out', () => {
  const file = join(temporaryDirectory(), 'server.json');
  const wrong = {
    ...serverFile.parse(read('server.json')),
    name: 'modelyard',
    description: 'x'.repeat(101),
    packages: [{ registryType: 'mcpb', identifier: 'x', fileSha256: 'ABC' }],
  };
  writeFileSync(file, JSON.stringify(wrong));
  expect(faultsOf(file).trim().split('\n').sort()).toEqual([
    '/description must NOT have more than 100 characters',
    '/name must match pattern "^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$"',
    "/packages/0 must have required property 'transport'",
    '/packages/0/fileSha256 must match pattern "^[a-f0-9]{64}$"',
  ]);
});
