import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FileServer, startFileServer } from './file_server.ts';

let files: FileServer;
beforeAll(async () => {
  files = await startFileServer();
  await files.deploy('linear_float32');
});
afterAll(() => files.close());

const model_id = 'linear_float32';
/** Every tool that reads a file of rows, and what it takes the file as. */
const readers: [tool: string, argumentsOf: (path: string) => Record<string, unknown>][] = [
  ['predict_file', (input_path) => ({ model_id, input_path, log: false })],
  ['set_reference_data', (path) => ({ model_id, path })],
  ['detect_drift', (current_path) => ({ model_id, current_path })],
  [
    'detect_drift',
    (reference_path) => ({ model_id, reference_path, current_data: [{ f0: 1, f1: 2, f2: 3 }] }),
  ],
  ['log_predictions', (path) => ({ model_id, version: '1', path })],
  ['record_outcomes', (path) => ({ model_id, path })],
];

const rowsOf = (count: number) =>
  Array.from({ length: count }, (_, row) => `${row},${row / 2},${row % 7}`).join('\n');

describe('one rule for every tool that reads files', () => {
  beforeAll(async () => {
    await files.server.call('set_reference_data', {
      model_id,
      path: files.write('reference.csv', `f0,f1,f2\n${rowsOf(50)}\n`),
    });
  });

  test.each(readers)('%s refuses what is no UTF-8, with the line', async (tool, argumentsOf) => {
    const header = 'f0,f1,f2,prediction_id,prediction,actual,city\n1,2,3,a,1,1,Bern\n';
    const path = files.write(`latin1-${tool}.csv`, Buffer.from(`${header}1,2,3,b,1,1,Z\xfcrich\n`, 'latin1'));
    const { content, isError } = await files.server.attempt(tool, argumentsOf(path));
    expect(isError).toBe(true);
    expect(content[0]).toMatchObject({
      text: expect.stringMatching(/^INVALID_INPUT: .*not UTF-8 text \(line 3\)/),
    });
  });

  test.each(readers)('%s names another delimiter than the comma', async (tool, argumentsOf) => {
    const path = files.write(
      `semicolons-${tool}.csv`,
      'f0;f1;f2;prediction_id;prediction;actual\n1,5;2;3;a;1;1\n',
    );
    const { content, isError } = await files.server.attempt(tool, argumentsOf(path));
    expect(isError).toBe(true);
    expect(content[0]).toMatchObject({
      text: expect.stringMatching(/^INVALID_INPUT: .*divided by semicolons/),
    });
  });

  test('a column of a type that cannot be read is left out where it is no feature', async () => {
    const numbers = Array.from({ length: 50 }, (_, row) => row);
    const parquet = parquetWriteBuffer({
      columnData: [
        ...['f0', 'f1', 'f2'].map((name) => ({ name, data: numbers })),
        { name: 'seen', data: numbers.map((row) => [row]) },
      ],
      schema: [
        { name: 'root', num_children: 4 },
        ...['f0', 'f1', 'f2'].map((name) => ({
          name,
          type: 'DOUBLE' as const,
          repetition_type: 'OPTIONAL' as const,
        })),
        { name: 'seen', repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        { name: 'element', repetition_type: 'OPTIONAL', type: 'INT32' },
      ],
    });
    const path = files.write('nested.parquet', Buffer.from(parquet));
    const reference = await files.server.call('set_reference_data', { model_id, path });
    expect(reference.warnings.join()).toContain('left out: seen');
    const answered = await files.server.call('predict_file', { model_id, input_path: path, log: false });
    expect(answered).toMatchObject({ rows: 50, failed_rows: 0 });
    expect(answered.warnings?.join()).toContain('seen (nested LIST)');
    const drift = await files.server.call('detect_drift', { model_id, current_path: path });
    expect(drift.is_drift).toBe(false);
  });
});
