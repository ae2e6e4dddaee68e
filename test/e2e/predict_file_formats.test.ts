import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSuccess } from './client.ts';
import { nbaFile, testModel } from './environment.ts';
import { csvRows, type FileServer, startFileServer } from './file_server.ts';
import { facts, gamesIn } from './nba.ts';

const season = gamesIn('season.csv');

let files: FileServer;
beforeAll(async () => {
  files = await startFileServer();
  await files.deploy('linear_float32', 'fixed_batch', 'centred_batch', 'multi_output');
  await files.server.call('deploy_model', {
    model_id: 'nba',
    version: '1',
    source: nbaFile('home_win_v1.onnx'),
    ...facts,
  });
  await files.server.call('deploy_model', {
    model_id: 'linear_float32',
    version: '2',
    source: testModel('linear_float32_b'),
    set_active: false,
  });
});
afterAll(() => files.close());

describe('other formats and models', () => {
  it('JSON Lines in, JSON Lines out', async () => {
    const lines = season
      .slice(0, 50)
      .map((game, index) => JSON.stringify({ id: `game "${index}"`, ...game }));
    const input_path = files.write('season.jsonl', `${lines.join('\n')}\n`);
    const { output_path } = await files.server.call('predict_file', { model_id: 'nba', input_path });
    const written = readFileSync(output_path, 'utf8').trimEnd().split('\n');
    expect(written).toHaveLength(50);
    const { predictions } = await files.server.call('predict', {
      model_id: 'nba',
      inputs: season.slice(0, 50),
    });
    written.forEach((line, index) => {
      expect(line.startsWith(`${lines[index]?.slice(0, -1)},"prediction_id":`)).toBe(true);
      expect(JSON.parse(line)).toMatchObject({ prediction: predictions[index]?.value });
      expect(JSON.parse(line)).not.toHaveProperty('error');
    });
  });

  it('classes that are numbers are numbers in JSON Lines, as predict answers them', async () => {
    await files.server.call('deploy_model', {
      model_id: 'numbered',
      version: '1',
      source: nbaFile('home_win_v1.onnx'),
      ...facts,
      class_labels: ['0', '1'],
    });
    const input_path = files.write('numbered.jsonl', `${JSON.stringify(season[0])}\n`);
    const { output_path } = await files.server.call('predict_file', { model_id: 'numbered', input_path });
    const { predictions } = await files.server.call('predict', {
      model_id: 'numbered',
      inputs: season.slice(0, 1),
    });
    expect(JSON.parse(readFileSync(output_path, 'utf8')).prediction).toBe(predictions[0]?.value);
    expect(typeof predictions[0]?.value).toBe('number');
  });

  it('Parquet in, Parquet out', async () => {
    const columnData = facts.feature_names.map((name) => ({
      name,
      type: 'DOUBLE' as const,
      data: season.map((game) => game[name]),
    }));
    const path = files.write(
      'season.parquet',
      Buffer.from(parquetWriteBuffer({ columnData, rowGroupSize: 400 })),
    );
    const { output_path } = await files.server.call('predict_file', { model_id: 'nba', input_path: path });
    const rows = await parquetReadObjects({ file: await asyncBufferFromFile(output_path) });
    const csv = await files.server.call('predict_file', {
      model_id: 'nba',
      input_path: nbaFile('season.csv'),
      output_path: files.inFolder('season.csv'),
    });
    const fromCsv = csvRows(csv.output_path);
    expect(rows.map((row) => [row.prediction, row.error, row.home_points_last10])).toEqual(
      fromCsv.map((row) => [row.prediction, null, Number(row.home_points_last10)]),
    );
    rows.forEach((row, index) => {
      expect(Math.abs(row['P(home_win)'] - Number(fromCsv[index]?.['P(home_win)']))).toBeLessThan(1e-6);
    });
  });

  it('a Parquet file of Arrow, with columns of all kinds', async () => {
    const arrowFile = fileURLToPath(new URL('../tables/types.parquet', import.meta.url));
    const input_path = files.write('types.parquet', readFileSync(arrowFile));
    const answer = await files.server.call('predict_file', {
      model_id: 'linear_float32',
      input_path,
      entity_column: 'label',
      outcome_column: 'f0',
    });
    expect(answer).toMatchObject({ rows: 25, failed_rows: 0, summary: { outcome: { rows: 25 } } });
    expect(answer.summary.outcome?.mae).toBeGreaterThan(0);
    expect(answer.summary.outcome?.rmse).toBeGreaterThanOrEqual(answer.summary.outcome?.mae ?? Number.NaN);
  });

  it('a model of several outputs gets a column a number', async () => {
    const input_path = files.write('several.csv', 'x0,x1,f0,f1\n1,2,1,2\n');
    const { output_path } = await files.server.call('predict_file', { model_id: 'multi_output', input_path });
    expect(
      Object.keys(csvRows(output_path)[0] ?? {}).filter((name) => name.startsWith('prediction[')),
    ).toEqual(['prediction[0]', 'prediction[1][0]', 'prediction[1][1]', 'prediction[1][2]']);
  });

  it('a model of a fixed number of rows answers any number', async () => {
    const rows = Array.from({ length: 10 }, (_, row) => `${row},${row + 1}\n`);
    const input_path = files.write('ten.csv', `f0,f1\n${rows.join('')}`);
    const answer = await files.server.call('predict_file', { model_id: 'fixed_batch', input_path });
    expect(answer).toMatchObject({ rows: 10, failed_rows: 0 });
    expect(answer.warnings).toBeUndefined();
    const written = csvRows(answer.output_path).map(({ prediction }) => Number(prediction));
    // y = 2·f0 − f1, by the script that makes the model.
    expect(written).toEqual(rows.map((_, row) => 2 * row - (row + 1)));
    const inputs = rows.map((_, row) => ({ f0: row, f1: row + 1 }));
    const { predictions } = await files.server.call('predict', { model_id: 'fixed_batch', inputs });
    expect(predictions.map(({ value }) => value)).toEqual(written);
    const x = { datatype: 'FP32', shape: [10, 2], data: inputs.flatMap(({ f0, f1 }) => [f0, f1]) } as const;
    const given = await files.server.call('predict', { model_id: 'fixed_batch', tensors: { x } });
    expect(given.predictions.map(({ value }) => value)).toEqual(written);
  });

  it('a model that mixes rows answers groups that are always the same, and warns', async () => {
    const count = 450;
    const values = Array.from({ length: count }, (_, row) => (row * 7) % 31);
    const input_path = files.write('mixed.csv', `x\n${values.join('\n')}\n`);
    const answers = await Promise.all(
      [1, 2, 3].map((time) =>
        files.server.call('predict_file', {
          model_id: 'centred_batch',
          input_path,
          output_path: input_path.replace('.csv', `.${time}.csv`),
          log: false,
        }),
      ),
    );
    // x minus the mean of the group: the first two of 200 rows, the third of 50.
    const group = (row: number) => values.slice(row - (row % 200), row - (row % 200) + 200);
    const right = values.map(
      (value, row) => value - group(row).reduce((sum, one) => sum + one, 0) / group(row).length,
    );
    for (const { output_path, warnings } of answers) {
      expect(warnings).toEqual([expect.stringMatching(/ReduceMean.*groups of 200 in the order of the file/)]);
      const written = csvRows(output_path).map(({ prediction }) => Number(prediction));
      written.forEach((value, row) => {
        expect(value).toBeCloseTo(right[row] ?? Number.NaN, 4);
      });
      expect(written).toHaveLength(count);
    }
  });

  it('one version answers the whole file, whatever the route becomes meanwhile', async () => {
    const count = 20_000;
    const input_path = files.write(
      'many.csv',
      `f0,f1,f2\n${Array.from({ length: count }, (_, row) => `${row},1,2\n`).join('')}`,
    );
    const inputs = [0, count - 1].map((f0) => ({ f0, f1: 1, f2: 2 }));
    const { predictions } = await files.server.call('predict', {
      model_id: 'linear_float32',
      version: '1',
      inputs,
    });
    const switched = () =>
      files.server.call('deploy_model', {
        model_id: 'linear_float32',
        version: '2',
        source: testModel('linear_float32_b'),
      });
    let switching: ReturnType<typeof switched> | undefined;
    const result = await files.server.attempt(
      'predict_file',
      { model_id: 'linear_float32', input_path },
      {
        onprogress: () => {
          switching ??= switched();
        },
      },
    );
    await switching;
    const answer = readSuccess('predict_file', result);
    expect(answer).toMatchObject({ version: '1', rows: count });
    const rows = csvRows(answer.output_path);
    expect([rows[0], rows.at(-1)].map((row) => Number(row?.prediction))).toEqual(
      predictions.map(({ value }) => value),
    );
    const pinned = await files.server.call('predict_file', {
      model_id: 'linear_float32',
      input_path,
      version: 2,
      output_path: files.inFolder('pinned.csv'),
    });
    expect(pinned).toMatchObject({ version: '2', route: 'pinned' });
  });
});
