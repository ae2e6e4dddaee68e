import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer, type TestServer } from './client.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { childrenOf, untilGone } from './processes.ts';
import { until } from './until.ts';

const row = { f0: 1, f1: 2, f2: 3 };

function deploy(server: TestServer, modelId: string, model: string, rest: object = {}) {
  return server.call('deploy_model', { model_id: modelId, version: '1', source: testModel(model), ...rest });
}

async function predicted(server: TestServer, modelId: string, given: Record<string, unknown>) {
  const answer = await server.call('predict', { model_id: modelId, inputs: [given] });
  return answer.predictions[0]?.value;
}

describe('no model takes the server down', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ settings: { MODELYARD_PREDICT_TIMEOUT_MS: '2500' } });
    await deploy(server, 'good', 'linear_float32');
  });
  afterAll(() => server.close());

  it('a run that hangs: TIMEOUT at its limit; meanwhile health and other models answer', async () => {
    await deploy(server, 'slow', 'slow_run', { latency_threshold_ms: 500 });
    const hosts = childrenOf(server.pid);
    let settled = false;
    const hanging = server.fail('predict', { model_id: 'slow', inputs: [{ x: 1e9 }] }).finally(() => {
      settled = true;
    });
    const health = await server.call('health_check');
    expect(settled).toBe(false);
    expect(health.models.map(({ model_id }) => model_id).toSorted()).toEqual(['good', 'slow']);
    expect(await predicted(server, 'good', row)).toBe(4.75);
    expect(settled).toBe(false);
    // Every process answers at once while a model hangs, also about that model.
    const degraded = await until('health to tell of the run', async () => {
      const { models } = await server.call('health_check', { model_id: 'slow' });
      return models[0]?.status === 'degraded' && models[0];
    });
    expect(settled).toBe(false);
    expect(degraded.detail).toMatch(/a run has taken \d+ ms so far/);

    expect(await hanging).toMatchObject({
      code: 'TIMEOUT',
      retryable: false,
      message: expect.stringMatching(/did not answer within .* It answers other inputs in time/),
      hint: expect.stringContaining('MODELYARD_PREDICT_TIMEOUT_MS'),
    });
    expect(await predicted(server, 'good', row)).toBe(4.75);
    expect(await predicted(server, 'slow', { x: 1 })).toBe(1);
    await until('the old host to be gone', () => childrenOf(server.pid).length === hosts.length);
    const after = await server.call('health_check', { model_id: 'slow' });
    expect(after.models[0]).toMatchObject({
      request_count: 2,
      error_count: 0,
    });
  });

  it('calls that wait behind a run that hangs end too', async () => {
    const waiting = [1e9, 1, 2, 3].map((x) =>
      server.attempt('predict', { model_id: 'slow', inputs: [{ x }] }),
    );
    const results = await Promise.all(waiting);
    expect(results[0]?.isError).toBe(true);
    expect(await predicted(server, 'slow', { x: 2 })).toBe(2);
  });

  it.skipIf(process.arch !== 'x64')('a run that kills its process: ENGINE_CRASHED', async () => {
    await deploy(server, 'crash', 'crash_run');
    expect(
      await server.fail('predict', { model_id: 'crash', inputs: [{ x: -2147483648, d: -1 }] }),
    ).toMatchObject({
      code: 'ENGINE_CRASHED',
      retryable: false,
      message: expect.stringMatching(/onnxruntime [\d.]+\) ended \(SIGFPE\) on row 0\./),
    });
    expect(await predicted(server, 'crash', { x: 6, d: 3 })).toBe(2);
    const health = await server.call('health_check', { model_id: 'crash' });
    expect(health.models[0]).toMatchObject({ request_count: 2, error_count: 0 });
  });

  it('a run that fails: INFERENCE_FAILED, and the process lives on', async () => {
    await deploy(server, 'fails', 'fails_run');
    const hosts = childrenOf(server.pid);
    const error = await server.fail('predict', { model_id: 'fails', inputs: [{ x: 101 }] });
    expect(error.code).toBe('INFERENCE_FAILED');
    expect(error.message).not.toMatch(/onnxruntime|\.cc|node_modules/);
    expect(await predicted(server, 'fails', { x: 42.9 })).toBe(84);
    expect(childrenOf(server.pid)).toEqual(hosts);
  });

  it('memory that is not there: an error, and the next call works', async () => {
    await deploy(server, 'balloon', 'memory_balloon');
    // 4 TB: no system gives them.
    const error = await server.fail('predict', { model_id: 'balloon', inputs: [{ x: 1e12 }] });
    expect(['INFERENCE_FAILED', 'ENGINE_CRASHED']).toContain(error.code);
    expect(await predicted(server, 'balloon', { x: 100 })).toBe(200);
  });

  it('an answer too long to give is refused whole, and the next call works', async () => {
    await deploy(server, 'long', 'long_answer');
    for (const elements of [1_500_000, 5e7]) {
      const error = await server.fail('predict', { model_id: 'long', inputs: [{ x: elements }] });
      expect(error).toMatchObject({ code: 'LIMIT_EXCEEDED' });
      expect(error.message).toContain(String(elements));
    }
    const { predictions, outputs } = await server.call('predict', { model_id: 'long', inputs: [{ x: 3 }] });
    // It is not one per row, so it belongs to the call.
    expect([predictions.map(({ value }) => value), outputs?.y?.data]).toEqual([[null], [1, 1, 1]]);
  });

  it('an answer that clients could not take is refused with what would do; the largest ones arrive', async () => {
    await deploy(server, 'wide', 'wide_answer');
    const tensors = (rows: number) => ({
      x: { datatype: 'FP32', shape: [rows, 1], data: Array.from({ length: rows }, () => 0.1) },
    });
    const predict = { model_id: 'wide', tensors: tensors(3) };
    const before = (await server.call('list_predictions', { model_id: 'wide' })).predictions.length;
    const error = await server.fail('predict', predict);
    expect(error).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      hint: expect.stringMatching(/at most 1 rows.*`outputs`.*predict_file/),
    });
    expect((await server.call('list_predictions', { model_id: 'wide' })).predictions).toHaveLength(before);
    // Above a megabyte the text only says where the answer is.
    const large = await server.attempt('predict', { ...predict, outputs: ['boxes'], tensors: tensors(1) });
    const [text] = large.content;
    expect(text).toEqual({ type: 'text', text: expect.stringMatching(/^The answer has \d\.\d MB/) });
    expect(Object(large.structuredContent).outputs.boxes.data).toHaveLength(100_000);
    const small = await server.call('predict', { ...predict, outputs: ['small'] });
    expect(Object.keys(small.outputs ?? {})).toEqual(['small']);
    expect(small.predictions.map(({ value }) => value)).toEqual([1, 1, 1].map(() => Math.fround(0.2)));
    const unknown = await server.fail('predict', { ...predict, outputs: ['smal'] });
    expect(`${unknown.code} ${unknown.hint}`).toMatch(/^SIGNATURE_MISMATCH Did you mean small/);
  });

  it('names and values that objects have of their own are an answer or an error with a code', async () => {
    for (const name of ['toString', 'constructor', '__proto__', 'toJSON', 'length'])
      for (const given of [
        { inputs: [JSON.parse(`{"${name}": 1}`)] },
        { inputs: [{ x: JSON.parse(`{"${name}": 1}`) }] },
        { tensors: JSON.parse(`{"${name}": {"datatype": "FP32", "shape": [1, 1], "data": [1]}}`) },
        { tensors: { x: { datatype: 'FP32', shape: [1, 1], data: [JSON.parse(`{"${name}": 1}`)] } } },
      ]) {
        const error = await server.fail('predict', { model_id: 'wide', ...given });
        expect(['SIGNATURE_MISMATCH', 'INVALID_INPUT']).toContain(error.code);
      }
  });

  it('values that JSON has not: null, and a warning', async () => {
    await deploy(server, 'special', 'nan_output');
    const answer = await server.call('predict', {
      model_id: 'special',
      inputs: [-1, 0, 1].map((x) => ({ x })),
    });
    expect(answer.predictions.map(({ value }) => value)).toEqual([null, null, 0]);
    expect(answer.warnings).toEqual([expect.stringContaining('2 of 3')]);
  });

  it('a host that is killed from outside: the next call works', async () => {
    const hosts = childrenOf(server.pid);
    for (const host of hosts) process.kill(host, 'SIGKILL');
    await untilGone(hosts);
    await until('the server to know', async () => {
      const { models } = await server.call('health_check', { model_id: 'good' });
      return models[0]?.detail.includes('not loaded in this process');
    });
    expect(await predicted(server, 'good', row)).toBe(4.75);
    expect(childrenOf(server.pid)).toHaveLength(1);
  });

  it('a host that is killed in the middle of a run: ENGINE_CRASHED, and the next call works', async () => {
    await deploy(server, 'hanging', 'slow_run', { latency_threshold_ms: 50 });
    const hanging = server.fail('predict', { model_id: 'hanging', inputs: [{ x: 1e9 }] });
    await until('the run to begin', async () => {
      const { models } = await server.call('health_check', { model_id: 'hanging' });
      return models[0]?.detail.includes('a run has taken');
    });
    for (const host of childrenOf(server.pid)) process.kill(host, 'SIGKILL');
    expect((await hanging).code).toBe('ENGINE_CRASHED');
    expect(await predicted(server, 'hanging', { x: 1 })).toBe(1);
  });

  it('has told its users nothing on standard error', () => {
    expect(server.standardError()).toBe('');
  });
});

