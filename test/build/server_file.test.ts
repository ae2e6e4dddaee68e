import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';

/**
 * What the MCP registry takes, as its schema of 2025-12-11 says of the members that are used here
 * (https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json).
 */
const serverFile = z.strictObject({
  $schema: z.literal('https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json'),
  name: z
    .string()
    .min(3)
    .max(200)
    .regex(/^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/),
  title: z.string().min(1).max(100),
  description: z.string().min(1).max(100),
  version: z
    .string()
    .max(255)
    .regex(/^\d+\.\d+\.\d+(-[\w.]+)?$/),
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

function read(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'));
}

test('server.json is what the MCP registry takes, and says the same as package.json', () => {
  const server = serverFile.parse(read('server.json'));
  const { version, mcpName, homepage, repository, bugs } = packageFile.parse(read('package.json'));
  expect(server).toMatchObject({ name: mcpName, version, websiteUrl: homepage });
  expect(`git+${server.repository.url}.git`).toBe(repository.url);
  expect(bugs.url.startsWith(server.repository.url)).toBe(true);
});
