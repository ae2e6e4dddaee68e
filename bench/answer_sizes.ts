/**
 * How many tokens the default answers of all tools have, on a store of 2 000 models and 25 that serve, of a model of three
 * columns and of one of a thousand columns and classes, and the lists of tools: a table in Markdown, as in
 * docs/ANSWER_SIZES.md. `npm run build && node dist/bench/answer_sizes.js`.
 */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { getDefaultEnvironment, StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { packageDirectory } from '../src/package_info.ts';
import { readToolList, toolsFor } from '../src/tool_list.ts';
import { isToolset, toolsetNames } from '../src/toolsets.ts';
import { type MeasuredAnswer, measuredAnswers, tokensOf } from './answer_sizes_calls.ts';
import { seedStore, writeFiles } from './answer_sizes_store.ts';

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'modelyard-bench-')));
const registry = join(directory, 'registry');
await seedStore(registry);
const client = new Client({ name: 'answer-sizes', version: '1.0.0' }, { capabilities: {} });
await client.connect(
  new StdioClientTransport({
    command: process.execPath,
    args: [join(packageDirectory, 'dist', 'src', 'main.js')],
    env: {
      ...getDefaultEnvironment(),
      HOME: directory,
      MODEL_REGISTRY_DIR: registry,
      MODELYARD_ALLOWED_ROOTS: [packageDirectory, directory].join(delimiter),
      MODELYARD_ROLE: 'admin',
      MODELYARD_APPROVALS: 'off',
    },
    stderr: 'ignore',
  }),
);
const answers: MeasuredAnswer[] = [];
const attempt = async (name: string, given: Record<string, unknown>) =>
  CallToolResultSchema.parse(
    await client.callTool({ name, arguments: given }, undefined, { timeout: 600_000 }),
  ).structuredContent ?? {};
for await (const answer of measuredAnswers(writeFiles(directory), attempt)) answers.push(answer);

const admin = { role: 'admin' as const, readOnly: false };
const everything = await readToolList();
// As a server lists them that is started with this set alone.
const lists = [...toolsetNames.filter(isToolset), undefined].map((set) => {
  const list = toolsFor(everything, admin, set && [set]);
  return `| ${set ?? 'all'} | ${list.tools.length} | ${tokensOf(list)} |`;
});
const rows = new Map<string, Partial<Record<MeasuredAnswer['model'], MeasuredAnswer>>>();
for (const answer of answers) {
  const title = `${answer.tool}${answer.what === '' ? '' : `, ${answer.what}`}`;
  rows.set(title, { ...rows.get(title), [answer.model]: answer });
}
const cell = (answer: MeasuredAnswer | undefined) =>
  answer === undefined ? '' : `${answer.tokens}${answer.failed === undefined ? '' : ` (${answer.failed})`}`;
console.log(
  [
    '| toolset | tools | tokens |',
    '| --- | --- | --- |',
    ...lists,
    '',
    '| answer of | the store | three columns | a thousand columns and classes |',
    '| --- | --- | --- | --- |',
    ...[...rows].map(
      ([title, { store, plain, wide }]) => `| ${title} | ${cell(store)} | ${cell(plain)} | ${cell(wide)} |`,
    ),
  ].join('\n'),
);
await client.close();
rmSync(directory, { recursive: true, force: true });
