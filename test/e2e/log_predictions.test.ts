import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer, type TestServer } from './client.ts';
import { testModel } from './environment.ts';

const model_id = 'flowers';
const named = { model_id, version: '1' };
const features = { f0: 1, f1: 2, f2: 3, f3: 4 };
const probabilities = { high: 0.2, low: 0.7, medium: 0.1 };

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
  await server.call('register_model', { ...named, source: testModel('classifier_string') });
  for (const version of ['1', '2'])
    await server.call('deploy_model', {
      model_id: 'linear',
      version,
      source: testModel(version === '1' ? 'linear_float32' : 'linear_float32_b'),
    });
});
afterAll(() => server.close());

const log = (predictions: object[]) => server.call('log_predictions', { ...named, predictions });
const refused = async (prediction: object) =>
  (await server.fail('log_predictions', { ...named, predictions: [prediction] })).message;
const listed = async (id: string) =>
  (await server.call('list_predictions', { prediction_id: id })).predictions[0];

describe('predictions made elsewhere', () => {
  it('are logged for a version that serves nothing here, and are watched like its own', async () => {
    const at = new Date(Date.now() - 3_600_000).toISOString();
    const rows = Array.from({ length: 60 }, (_, index) => ({
      prediction_id: `order ${index}`,
      features: { ...features, f0: index },
      prediction: index % 3 === 0 ? 'high' : 'low',
      probabilities,
      actual: index % 2 === 0 ? 'high' : 'low',
      at,
      entity_key: `customer ${index % 7}`,
      ...(index < 10 && { latency_ms: 5 }),
    }));
    const first = await log(rows);
    expect(first).toMatchObject({ logged: 60, already_logged: 0, warnings: [] });
    expect(first.prediction_ids).toHaveLength(60);
    expect(first.prediction_ids[59]).toBe('order 59');
    expect(await listed('order 3')).toMatchObject({
      at,
      route: 'elsewhere',
      entity_key: 'customer 3',
      latency_ms: 5,
      features: { ...features, f0: 3 },
      value: 'high',
      probabilities,
      actual: 'low',
    });
    // What is not known is not said to be 0.
    expect((await listed('order 30'))?.latency_ms).toBeNull();
    const measured = await server.call('get_performance', named);
    expect(measured).toMatchObject({ count: 60, latency_ms: { p50: expect.closeTo(5, 0) } });
    // 10 of 20 "high" and 20 of 40 "low" are right.
    expect(measured.metrics).toMatchObject({ accuracy: { value: 0.5 } });
    await server.call('set_reference_data', {
      ...named,
      data: Array.from({ length: 60 }, (_, index) => ({ ...features, f0: index + 1000 })),
    });
    const drift = await server.call('detect_drift', named);
    expect(drift.drifted_features).toContain('f0');
  });

  it('are logged once, however often they are told', async () => {
    const row = { prediction_id: 'once', features, prediction: 'low' };
    expect(await log([row, row])).toMatchObject({ logged: 1, already_logged: 1 });
    expect(await log([row, { ...row, prediction_id: 'twice' }])).toMatchObject({
      logged: 1,
      already_logged: 1,
    });
    const again = await log([{ ...row, actual: 'low' }]);
    expect(again).toMatchObject({ logged: 0, already_logged: 1 });
    expect(again.warnings.join()).toContain('record_outcomes');
    const { total } = await server.call('list_predictions', named);
    expect(total).toBe(62);
    const error = await server.fail('log_predictions', {
      ...named,
      predictions: [
        { ...row, prediction_id: 'new' },
        { ...row, prediction: 'high' },
      ],
    });
    expect(error).toMatchObject({ code: 'INVALID_INPUT' });
    expect(error.message).toContain('"once"');
    expect(await listed('new')).toBeUndefined();
  });

  it('are all refused when one of them cannot be the version’s, with its place and the reason', async () => {
    expect(await refused({ features: { ...features, f0: 'x' }, prediction: 'low' })).toMatch(
      /predictions\[0\]: feature "f0": expected a finite number/,
    );
    expect(await refused({ features: { f0: 1 }, prediction: 'low' })).toContain('missing f1, f2, f3');
    expect(await refused({ features, prediction: 'lowest' })).toContain(
      'none of the classes high, low, medium',
    );
    expect(await refused({ features, prediction: null })).toContain('the prediction is missing');
    expect(await refused({ features, prediction: 'low', probabilities: { low: 0.7, high: 0.3 } })).toContain(
      'probability of medium is undefined',
    );
    expect(
      await refused({ features, prediction: 'low', probabilities: { ...probabilities, low: 0.9 } }),
    ).toContain('1.2000 together');
    expect(await refused({ features, prediction: 'low', at: '2099-01-01T00:00:00Z' })).toContain('future');
    expect(await refused({ features, prediction: 'low', at: 'yesterday' })).toContain('ISO 8601');
    expect(await refused({ features, prediction: 'low', latency_ms: -1 })).toContain('latency_ms -1');
    expect(await refused({ features, prediction: 'low', prediction_id: ' x' })).toContain('space');
    expect(await refused({ features, prediction: 'low', extra: 1 })).toContain('extra');
    expect((await server.call('list_predictions', named)).total).toBe(62);
  });

  it('come from files too, flat or with the features as an object', async () => {
    const at = new Date(Date.now() - 86_400_000).toISOString();
    const csv = join(server.directory, 'elsewhere.csv');
    const lines = [
      'prediction_id,f0,f1,f2,f3,prediction,P(high),P(low),P(medium),actual,latency_ms,at,entity_key',
    ];
    for (let row = 0; row < 120; row++) lines.push(`c${row},1,2,3,4,low,0.2,0.7,0.1,high,7.5,${at},e1`);
    writeFileSync(csv, `${lines.join('\n')}\n`);
    const told = await server.call('log_predictions', { ...named, path: csv });
    expect(told).toMatchObject({ logged: 120, already_logged: 0 });
    expect(told.prediction_ids).toHaveLength(100);
    expect(await server.call('log_predictions', { ...named, path: csv })).toMatchObject({
      logged: 0,
      already_logged: 120,
    });
    expect(await listed('c119')).toMatchObject({
      probabilities,
      actual: 'high',
      latency_ms: 7.5,
      entity_key: 'e1',
    });
    const nested = join(server.directory, 'elsewhere.jsonl');
    writeFileSync(
      nested,
      `${JSON.stringify({ prediction_id: 'n1', features, prediction: 'low', probabilities })}\n`,
    );
    expect(await server.call('log_predictions', { ...named, path: nested })).toMatchObject({ logged: 1 });
    expect(await listed('n1')).toMatchObject({ features, probabilities });
    writeFileSync(csv, `${lines.slice(0, 2).join('\n')}\nc500,1,2,3,4,lowest,,,,,,,\n`);
    expect((await server.fail('log_predictions', { ...named, path: csv })).message).toContain(
      'line 3: prediction "lowest"',
    );
    writeFileSync(csv, 'f0,f1,f2,f3\n1,2,3,4\n');
    expect((await server.fail('log_predictions', { ...named, path: csv })).message).toContain(
      'no column "prediction"',
    );
  });
});

