import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { catalogue } from '../../tools/index.ts';
import { startServer, type TestServer } from './client.ts';

type Listed = Awaited<ReturnType<TestServer['client']['listTools']>>['tools'];

let server: TestServer;
let tools: Listed;
beforeAll(async () => {
  server = await startServer({ settings: { MODELYARD_ROLE: 'admin' } });
  ({ tools } = await server.client.listTools());
});
afterAll(() => server.close());

/** Every object in a JSON value, with the way to it. */
function nodesOf(value: unknown, path = ''): { path: string; node: Record<string, unknown> }[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => nodesOf(item, `${path}[${index}]`));
  if (typeof value !== 'object' || value === null) return [];
  const node: Record<string, unknown> = { ...value };
  return [{ path, node }, ...Object.entries(node).flatMap(([key, item]) => nodesOf(item, `${path}.${key}`))];
}

/** Every schema in a JSON schema: itself, its properties', its items' and those of its further members. */
function schemaNodesOf(schema: unknown, path = ''): { path: string; node: Record<string, unknown> }[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const node: Record<string, unknown> = { ...schema };
  const { properties, items, additionalProperties } = node;
  const inside = typeof properties === 'object' ? Object.entries({ ...properties }) : [];
  return [
    { path, node },
    ...inside.flatMap(([name, property]) => schemaNodesOf(property, `${path}.${name}`)),
    ...schemaNodesOf(items, `${path}[]`),
    ...schemaNodesOf(additionalProperties, `${path}{}`),
  ];
}

describe('what tools/list says', () => {
  it('is the catalogue, as in the snapshot', async () => {
    expect(tools.map(({ name }) => name)).toEqual(catalogue.map(({ name }) => name));
    await expect(`${JSON.stringify(tools, null, 2)}\n`).toMatchFileSnapshot('__snapshots__/tools_list.snap');
  });

  it('costs at most 9000 tokens', () => {
    const tokens = JSON.stringify({ tools }).length / 4;
    process.stdout.write(`tools/list: ${tokens} of at most 9000 tokens (characters / 4)\n`);
    expect(tokens).toBeLessThanOrEqual(9000);
  });

  it('is all on one page', async () => {
    expect((await server.client.listTools()).nextCursor).toBeUndefined();
  });

  it('comes with instructions of less than 150 words', () => {
    const words = (server.client.getInstructions() ?? '').split(/\s+/).filter((word) => /\w/.test(word));
    expect(words.length).toBeGreaterThan(30);
    expect(words.length).toBeLessThan(150);
    for (const name of server.client.getInstructions()?.match(/\b[a-z]+_[a-z_]+\b/g) ?? [])
      expect(JSON.stringify(tools)).toContain(name);
  });

  it.each(catalogue.map(({ name, hints }) => ({ name, hints })))(
    '$name: in the form that all known clients take',
    ({ name, hints }) => {
      const tool = tools.find((candidate) => candidate.name === name);
      expect(name.length).toBeLessThanOrEqual(40);
      expect(name).toMatch(/^[a-z][a-z_]*$/);
      expect(tool?.title).toBeTruthy();
      expect(tool?.description).toMatch(/^[A-Z].*\.$/s);
      expect(tool?.annotations).toEqual({
        readOnlyHint: hints.readOnly,
        destructiveHint: hints.destructive,
        idempotentHint: hints.idempotent,
        openWorldHint: hints.openWorld,
      });
      for (const hint of Object.values(tool?.annotations ?? {})) expect(hint).toBeTypeOf('boolean');
      expect(tool?.inputSchema).toMatchObject({ type: 'object', additionalProperties: false });
      expect(tool?.outputSchema).toMatchObject({ type: 'object' });
      for (const schema of [tool?.inputSchema, tool?.outputSchema]) {
        for (const { path, node } of schemaNodesOf(schema)) expect(node, path).toHaveProperty('type');
        for (const key of ['oneOf', 'anyOf', 'allOf']) expect(schema).not.toHaveProperty(key);
        for (const { path, node } of nodesOf(schema)) {
          for (const key of ['$ref', '$defs', 'definitions', 'propertyNames', '$schema', 'anyOf', 'oneOf'])
            expect(node, path).not.toHaveProperty(key);
          if (node.type === 'array' && schema === tool?.inputSchema)
            expect(node.items, `${path}.items`).toBeTypeOf('object');
          // Several types at once trip some clients where they must fill in the arguments.
          if (schema === tool?.inputSchema) expect(Array.isArray(node.type), `${path}.type`).toBe(false);
        }
      }
    },
  );

  it('says what a tool may do: only looking is read-only, and only those need the permission READ', () => {
    for (const { name, permission, hints } of catalogue) {
      expect(hints.readOnly, name).toBe(permission === 'READ');
      if (hints.readOnly) expect(hints.destructive, name).toBe(false);
    }
  });
});

describe('a client that checks results against the output schemas', () => {
  it.each(catalogue.map(({ name }) => name))('takes an error of %s', async (name) => {
    // listTools() was called: from then on the SDK's client validates every structured content.
    const result = await server.attempt(name, { model_id: 'no model', nonsense: true });
    expect(result.isError).toBe(true);
    expect(result.structuredContent).toMatchObject({ error: { code: 'INVALID_INPUT' } });
  });

  it('takes successes', async () => {
    await server.call('health_check');
    await server.call('search_models');
  });
});
