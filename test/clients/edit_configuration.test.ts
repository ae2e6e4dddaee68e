import fc from 'fast-check';
import { parse } from 'jsonc-parser';
import { describe, expect, test } from 'vitest';
import { clientNames, clients } from '../../src/clients/client.ts';
import { modelYardServers, readConfiguration } from '../../src/clients/configured_servers.ts';
import { editEntry, entryOf } from '../../src/clients/edit_configuration.ts';

const entry = { command: '/usr/bin/node', args: ['/opt/main.js'], env: { MODELYARD_ROLE: 'viewer' } };

function edited(text: string, client = clients.vscode, given: { entry?: typeof entry } = { entry }): string {
  const { text: after, fault } = editEntry(text, client, 'modelyard', given.entry);
  if (after === undefined) throw new Error(fault);
  return after;
}

const out = {};

describe('an entry is put into a file', () => {
  test('with comments, commas at the end and tabs, which stay', () => {
    const before =
      '// mine\n{\n\t"inputs": [], /* none */\n\t"servers": {\n\t\t// the first\n\t\t"github": {"url": "https://example.com"},\n\t},\n}\n';
    const after = edited(before);
    for (const line of [
      '// mine',
      '\t"inputs": [], /* none */',
      '\t\t// the first',
      '\t\t"github": {"url": "https://example.com"}',
    ])
      expect(after).toContain(line);
    expect(after).toContain('\n\t\t"modelyard": {\n\t\t\t"command": "/usr/bin/node"');
    expect(entryOf(after, clients.vscode, 'modelyard')).toEqual(entry);
    expect(edited(after, clients.vscode, out)).toBe(before);
  });

  test.each([
    '{"servers": {"modelyard": {},},}',
    '{"servers": {"modelyard": {}, "a": 1}}',
    '{"servers": {"modelyard": {} /* x */ , /* y */}}',
  ])('and out of one where nothing stands before it: %s', (before) => {
    expect(entryOf(edited(before, clients.vscode, out), clients.vscode, 'modelyard')).toBeUndefined();
  });

  test('with line ends and a byte order mark of Windows', () => {
    const after = edited('\uFEFF{\r\n    "servers": {}\r\n}\r\n');
    expect(after.startsWith('\uFEFF{\r\n    "servers": {\r\n        "modelyard": {\r\n')).toBe(true);
    expect(after.replaceAll('\r\n', '')).not.toContain('\n');
    expect(readConfiguration(after, clients.vscode).content).toEqual({ servers: { modelyard: entry } });
  });

  test.each(['', '\n', '{}', '{"servers": {}}', '// nothing but this\n'])(
    '%j, which has none yet',
    (before) => {
      expect(readConfiguration(edited(before), clients.vscode).content).toEqual({
        servers: { modelyard: entry },
      });
    },
  );

  test('whatever else is in it stays, and taking it out gives what was there', () => {
    const names = fc.string({ minLength: 1 }).filter((name) => !['modelyard', '__proto__'].includes(name));
    const json = fc
      .jsonValue({ maxDepth: 3 })
      .filter((value) => !JSON.stringify(value).includes('__proto__'));
    fc.assert(
      fc.property(
        fc.dictionary(names, json),
        fc.dictionary(names, json),
        fc.constantFrom(0, 2, '\t'),
        fc.constantFrom(...clientNames),
        (others, servers, indentation, name) => {
          const client = clients[name];
          const text = JSON.stringify({ ...others, [client.key]: servers }, undefined, indentation);
          const before = JSON.parse(text);
          const after = edited(text, client);
          expect(parse(after)).toEqual({
            ...before,
            [client.key]: { ...before[client.key], modelyard: entry },
          });
          expect(edited(after, client)).toBe(after);
          expect(parse(edited(after, client, out))).toEqual(before);
        },
      ),
    );
  });
});

test.each<[keyof typeof clients, string, RegExp]>([
  ['claude-desktop', '{"mcpServers": {', /is no JSON: close brace expected in line 1, column 17/],
  ['claude-desktop', '{\n  // a comment\n  "mcpServers": {}\n}', /is no JSON: .* in line 2, column 3/],
  ['claude-desktop', '{"mcpServers": {},}', /is no JSON/],
  ['vscode', '[]', /does not hold a JSON object/],
  ['vscode', '{"servers": []}', /has a member servers that is no object/],
])('a file of %s that cannot be read is left alone: %j', (name, text, fault) => {
  expect(readConfiguration(text, clients[name]).fault).toMatch(fault);
  expect(editEntry(text, clients[name], 'modelyard', entry)).toMatchObject({ text: undefined });
});

test('the entries that are ModelYard’s are known by name or program, not by what else they mention', () => {
  const servers = {
    files: { command: 'npx', args: ['-y', 'server-filesystem', '/home/ada/modelyard'] },
    models: { command: 'npx', args: ['-y', 'modelyard'] },
    mine: { command: 'node', args: ['/usr/lib/node_modules/modelyard/dist/src/main.js'] },
    'my-modelyard': { command: 'anything' },
    modelyard: { args: [] },
    'modelyard-far': { url: 'https://example.com/mcp' },
    other: 'text',
  };
  expect(modelYardServers(servers).map(({ name }) => name)).toEqual([
    'models',
    'mine',
    'my-modelyard',
    'modelyard',
  ]);
  expect(modelYardServers(servers).at(-1)).toEqual({
    name: 'modelyard',
    fault: 'has no command that can be started',
  });
});
