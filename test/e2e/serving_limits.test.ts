import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer, type TestServer } from './client.ts';
import { testModel } from './environment.ts';
import { childrenOf, untilGone } from './processes.ts';
import { until } from './until.ts';

/** A run of slow_run that ends only at its time limit. */
const forEver = 1e9;

function deploy(server: TestServer, modelId: string, model: string, rest: object = {}) {
  return server.call('deploy_model', { model_id: modelId, version: '1', source: testModel(model), ...rest });
}

async function predicted(server: TestServer, modelId: string, ...xs: number[]) {
  const { predictions } = await server.call('predict', {
    model_id: modelId,
    inputs: xs.map((x) => ({ x })),
  });
  return predictions.map(({ value }) => value);
}

/** Waits until health tells this of a model; with a low latency_threshold_ms it tells of runs and queues. */
const untilDetail = (server: TestServer, modelId: string, detail: RegExp) =>
  until(`health to tell ${detail}`, async () => {
    const { models } = await server.call('health_check', { model_id: modelId });
    return models[0] !== undefined && detail.test(models[0].detail);
  });

describe('instances', () => {
  it('as many hosts as asked for, all used at once; fewer when asked for fewer', async () => {
    const server = await startServer({ settings: { MODELYARD_PREDICT_TIMEOUT_MS: '2000' } });
    await deploy(server, 'two', 'slow_run', { instances: 2, latency_threshold_ms: 1 });
    expect(childrenOf(server.pid)).toHaveLength(2);
    // One host hangs for its whole time limit: what comes meanwhile is answered by the other.
    let settled = false;
    const hanging = server.fail('predict', { model_id: 'two', inputs: [{ x: forEver }] }).finally(() => {
      settled = true;
    });
    await untilDetail(server, 'two', /a run has taken/);
    for (let x = 0; x < 5; x++) expect(await predicted(server, 'two', x)).toEqual([x]);
    expect(settled).toBe(false);
    expect(childrenOf(server.pid)).toHaveLength(2);
    expect((await hanging).code).toBe('TIMEOUT');
    await server.call('deploy_model', { model_id: 'two', version: '1', instances: 1 });
    await predicted(server, 'two', 1);
    await until('one host', () => childrenOf(server.pid).length === 1);
    // What is not said stays as it was.
    await server.call('deploy_model', { model_id: 'two', version: '1', instances: 3 });
    await server.call('deploy_model', { model_id: 'two', version: '1' });
    expect(childrenOf(server.pid)).toHaveLength(3);
    await server.close();
  });
});

describe('the queue of a version', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({
      settings: { MODELYARD_PREDICT_TIMEOUT_MS: '2000', MODELYARD_MAX_QUEUE: '3' },
    });
  });
  afterAll(() => server.close());
  const call = (modelId: string, x: number, signal?: AbortSignal) =>
    server.attempt('predict', { model_id: modelId, inputs: [{ x }] }, signal && { signal });
  const codesOf = (results: Awaited<ReturnType<typeof call>>[]) =>
    results.map(({ structuredContent }) => Object(structuredContent).error?.code ?? 'answered');

  it('has a bound: LIMIT_EXCEEDED at once beyond it, and the others are answered or told', async () => {
    await deploy(server, 'bounded', 'slow_run', { latency_threshold_ms: 1 });
    const hanging = call('bounded', forEver);
    await untilDetail(server, 'bounded', /a run has taken/);
    const waiting = [1, 2, 3].map((x) => call('bounded', x));
    await untilDetail(server, 'bounded', /3 calls wait/);
    expect(await server.fail('predict', { model_id: 'bounded', inputs: [{ x: 4 }] })).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: '3 calls wait for this version already.',
    });
    expect(codesOf([await hanging])).toEqual(['TIMEOUT']);
    // They came later, and so they may wait for the next host.
    for (const code of codesOf(await Promise.all(waiting))) expect(['answered', 'TIMEOUT']).toContain(code);
    expect(await predicted(server, 'bounded', 5)).toEqual([5]);
  });

  it('is left by a call that is cancelled', async () => {
    await deploy(server, 'left', 'slow_run', { latency_threshold_ms: 1 });
    const hanging = call('left', forEver);
    await untilDetail(server, 'left', /a run has taken/);
    const caller = new AbortController();
    const cancelled = [1, 2, 3].map((x) => call('left', x, caller.signal));
    const outcomes = Promise.allSettled(cancelled);
    await untilDetail(server, 'left', /3 calls wait/);
    caller.abort();
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await untilDetail(server, 'left', /0 calls wait/);
    const others = [4, 5, 6].map((x) => call('left', x));
    await untilDetail(server, 'left', /3 calls wait/);
    expect(codesOf([await hanging])).toEqual(['TIMEOUT']);
    await Promise.all(others);
    // What was cancelled is not in the log.
    const { predictions } = await server.call('list_predictions', { model_id: 'left' });
    for (const { value } of predictions) expect([1, 2, 3]).not.toContain(value);
    expect(await predicted(server, 'left', 7)).toEqual([7]);
  });
});

