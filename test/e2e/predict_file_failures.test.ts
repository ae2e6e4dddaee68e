import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/storage/database.ts';
import { loggedRows } from '../prediction_log/rows.ts';
import { testModel } from './environment.ts';
import { csvRows, type FileServer, startFileServer } from './file_server.ts';
import { until } from './until.ts';

let files: FileServer;
beforeAll(async () => {
  files = await startFileServer();
  await files.deploy('fails_run', 'slow_run', 'crash_run');
  await files.server.call('deploy_model', {
    model_id: 'linear_float32',
    version: '1',
    source: testModel('linear_float32'),
    feature_names: ['a', 'b', 'c'],
  });
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

  it.skipIf(process.arch !== 'x64')('rows that end the runtime fail, the others are answered', async () => {
    const input_path = files.write('deadly.csv', 'x,d\n4,2\n9,3\n-2147483648,-1\n8,2\n');
    const report = await files.server.call('predict_file', { model_id: 'crash_run', input_path });
    expect(report).toMatchObject({
      rows: 4,
      failed_rows: 1,
      failures: [{ line: 4, error: expect.stringMatching(/onnxruntime [\d.]+\) ended/) }],
    });
  });

  it.skipIf(process.arch !== 'x64')('a file of rows that all end the runtime', async () => {
    const input_path = files.write('crash.csv', `x,d\n${'-2147483648,-1\n'.repeat(40)}`);
    const report = await files.server.call('predict_file', { model_id: 'crash_run', input_path });
    expect(report).toMatchObject({ rows: 40, failed_rows: 40 });
    expect(files.unfinished()).toEqual([]);
  });

  it('rows that hang, or take too much memory, fail, the others are answered', async () => {
    const strict = await files.startAnother({
      MODELYARD_PREDICT_TIMEOUT_MS: '1500',
      MODELYARD_ENGINE_MEMORY_MB: '400',
    });
    await strict.call('deploy_model', {
      model_id: 'memory',
      version: '1',
      source: testModel('memory_balloon'),
    });
    for (const [model_id, x, error] of [
      ['slow_run', 1e9, /did not answer within 1500 ms/],
      ['memory', 5e8, /took more than 400 MB of memory/],
    ] as const) {
      const input_path = files.write(`${model_id}.csv`, `x\n1\n2\n3\n${x}\n`);
      expect(await strict.call('predict_file', { model_id, input_path })).toMatchObject({
        rows: 4,
        failed_rows: 1,
        failures: [{ line: 5, error: expect.stringMatching(error) }],
      });
    }
    await strict.close();
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

  it('a server that is killed while it answers, or just after, has logged each row of an answered file once', async () => {
    const rows = 40_000;
    const input_path = files.write('logged.csv', `a,b,c\n${'1,2,3\n'.repeat(rows)}`);
    const given = { model_id: 'linear_float32', input_path };
    const killedWhile = await files.startAnother();
    const call = killedWhile.attempt('predict_file', given, { onprogress: () => void killedWhile.kill() });
    await expect(call).rejects.toThrow();
    await killedWhile.ended;

    const killedAfter = await files.startAnother();
    const { output_path } = await killedAfter.call('predict_file', given);
    await killedAfter.kill();
    const ids = csvRows(output_path).map(({ prediction_id }) => prediction_id);
    expect(new Set(ids).size).toBe(rows);

    // Moves what the killed servers left.
    await files.server.call('list_predictions', { model_id: 'linear_float32', limit: 1 });
    const { database, close } = await openDatabase({ directory: files.registry });
    try {
      const logged = await loggedRows(database, 'linear_float32');
      const times = new Map<string, number>();
      for (const { prediction_id: id } of logged) times.set(id, (times.get(id) ?? 0) + 1);
      expect(ids.filter((id) => times.get(id ?? '') !== 1)).toHaveLength(0);
      expect(times.size).toBe(logged.length);
      const totals = await database
        .selectFrom('serving_totals')
        .select('rows')
        .where('model_id', '=', 'linear_float32')
        .execute();
      expect(totals).toEqual([{ rows: logged.length }]);
    } finally {
      await close();
    }
  });
});