describe('a model that does not load', () => {
  it('within its limit: TIMEOUT, no host left, and what served before goes on', async () => {
    const server = await startServer({ settings: { MODELYARD_LOAD_TIMEOUT_MS: '4000' } });
    await deploy(server, 'good', 'linear_float32');
    const hosts = childrenOf(server.pid);
    const loading = server.fail('deploy_model', {
      model_id: 'good',
      version: '2',
      source: testModel('slow_load'),
    });
    expect(await predicted(server, 'good', row)).toBe(4.75);
    expect(await loading).toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringContaining('did not load within 4000 ms'),
      hint: expect.stringContaining('MODELYARD_LOAD_TIMEOUT_MS'),
    });
    await until('the host to be gone', () => childrenOf(server.pid).length === hosts.length);
    expect(await predicted(server, 'good', row)).toBe(4.75);
    const model = await server.call('get_model', { model_id: 'good' });
    expect(model.versions.map(({ version }) => version)).toEqual(['1']);
    await server.close();
  });
});

describe('an artifact that was damaged in the store', () => {
  let scratch: Scratch;
  let server: TestServer;
  let file: string;
  beforeAll(async () => {
    scratch = scratchDirectory();
    server = await startServer({ directory: scratch.path });
    await deploy(server, 'good', 'linear_float32');
    await deploy(server, 'other', 'linear_float32_b');
    const model = await server.call('get_model', { model_id: 'good', version: '1' });
    const sha256 = model.versions[0]?.artifact?.sha256 ?? '';
    const artifacts = join(scratch.path, 'registry', 'artifacts');
    const found = readdirSync(artifacts, { recursive: true, encoding: 'utf8' }).find((name) =>
      name.replace(/\W/g, '').startsWith(sha256),
    );
    file = join(artifacts, found ?? '');
    await server.close();
    server = await startServer({ directory: scratch.path });
  });
  afterAll(async () => {
    await server.close();
    scratch.remove();
  });

  it('is not served and not promoted, until the same file is registered again', async () => {
    const bytes = readFileSync(file);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    writeFileSync(file, bytes);
    const refused = await server.fail('predict', { model_id: 'good', inputs: [row] });
    expect(refused).toMatchObject({ code: 'ARTIFACT_MISMATCH', message: expect.stringContaining('damaged') });
    const gate = await server.fail('promote_model', {
      model_id: 'good',
      version: '1',
      target_stage: 'production',
    });
    expect(gate).toMatchObject({ code: 'GATE_FAILED', message: expect.stringContaining('artifact_intact') });
    expect((await server.fail('deploy_model', { model_id: 'good', version: '1' })).code).toBe(
      'ARTIFACT_MISMATCH',
    );
    expect(await predicted(server, 'other', row)).toBe(-1.5);

    await server.call('register_model', {
      model_id: 'good',
      version: '1',
      source: testModel('linear_float32'),
    });
    expect(await predicted(server, 'good', row)).toBe(4.75);
  });
});