describe('calls that share a run', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.close());

  it.each(['regressor', 'linear_float32'])(
    '200 at once on %s: each the very answer that it gets alone',
    async (name) => {
      await deploy(server, name, name);
      const rows = Array.from({ length: 200 }, (_, index) => ({
        f0: (index * 7) % 41,
        f1: (index * 11) % 37,
        f2: index / 8,
        ...(name === 'regressor' && { f3: (index % 5) - 2 }),
      }));
      const ask = async (row: object) =>
        (await server.call('predict', { model_id: name, inputs: [row] })).predictions[0]?.value;
      const alone: unknown[] = [];
      for (const row of rows) alone.push(await ask(row));
      expect(new Set(alone).size).toBeGreaterThan(10);
      expect(await Promise.all(rows.map(ask))).toEqual(alone);
    },
  );

  it('labels and probabilities stay with their calls too', async () => {
    await deploy(server, 'labels', 'classifier_string');
    const calls = Array.from({ length: 200 }, (_, index) =>
      Array.from({ length: 1 + (index % 3) }, (_, row) => ({
        f0: index % 10,
        f1: (index * 3 + row) % 10,
        f2: (index * 7) % 11,
        f3: row,
      })),
    );
    const ask = async (inputs: object[]) => {
      const { predictions } = await server.call('predict', { model_id: 'labels', inputs });
      return predictions.map(({ value, probabilities }) => [
        value,
        Object.entries(probabilities ?? {}).map(([label, share]) => [label, share.toFixed(5)]),
      ]);
    };
    const alone: unknown[] = [];
    for (const inputs of calls) alone.push(await ask(inputs));
    expect(await Promise.all(calls.map(ask))).toEqual(alone);
  });

  it('one that fails among them fails alone', async () => {
    await deploy(server, 'fails', 'fails_run');
    const xs = Array.from({ length: 60 }, (_, index) => (index === 17 ? 101 : index));
    const results = await Promise.all(
      xs.map((x) => server.attempt('predict', { model_id: 'fails', inputs: [{ x }] })),
    );
    expect(results.map(({ isError }) => isError ?? false)).toEqual(xs.map((x) => x === 101));
    expect(results.map(({ structuredContent }) => Object(structuredContent).predictions?.[0]?.value)).toEqual(
      xs.map((x) => (x === 101 ? undefined : 2 * x)),
    );
    const { models } = await server.call('health_check', { model_id: 'fails' });
    expect(models[0]).toMatchObject({ request_count: 60, error_count: 0 });
  });

  it('a model whose rows influence one another never runs two calls together', async () => {
    await deploy(server, 'centred', 'centred_batch');
    const calls = Array.from({ length: 100 }, (_, index) => [index + 1, 3 * index + 3, 5 * index + 5]);
    const answers = await Promise.all(calls.map((xs) => predicted(server, 'centred', ...xs)));
    expect(answers).toEqual(calls.map(([x = 0]) => [-2 * x, 0, 2 * x]));
  });
});

