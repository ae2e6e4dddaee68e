import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CallToolResult, CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { maxMessageBytes } from '../../src/message_size.ts';
import { catalogue } from '../../tools/index.ts';
import { readError, readSuccess, startServer, type TestServer, type ToolName } from './client.ts';
import { testModel } from './environment.ts';
import { until } from './until.ts';

/** Long in characters, in bytes (three each) and as JSON text. */
const long = (index: number, characters: number) => `${index} `.padEnd(characters, '漢"');
const mapOf = <Value>(count: number, value: (index: number) => Value, name = 'a name') =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${name} ${index}`, value(index)]));
const listOf = <Value>(count: number, value: (index: number) => Value) =>
  Array.from({ length: count }, (_, index) => value(index));

/** Tokens that a default answer of deploy_model and register_model may have, characters each. */
const mostTokens = 2000;
const charactersPerToken = 4;

const columns = listOf(5000, (index) => `column ${index}`);
const longColumns = listOf(10_000, (index) => long(index, 200));
const rows = (count: number) =>
  listOf(count, (row) => Object.fromEntries(columns.map((name, index) => [name, row + index / 7])));
const texts = (count: number, characters: number) => listOf(count, (row) => ({ a: long(row, characters) }));
const facts = {
  description: long(0, 10_000),
  framework: long(1, 256),
  algorithm: long(2, 256),
  author: long(3, 256),
  metrics: mapOf(300, (index) => index / 7),
  tags: mapOf(30, (index) => long(index, 5000)),
  hyperparameters: mapOf(300, (index) => long(index, 200)),
};

describe('the official client takes the largest answers of every tool', () => {
  let server: TestServer;
  const called = new Set<string>();
  const kinds = new Map<ToolName, string[]>();
  const deployedVersions = 12;

  /** Calls a tool, checks that the message is one that clients take, and says what came: `answer` or the error's code. */
  async function take(name: ToolName, given: Record<string, unknown>): Promise<string> {
    const result: CallToolResult = CallToolResultSchema.parse(
      await server.client.callTool({ name, arguments: given }, undefined, { timeout: 120_000 }),
    );
    called.add(name);
    const bytes = Buffer.byteLength(JSON.stringify({ jsonrpc: '2.0', id: 1_000_000, result }));
    expect(bytes, name).toBeLessThanOrEqual(maxMessageBytes);
    const code = result.isError === true ? readError(name, result).code : 'answer';
    if (code === 'answer') {
      const [text] = result.content;
      if (text?.type === 'text' && text.text.startsWith('{')) readSuccess(name, result);
      else expect(text).toMatchObject({ text: expect.stringContaining('structuredContent only') });
    } else {
      expect(JSON.stringify(result).length, `${name} ${code}`).toBeLessThan(40_000);
      expect(code).not.toBe('INTERNAL');
    }
    kinds.set(name, [...(kinds.get(name) ?? []), code]);
    return code;
  }

  async function deployed(name: 'deploy_model' | 'register_model', given: Record<string, unknown>) {
    const { structuredContent } = await server.attempt(name, given);
    expect(structuredContent).not.toHaveProperty('error');
    expect(JSON.stringify(structuredContent).length).toBeLessThanOrEqual(mostTokens * charactersPerToken);
    called.add(name);
  }

  beforeAll(async () => {
    server = await startServer({
      settings: { MODELYARD_ROLE: 'admin', MODELYARD_APPROVALS: 'off', HEALTH_CHECK_INTERVAL_SEC: '1' },
    });
    // The client checks every structured content against the output schema from here on.
    await server.client.listTools();
  });
  afterAll(() => server.close());

  it('deploy_model and register_model, at 5 000 columns and at 10 000 with long names: 2 000 tokens', async () => {
    const source = testModel('sum_free_columns');
    await deployed('deploy_model', {
      model_id: 'wide',
      version: '1',
      source,
      feature_names: columns,
      ...facts,
    });
    for (const name of ['deploy_model', 'register_model'] as const)
      await deployed(name, {
        model_id: `long ${name}`.replace(' ', '.'),
        version: '1',
        source,
        feature_names: longColumns,
        ...facts,
      });
    expect(
      await take('deploy_model', {
        model_id: 'no',
        version: '1',
        source,
        feature_names: columns,
        probe: { inputs: [{}] },
      }),
    ).toBe('SIGNATURE_MISMATCH');
  });

  it('predict: wide answers, a thousand rows, thousands of wrong names', async () => {
    await server.call('deploy_model', { model_id: 'boxes', version: '1', source: testModel('wide_answer') });
    await server.call('deploy_model', {
      model_id: 'text',
      version: '1',
      source: testModel('identity_string'),
      feature_names: ['a'],
    });
    const tensors = (count: number) => ({
      x: { datatype: 'FP32', shape: [count, 1], data: listOf(count, () => 0.1) },
    });
    expect(await take('predict', { model_id: 'boxes', tensors: tensors(1) })).toBe('answer');
    expect(await take('predict', { model_id: 'boxes', tensors: tensors(1000) })).toBe('LIMIT_EXCEEDED');
    expect(await take('predict', { model_id: 'text', inputs: texts(1000, 2000) })).toBe('answer');
    expect(await take('predict', { model_id: 'text', inputs: texts(1000, 4000) })).toBe('LIMIT_EXCEEDED');
    expect(await take('predict', { model_id: 'wide', inputs: rows(60) })).toBe('answer');
    for (const model of ['wide', 'long.deploy_model']) {
      expect(await take('predict', { model_id: model, inputs: [{}] })).toBe('SIGNATURE_MISMATCH');
      expect(await take('predict', { model_id: model, inputs: [mapOf(9000, () => 1, long(1, 200))] })).toBe(
        'SIGNATURE_MISMATCH',
      );
    }
  });

  it('log_predictions, record_outcomes, list_predictions and get_performance: thousands of classes, wide rows', async () => {
    const predictions = listOf(1000, (index) => ({
      prediction_id: `${index}`.padEnd(128, 'x'),
      features: { a: long(index, 250) },
      prediction: long(index % 500, 200),
      actual: long((index * 7) % 500, 200),
    }));
    expect(await take('log_predictions', { model_id: 'text', version: '1', predictions })).toBe('answer');
    const unknown = listOf(9000, (index) => ({ prediction_id: long(index, 256), actual: 'x' }));
    expect(await take('record_outcomes', { model_id: 'text', outcomes: unknown })).toBe('answer');
    expect(
      await take('get_performance', {
        model_id: 'text',
        response_format: 'detailed',
        segment_by: 'a',
        chart: true,
        by_version: true,
      }),
    ).toBe('answer');
    for (const response_format of ['concise', 'detailed'])
      await take('list_predictions', { model_id: 'wide', limit: 200, response_format });
    expect(kinds.get('list_predictions')?.[0]).toBe('answer');
    expect(
      await take('list_predictions', { model_id: 'text', limit: 200, response_format: 'detailed' }),
    ).toBe('answer');
  });

  it('set_reference_data and detect_drift: every column, segment and time, with pictures', async () => {
    expect(await take('set_reference_data', { model_id: 'wide', data: rows(30) })).toBe('answer');
    for (const response_format of ['concise', 'detailed'])
      expect(
        await take('detect_drift', {
          model_id: 'wide',
          current_data: rows(35),
          response_format,
          segment_by: columns[0],
          chart: response_format === 'detailed',
        }),
      ).toBe('answer');
    expect(
      await take('set_reference_data', { model_id: 'wide', data: [mapOf(9000, () => 1, long(1, 200))] }),
    ).toBe('INVALID_INPUT');
  });

  it('predict_file: hundreds of long classes, long columns', async () => {
    const input = join(server.directory, 'long.csv');
    writeFileSync(input, `a\n${listOf(1500, (index) => `x${index}`.padEnd(250, '漢')).join('\n')}\n`);
    expect(await take('predict_file', { model_id: 'text', input_path: input })).toBe('answer');
    const wrong = join(server.directory, 'wrong.csv');
    writeFileSync(
      wrong,
      `${listOf(3000, (index) => `w${index}`.padEnd(200, '漢')).join(',')}\n${listOf(3000, String).join(',')}\n`,
    );
    expect(await take('predict_file', { model_id: 'text', input_path: wrong })).toBe('SIGNATURE_MISMATCH');
  });

  it('backtest, start_rollout, get_rollout and control_rollout: wide rows, hundreds of classes, long reasons', async () => {
    const version = '2';
    const ways = {
      wide: { source: testModel('sum_free_columns'), feature_names: columns },
      text: { source: testModel('identity_string'), feature_names: ['a'] },
    };
    for (const [model_id, way] of Object.entries(ways)) {
      await server.call('register_model', { model_id, version, ...way });
      for (const response_format of ['concise', 'detailed'])
        expect(
          await take('backtest', { model_id, version, response_format, segment_by: way.feature_names[0] }),
        ).toBe('answer');
    }
    const reason = long(0, 2000);
    expect(await take('start_rollout', { model_id: 'text', version, reason })).toBe('answer');
    for (const response_format of ['concise', 'detailed'])
      expect(await take('get_rollout', { model_id: 'text', response_format })).toBe('answer');
    const { rollout_id } = await server.call('get_rollout', { model_id: 'text' });
    expect(await take('control_rollout', { rollout_id, action: 'abort', reason })).toBe('answer');
  });

  it('update_model, get_model, search_models and compare_models: many versions with long facts', async () => {
    const source = testModel('linear_float32');
    for (const version of listOf(30, (index) => `${index + 1}`))
      await server.call('register_model', {
        model_id: 'many',
        version,
        source,
        ...facts,
        ...(version !== '1' && { parent_version: `${Number(version) - 1}` }),
      });
    expect(
      await take('update_model', { model_id: 'many', description: long(9, 10_000), tags: facts.tags }),
    ).toBe('answer');
    expect(
      await take('update_model', {
        model_id: 'many',
        version: '1',
        hyperparameters: mapOf(9000, (index) => long(index, 100)),
      }),
    ).toBe('answer');
    expect(
      await take('update_model', {
        model_id: 'many',
        version: '1',
        hyperparameters: mapOf(9000, (index) => long(index, 99)),
      }),
    ).toBe('answer');
    for (const given of [
      {},
      { version: '1' },
      { response_format: 'detailed', limit: 10 },
      { response_format: 'detailed', limit: 200 },
    ])
      await take('get_model', { model_id: 'many', ...given });
    expect(kinds.get('get_model')).toEqual(['answer', 'answer', 'answer', 'LIMIT_EXCEEDED']);
    for (const given of [{}, { limit: 200 }, { limit: 200, order_by: 'metric:a name 1 desc' }])
      expect(await take('search_models', given)).toBe('answer');
    expect(
      await take('compare_models', { model_id: 'many', versions: listOf(10, (index) => `${index + 1}`) }),
    ).toBe('answer');
    expect(await take('get_model', { model_id: 'long.deploy_model', response_format: 'detailed' })).toBe(
      'answer',
    );
  });

  it('promote_model, rollback_model, set_traffic, health_check, retire_model and reset_circuit_breaker: many gates, weights, versions', async () => {
    const reason = long(0, 2000);
    const model_id = 'many';
    for (const version of listOf(deployedVersions, (index) => `${index + 1}`))
      await server.call('deploy_model', { model_id, version, set_active: version === '1' });
    expect(
      await take('set_traffic', {
        model_id,
        weights: Object.fromEntries(
          listOf(deployedVersions, (index) => [`${index + 1}`, index < 10 ? 0.1 : 0]),
        ),
      }),
    ).toBe('answer');
    expect(await take('health_check', {})).toBe('answer');
    await server.call('update_model', {
      model_id,
      gates: { production: { min_metrics: mapOf(3000, () => 1, 'a gate') } },
    });
    const production = { model_id, target_stage: 'production', reason };
    expect(await take('promote_model', { ...production, version: '1', dry_run: true })).toBe('answer');
    expect(await take('promote_model', { ...production, version: '1' })).toBe('GATE_FAILED');
    for (const version of ['1', '2'])
      expect(await take('promote_model', { ...production, version, force: true })).toBe('answer');
    expect(await take('rollback_model', { model_id, reason })).toBe('answer');
    expect(await take('reset_circuit_breaker', { model_id, version: '1', reason })).toBe('answer');
    expect(await take('retire_model', { model_id, version: '12', force: true })).toBe('answer');
  });

  it('list_alerts and acknowledge_alert: an alert with many columns, a long note', async () => {
    await server.call('deploy_model', {
      model_id: 'failing',
      version: '1',
      source: testModel('slow_run'),
      class_labels: ['no', 'yes'],
    });
    await Promise.all(
      listOf(40, () => server.attempt('predict', { model_id: 'failing', inputs: [{ x: 3 }] })),
    );
    const alert = await until(
      'an alert',
      async () => (await server.call('list_alerts', { model_id: 'failing' })).alerts[0],
      60_000,
    );
    expect(await take('acknowledge_alert', { alert_id: alert.alert_id, note: long(0, 2000) })).toBe('answer');
    expect(await take('list_alerts', { limit: 200 })).toBe('answer');
  });

  it('sync_mlflow and delete_model: a model of many versions', async () => {
    expect(await take('sync_mlflow', {})).toBe('MLFLOW_UNAVAILABLE');
    const model_id = 'gone';
    for (const version of listOf(30, (index) => `${index}`.padEnd(128, 'v'))) {
      await server.call('register_model', { model_id, version, source: testModel('linear_float32') });
      await server.call('promote_model', { model_id, version, target_stage: 'archived' });
    }
    expect(await take('delete_model', { model_id, dry_run: true })).toBe('answer');
  });

  it('no tool is missing here', () => {
    expect([...called].toSorted()).toEqual(catalogue.map(({ name }) => name).toSorted());
  });
});
