import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratchDirectory, testModel } from './environment.ts';
import { handshake, startRaw, toolCall } from './raw_server.ts';
import { until } from './until.ts';

const calls = Array.from({ length: 200 }, (_, index) => 100 + index);
/** An answer of some 50 kB, so that all together are many times what a pipe holds. */
const inputs = Array.from({ length: 300 }, (_, row) => ({ f0: row, f1: 2, f2: 3 }));

test('200 pipelined calls with large answers are answered to a reader that comes late, without a warning', async () => {
  const scratch = scratchDirectory();
  const server = startRaw({ directory: scratch.path });
  server.send(
    ...handshake,
    toolCall(1, 'deploy_model', { model_id: 'm', version: '1', source: testModel('linear_float32') }),
  );
  expect((await server.answer(1)).result?.isError).toBeUndefined();
  const [input_path, output_path] = [join(scratch.path, 'in.csv'), join(scratch.path, 'out.csv')];
  writeFileSync(input_path, 'f0,f1,f2\n1,2,3\n');

  server.process.stdout?.pause();
  server.send(...calls.map((id) => toolCall(id, 'predict', { model_id: 'm', inputs })));
  server.send(toolCall(2, 'predict_file', { model_id: 'm', input_path, output_path }));
  await until('the last call to be carried out', () => existsSync(output_path));
  server.process.stdout?.resume();

  const answers = await Promise.all([...calls, 2].map((id) => server.answer(id)));
  expect(answers.filter(({ error, result }) => error !== undefined || result?.isError === true)).toEqual([]);
  server.process.stdin?.end();
  const { code, standardError } = await server.ended;
  expect({ code, standardError }).toEqual({ code: 0, standardError: '' });
  scratch.remove();
});
