import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readError } from './client.ts';
import { csvRows, type FileServer, startFileServer } from './file_server.ts';
import { until } from './until.ts';

let files: FileServer;
beforeAll(async () => {
  files = await startFileServer();
  await files.deploy('fails_run', 'slow_run', 'crash_run');
});
afterAll(() => files.close());

describe('rows that fail', () => {
  it('get an error and do not stop the rest', async () => {
    const input_path = files.write(
      'mixed.csv',
      'x,note\n1,ok\n,missing\ntwo,text\n3,"two\nlines"\n4\n1000,fails in the model\n5,ok\n',
    );
    const answer = await files.server.call('predict_file', { model_id: 'fails_run', input_path });
    expect(answer).toMatchObject({ rows: 7, failed_rows: 4 });
    expect(answer.failures.map(({ line }) => line)).toEqual([3, 4, 7, 8]);
    expect(answer.failures.map(({ error }) => error)).toEqual([
      expect.stringContaining('Feature "x"'),
      expect.stringContaining('got "two"'),
      'The line has 1 cells, but the header 2.',
      expect.stringContaining('could not run'),
    ]);
    const rows = csvRows(answer.output_path);
    expect(rows.map(({ x, note, prediction }) => [x, note, prediction])).toEqual([
      ['1', 'ok', '2'],
      ['', 'missing', ''],
      ['two', 'text', ''],
      ['3', 'two\nlines', '6'],
      ['4', '', ''],
      ['1000', 'fails in the model', ''],
      ['5', 'ok', '10'],
    ]);
    expect(rows.map(({ error, prediction_id }) => error === '' && prediction_id !== '')).toEqual(
      rows.map(({ prediction }) => prediction !== ''),
    );
    const { predictions } = await files.server.call('list_predictions', { model_id: 'fails_run' });
    expect(predictions.map(({ error }) => error !== null).sort()).toEqual([false, false, false, true]);
  });

  it('are told of ten at most', async () => {
    const input_path = files.write('bad.csv', `x\n${'a\n'.repeat(40)}1\n`);
    const answer = await files.server.call('predict_file', { model_id: 'fails_run', input_path });
    expect(answer).toMatchObject({ rows: 41, failed_rows: 40, summary: { numbers: { min: 2, max: 2 } } });
    expect(answer.failures).toHaveLength(10);
  });

  it('all of a small file leave a file of errors; of a large one, none', async () => {
    const few = await files.server.call('predict_file', {
      model_id: 'fails_run',
      input_path: files.write('few.csv', 'x\na\nb\n'),
    });
    expect(few).toMatchObject({ rows: 2, failed_rows: 2, summary: {} });
    expect(Object.keys(csvRows(few.output_path)[0] ?? {})).toEqual([
      'x',
      'prediction_id',
      'prediction',
      'error',
    ]);
    const input_path = files.write('all.csv', `x\n${'a\n'.repeat(10_100)}`);
    const error = await files.server.fail('predict_file', { model_id: 'fails_run', input_path });
    expect(error).toMatchObject({
      code: 'SIGNATURE_MISMATCH',
      message: expect.stringContaining('10000 rows'),
    });
    expect(existsSync(files.inFolder('all.predictions.csv'))).toBe(false);
  });
});

describe('what is broken off leaves no file', () => {
  /** The first rows are answered at once; those after them take the model many seconds. */
  const slowFile = (name: string) => files.write(name, `x\n${'1\n'.repeat(2000)}${'3000000\n'.repeat(2000)}`);

  it('a cancelled call', async () => {
    const input_path = slowFile('cancelled.csv');
    const cancel = new AbortController();
    let seen: string[] = [];
    const call = files.server.attempt(
      'predict_file',
      { model_id: 'slow_run', input_path, log: false },
      {
        signal: cancel.signal,
        onprogress: () => {
          seen = files.unfinished();
          cancel.abort();
        },
      },
    );
    await expect(call).rejects.toThrow(/abort/i);
    expect(seen).toEqual([expect.stringMatching(/^\.cancelled\.predictions\.csv\.modelyard-partial~/)]);
    await until('the unfinished file is gone', () => files.unfinished().length === 0);
    expect(existsSync(files.inFolder('cancelled.predictions.csv'))).toBe(false);
  });

  it.skipIf(process.arch !== 'x64')('a model that crashes again and again', async () => {
    const input_path = files.write('crash.csv', 'x,d\n4,2\n-2147483648,-1\n');
    const result = await files.server.attempt('predict_file', { model_id: 'crash_run', input_path });
    expect(readError('predict_file', result).code).toBe('ENGINE_CRASHED');
    expect(existsSync(files.inFolder('crash.predictions.csv'))).toBe(false);
    expect(files.unfinished()).toEqual([]);
  });

  it('a server that is killed leaves what the next run removes', async () => {
    const input_path = slowFile('killed.csv');
    const victim = await files.startAnother();
    const call = victim.attempt(
      'predict_file',
      { model_id: 'slow_run', input_path, log: false },
      { onprogress: () => void victim.kill() },
    );
    await expect(call).rejects.toThrow();
    await victim.ended;
    expect(files.unfinished()).toEqual([
      expect.stringMatching(/^\.killed\.predictions\.csv\.modelyard-partial~/),
    ]);
    expect(existsSync(files.inFolder('killed.predictions.csv'))).toBe(false);

    const { output_path } = await files.server.call('predict_file', {
      model_id: 'slow_run',
      input_path: files.write('quick.csv', 'x\n1\n'),
      output_path: files.inFolder('killed.predictions.csv'),
    });
    expect(csvRows(output_path)).toMatchObject([{ x: '1', prediction: '1' }]);
    expect(files.unfinished()).toEqual([]);
  });
});
