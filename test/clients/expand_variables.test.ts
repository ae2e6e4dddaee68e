// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables of the clients look like templates.
import { expect, test } from 'vitest';
import { expandVariables } from '../../src/clients/expand_variables.ts';

const around = { home: '/home/ada', environment: { NODE: '/n/node', EMPTY: '' }, folder: '/project' };
const server = { name: 'modelyard', command: 'node', args: [], env: {}, cwd: undefined };

test.each<[string, string, string[]]>([
  ['${userHome}/m.js', '/home/ada/m.js', []],
  ['${workspaceFolder}/m.js', '/project/m.js', []],
  ['${env:NODE}', '/n/node', []],
  ['${env:NOBODY}', '', []],
  ['${NODE}', '/n/node', []],
  ['${NOBODY:-/else/node}', '/else/node', []],
  ['${NOBODY:-}', '', []],
  ['${NOBODY}', '${NOBODY}', ['${NOBODY}']],
  ['${input:password}', '${input:password}', ['${input:password}']],
  ['$HOME', '$HOME', []],
])('%s is %j', (text, expanded, unknown) => {
  const found = expandVariables({ ...server, args: [text], env: { A: text }, cwd: text }, around);
  expect(found.server).toMatchObject({ args: [expanded], env: { A: expanded }, cwd: expanded });
  expect(found.unknown).toEqual([...unknown, ...unknown, ...unknown]);
});
