import { join } from 'node:path';
import { expect, it } from 'vitest';
import { measuredAnswers } from '../../bench/answer_sizes_calls.ts';
import { seedStore, writeFiles } from '../../bench/answer_sizes_store.ts';
import { catalogue } from '../../tools/index.ts';
import { startServer } from './client.ts';
import { scratchDirectory } from './environment.ts';

/** Tokens that a default answer may have, whatever the store and the model. */
const most = 2000;

it('every tool, of 2 000 models and of a model of a thousand columns and classes: 2 000 tokens, but for rows that were asked for', async () => {
  const { path: directory, remove } = scratchDirectory();
  await seedStore(join(directory, 'registry'));
  const server = await startServer({
    directory,
    settings: { MODELYARD_ROLE: 'admin', MODELYARD_APPROVALS: 'off' },
  });
  // The client checks every structured content against the output schema from here on.
  await server.client.listTools();
  const called = new Set<string>();
  const long: string[] = [];
  for await (const { tool, model, what, tokens, failed, code, ofRows } of measuredAnswers(
    writeFiles(directory),
    async (name, given) => (await server.attempt(name, given)).structuredContent ?? {},
  )) {
    called.add(tool);
    expect(failed, `${tool} of ${model} ${what}`).toBe(code);
    if (tokens > most && !ofRows) long.push(`${tool} of ${model} ${what}: ${tokens}`);
  }
  await server.close();
  remove();
  expect(long).toEqual([]);
  expect([...called].toSorted()).toEqual(catalogue.map(({ name }) => name).toSorted());
});