describe('ids that callers bring', () => {
  const inputs = [
    { f0: 1, f1: 2, f2: 3 },
    { f0: 4, f1: 5, f2: 6 },
  ];
  const prediction_ids = ['a/1', 'a/2'];
  const call = { model_id: 'linear', inputs, prediction_ids };

  it('are the ids of the log; the call repeated is answered by the same version and logged once', async () => {
    await server.call('set_traffic', { model_id: 'linear', weights: { '1': 1, '2': 0 } });
    const first = await server.call('predict', call);
    expect(first.predictions.map(({ prediction_id }) => prediction_id)).toEqual(prediction_ids);
    expect(first).toMatchObject({ version: '1', warnings: [] });
    await server.call('set_traffic', { model_id: 'linear', weights: { '1': 0, '2': 1 } });
    const again = await server.call('predict', call);
    expect(again).toMatchObject({ version: '1', predictions: first.predictions });
    expect(again.warnings.join()).toContain('logged once');
    // Several at once, of which none is in the log when the others begin.
    const racing = { ...call, prediction_ids: ['r/1', 'r/2'] };
    await Promise.all(Array.from({ length: 8 }, () => server.call('predict', racing)));
    const { total } = await server.call('list_predictions', { model_id: 'linear' });
    expect(total).toBe(4);
    await server.call('record_outcomes', {
      model_id: 'linear',
      outcomes: [{ prediction_id: 'a/1', actual: 5 }],
    });
    expect((await listed('a/1'))?.actual).toBe(5);
  });

  it('that are used for something else are errors that say so, and nothing is answered', async () => {
    const other = await server.fail('predict', { ...call, inputs: inputs.toReversed() });
    expect(other).toMatchObject({ code: 'INVALID_INPUT' });
    expect(other.message).toContain('"a/1"');
    expect((await server.fail('predict', { ...call, version: '2' })).message).toContain('linear 1');
    expect((await server.fail('predict', { ...call, prediction_ids: ['x'] })).message).toContain(
      '1 ids for 2 rows',
    );
    expect((await server.fail('predict', { ...call, prediction_ids: ['x', 'x'] })).message).toContain('same');
    const { predictions } = await server.call('predict', { model_id: 'linear', inputs });
    const taken = predictions.map(({ prediction_id }) => prediction_id);
    expect((await server.fail('predict', { ...call, prediction_ids: taken })).message).toContain(taken[0]);
    expect((await server.call('list_predictions', { model_id: 'linear' })).total).toBe(6);
  });

  it('are a column of a file for predict_file', async () => {
    const input_path = join(server.directory, 'own.csv');
    writeFileSync(input_path, 'prediction_id,f0,f1,f2\nf/1,1,2,3\nf/2,4,5,6\n,7,8,9\nf/1,9,9,9\n');
    const asked = { model_id: 'linear', input_path, id_column: 'prediction_id' };
    const once = await server.call('predict_file', asked);
    expect(once).toMatchObject({ rows: 4, failed_rows: 2 });
    expect(once.failures.map(({ error }) => error).join()).toMatch(/id is missing.*"f\/1" was used before/);
    const written = readFileSync(once.output_path, 'utf8').split('\n');
    expect(written[0]).toBe('prediction_id,f0,f1,f2,prediction,error');
    expect(written[1]).toMatch(/^f\/1,1,2,3,/);
    const again = await server.call('predict_file', {
      ...asked,
      output_path: join(server.directory, 'own2.csv'),
    });
    expect(again).toMatchObject({ rows: 4, failed_rows: 2 });
    expect((await server.call('list_predictions', { model_id: 'linear' })).total).toBe(8);
    expect(
      (await server.fail('predict_file', { ...asked, log: false, output_path: `${input_path}.csv` })).message,
    ).toContain('log: false');
  });
});