describe('memory and hosts', () => {
  it('a host that grows beyond its cap is ended: LIMIT_EXCEEDED, and the next call works', async () => {
    const server = await startServer({ settings: { MODELYARD_ENGINE_MEMORY_MB: '400' } });
    await deploy(server, 'balloon', 'memory_balloon');
    const hosts = childrenOf(server.pid);
    expect(await server.fail('predict', { model_id: 'balloon', inputs: [{ x: 5e8 }] })).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: expect.stringContaining('more than 400 MB'),
      hint: expect.stringContaining('MODELYARD_ENGINE_MEMORY_MB'),
    });
    await untilGone(hosts);
    expect(await predicted(server, 'balloon', 100)).toEqual([200]);
    const { models } = await server.call('health_check', { model_id: 'balloon' });
    expect(models[0]).toMatchObject({ circuit_breaker: { state: 'closed', trips: 0 } });
    await server.close();
  });

  it('at most so many versions are loaded: the one used longest ago makes room', async () => {
    const server = await startServer({ settings: { MODELYARD_MAX_LOADED: '2' } });
    for (const [index, modelId] of ['a', 'b', 'c'].entries()) {
      await deploy(server, modelId, 'slow_run');
      await until('the hosts', () => childrenOf(server.pid).length === Math.min(2, index + 1));
    }
    const states = async () => {
      const { models } = await server.call('health_check');
      return Object.fromEntries(
        models.map(({ model_id, detail }) => [model_id, !detail.includes('not loaded')]),
      );
    };
    expect(await states()).toEqual({ a: false, b: true, c: true });
    expect(await predicted(server, 'b', 1)).toEqual([1]);
    expect(await predicted(server, 'a', 2)).toEqual([2]);
    expect(await states()).toEqual({ a: true, b: true, c: false });
    for (const modelId of ['c', 'b', 'a', 'c']) expect(await predicted(server, modelId, 3)).toEqual([3]);
    await until('two hosts', () => childrenOf(server.pid).length === 2);
    await server.close();
  });

  it('when all that are loaded are busy, another is refused until one is not', async () => {
    const server = await startServer({
      settings: { MODELYARD_MAX_LOADED: '1', MODELYARD_PREDICT_TIMEOUT_MS: '2000' },
    });
    await deploy(server, 'other', 'slow_run');
    await deploy(server, 'busy', 'slow_run', { latency_threshold_ms: 1 });
    const hanging = server.fail('predict', { model_id: 'busy', inputs: [{ x: forEver }] });
    await untilDetail(server, 'busy', /a run has taken/);
    expect(await server.fail('predict', { model_id: 'other', inputs: [{ x: 1 }] })).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      hint: expect.stringContaining('MODELYARD_MAX_LOADED'),
    });
    expect((await hanging).code).toBe('TIMEOUT');
    expect(await predicted(server, 'other', 1)).toEqual([1]);
    await server.close();
  });

  it('an idle host is ended, and the next call starts another', async () => {
    const server = await startServer({ settings: { MODELYARD_IDLE_UNLOAD_S: '1' } });
    await deploy(server, 'idle', 'slow_run');
    const hosts = childrenOf(server.pid);
    expect(hosts).toHaveLength(1);
    await untilGone(hosts);
    const { models } = await server.call('health_check', { model_id: 'idle' });
    expect(models[0]).toMatchObject({ status: 'unknown', detail: expect.stringContaining('not loaded') });
    expect(await predicted(server, 'idle', 5)).toEqual([5]);
    expect(childrenOf(server.pid)).toHaveLength(1);
    await server.close();
  });
});
