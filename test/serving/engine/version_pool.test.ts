import { describe, expect, test } from 'vitest';
import { ModelYardError } from '../../../src/errors.ts';
import type { EngineModel } from '../../../src/serving/engine/model_host.ts';
import type { NamedTensors } from '../../../src/serving/engine/protocol.ts';
import { createVersionPool, type StartWarmHost } from '../../../src/serving/engine/version_pool.ts';
import { type FakeHost, fakeHost } from './fake_host.ts';

const failedRun = () => new ModelYardError('INFERENCE_FAILED', 'failed', 'check');

const model: EngineModel = {
  key: 'm@1',
  artifact: { sha256: '0', bytes: 0 },
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
  instances: undefined,
};

function pooled(
  given: {
    batching?: boolean;
    coalesce?: boolean;
    instances?: number;
    maxQueue?: number;
    runTimeoutMs?: number;
  } = {},
) {
  const { batching = true, coalesce = true, instances, maxQueue = 100, runTimeoutMs = 60_000 } = given;
  const hosts: FakeHost[] = [];
  const failures: Error[] = [];
  const start: StartWarmHost = async () => {
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
    const host = fakeHost();
    hosts.push(host);
    return { host: host.process, loadMs: 1, warmup: { warmupMs: 1, failure: undefined, coalesce } };
  };
  const pool = createVersionPool({ ...model, instances }, { runTimeoutMs, maxQueue, batching }, start);
  const run = async (...rows: number[]) => [...((await pool.run(column(rows))).get('y')?.data ?? [])];
  return { pool, hosts, failures, run };
}

const column = (rows: number[]): NamedTensors =>
  new Map([['x', { datatype: 'FP32', shape: [rows.length, 1], data: Float32Array.from(rows) }]]);

/** Lets everything that is ready to happen happen. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Answers whatever runs until nothing does. */
async function answerAll(hosts: readonly FakeHost[]): Promise<void> {
  await turn();
  while (hosts.some((host) => host.isBusy())) {
    for (const host of hosts) host.answer();
    await turn();
  }
}

describe('calls that wait', () => {
  test('go in the order in which they came, all in one run while they fit', async () => {
    const { hosts, run } = pooled();
    const first = run(1);
    await turn();
    const others = [run(2, 3), run(4), run(5, 6, 7)];
    await turn();
    expect(hosts.map(({ runs }) => runs)).toEqual([[[1]]]);
    await answerAll(hosts);
    expect(hosts.map(({ runs }) => runs)).toEqual([[[1], [2, 3, 4, 5, 6, 7]]]);
    expect(await Promise.all([first, ...others])).toEqual([[1], [2, 3], [4], [5, 6, 7]]);
  });

  test('that came in together share a run, before any wait', async () => {
    const { pool, hosts, run } = pooled();
    await pool.load();
    const calls = [run(1), run(2), run(3)];
    await answerAll(hosts);
    expect(hosts[0]?.runs).toEqual([[1, 2, 3]]);
    expect(await Promise.all(calls)).toEqual([[1], [2], [3]]);
  });

  test.each([
    ['rows influence one another', { coalesce: false }],
    ['batching is switched off', { batching: false }],
  ])('run one by one where %s', async (_, given) => {
    const { hosts, run } = pooled(given);
    const calls = [run(1), run(2), run(3)];
    await answerAll(hosts);
    expect(hosts[0]?.runs).toEqual([[1], [2], [3]]);
    expect(await Promise.all(calls)).toEqual([[1], [2], [3]]);
  });

  test('share a run up to 1 024 rows', async () => {
    const { pool, hosts, run } = pooled();
    await pool.load();
    const rows = (count: number) => Array.from({ length: count }, (_, index) => index);
    const calls = [run(...rows(1000)), run(...rows(24)), run(...rows(1)), run(...rows(1024))];
    await answerAll(hosts);
    expect(hosts[0]?.runs.map(({ length }) => length)).toEqual([1024, 1, 1024]);
    expect((await Promise.all(calls)).map(({ length }) => length)).toEqual([1000, 24, 1, 1024]);
  });

  test('of another shape start a run of their own', async () => {
    const { pool, hosts, run } = pooled();
    await pool.load();
    const wide = pool.run(new Map([['x', { datatype: 'FP32', shape: [1, 2], data: Float32Array.of(8, 9) }]]));
    const calls = [run(1), run(2)];
    await answerAll(hosts);
    expect(hosts[0]?.runs).toEqual([
      [8, 9],
      [1, 2],
    ]);
    expect((await wide).get('y')?.shape).toEqual([1, 2]);
    expect(await Promise.all(calls)).toEqual([[1], [2]]);
  });

  test('beyond the bound are refused, and the bound counts only those that wait', async () => {
    const { pool, hosts, run } = pooled({ maxQueue: 2 });
    await pool.load();
    const running = run(1);
    await turn();
    const waiting = [run(2), run(3)];
    await expect(run(4)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', message: /^2 calls wait/ });
    await answerAll(hosts);
    expect(await Promise.all([running, ...waiting])).toEqual([[1], [2], [3]]);
  });

  test('and are cancelled give up their place', async () => {
    const { pool, hosts, run } = pooled({ maxQueue: 2 });
    await pool.load();
    const running = run(1);
    await turn();
    const caller = new AbortController();
    const given = [2, 3].map((row) => pool.run(column([row]), caller.signal));
    caller.abort();
    await expect(Promise.allSettled(given)).resolves.toMatchObject([
      { reason: { code: 'CANCELLED' } },
      { reason: { code: 'CANCELLED' } },
    ]);
    expect(pool.status().waiting).toBe(0);
    const others = [run(4), run(5)];
    await answerAll(hosts);
    expect(await Promise.all([running, ...others])).toEqual([[1], [4], [5]]);
    expect(hosts[0]?.runs).toEqual([[1], [4, 5]]);
    await expect(pool.run(column([6]), caller.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  test('too long are told so, and whether they had their turn', async () => {
    const { pool, hosts, run } = pooled({ runTimeoutMs: 100, maxQueue: 1 });
    await pool.load();
    const running = expect(run(1)).rejects.toMatchObject({ code: 'TIMEOUT', message: /did not answer/ });
    await turn();
    await expect(run(2)).rejects.toMatchObject({ code: 'TIMEOUT', message: /waited 100 ms/ });
    await running;
    // Neither holds a place.
    const late = run(3);
    await answerAll(hosts);
    expect(await late).toEqual([3]);
    expect(hosts[0]?.runs).toEqual([[1], [3]]);
  });
});

describe('a run of several calls that fails', () => {
  test('is repeated one by one: the fault is its own call’s only', async () => {
    const { pool, hosts, run } = pooled();
    await pool.load();
    const calls = [1, 2, 3].map((row) => run(row));
    const settled = Promise.allSettled(calls);
    await turn();
    hosts[0]?.fail(failedRun());
    await turn();
    hosts[0]?.answer();
    await turn();
    hosts[0]?.fail(failedRun());
    await answerAll(hosts);
    expect(hosts[0]?.runs).toEqual([[1, 2, 3], [1], [2], [3]]);
    expect(await settled).toMatchObject([
      { value: [1] },
      { reason: { code: 'INFERENCE_FAILED' } },
      { value: [3] },
    ]);
  });

  test('because its host ended goes on with a new host, before those that came later', async () => {
    const { pool, hosts, run } = pooled();
    await pool.load();
    const calls = [run(1), run(2)];
    await turn();
    const later = run(3);
    hosts[0]?.end();
    await answerAll(hosts);
    await answerAll(hosts);
    expect(hosts.map(({ runs }) => runs)).toEqual([[[1, 2]], [[1], [2], [3]]]);
    expect(await Promise.all([...calls, later])).toEqual([[1], [2], [3]]);
  });
});

describe('hosts', () => {
  test('are as many as instances, and all are used', async () => {
    const { pool, hosts, run } = pooled({ instances: 3, coalesce: false });
    await pool.load();
    expect(hosts).toHaveLength(3);
    const calls = [1, 2, 3, 4].map((row) => run(row));
    await turn();
    expect(hosts.map(({ runs }) => runs)).toEqual([[[1]], [[2]], [[3]]]);
    hosts[1]?.answer();
    await turn();
    expect(hosts[1]?.runs).toEqual([[2], [4]]);
    await answerAll(hosts);
    expect(await Promise.all(calls)).toEqual([[1], [2], [3], [4]]);
  });

  test('grow with the next calls, and surplus ones end when they are idle', async () => {
    const { pool, hosts, run } = pooled({ coalesce: false });
    await pool.load();
    pool.resize(2);
    const calls = [1, 2].map((row) => run(row));
    await turn();
    await turn();
    expect(pool.status()).toMatchObject({ state: 'ready', hosts: 2 });
    pool.resize(1);
    // Both run: neither is taken from its call.
    expect(pool.status().hosts).toBe(2);
    await answerAll(hosts);
    expect(await Promise.all(calls)).toEqual([[1], [2]]);
    expect(pool.status().hosts).toBe(1);
    expect(hosts.filter(({ process }) => process.isAlive())).toHaveLength(1);
  });

  test('are started once, however many ask', async () => {
    const { pool, hosts } = pooled({ instances: 2 });
    const reports = await Promise.all([pool.load(), pool.load(), pool.load()]);
    expect(hosts).toHaveLength(2);
    expect(reports).toEqual(reports.map(() => ({ loadMs: 1, warmupMs: 1, warmupFailure: undefined })));
  });

  test('that cannot be started fail every call that waits, and the next call tries again', async () => {
    const { hosts, failures, run } = pooled();
    failures.push(new ModelYardError('ARTIFACT_MISMATCH', 'damaged', 'again'));
    expect(await Promise.allSettled([run(1), run(2)])).toMatchObject([
      { reason: { code: 'ARTIFACT_MISMATCH' } },
      { reason: { code: 'ARTIFACT_MISMATCH' } },
    ]);
    const next = run(3);
    await turn();
    await answerAll(hosts);
    expect(await next).toEqual([3]);
  });

  test('one that cannot be started beside one that works fails nobody', async () => {
    const { pool, hosts, failures, run } = pooled({ coalesce: false });
    await pool.load();
    pool.resize(2);
    failures.push(new ModelYardError('LIMIT_EXCEEDED', 'no room', 'later'));
    const calls = [1, 2].map((row) => run(row));
    await answerAll(hosts);
    await answerAll(hosts);
    expect(await Promise.all(calls)).toEqual([[1], [2]]);
  });
});

test('a pool is drained when what runs and waits has ended', async () => {
  const { pool, hosts, run } = pooled({ coalesce: false });
  await pool.load();
  await pool.drained();
  const calls = [run(1), run(2)];
  let drained = false;
  const draining = pool.drained().then(() => {
    drained = true;
  });
  await turn();
  hosts[0]?.answer();
  await turn();
  expect([drained, pool.isIdle()]).toEqual([false, false]);
  hosts[0]?.answer();
  await draining;
  expect(pool.isIdle()).toBe(true);
  expect(await Promise.all(calls)).toEqual([[1], [2]]);
  pool.unload();
  expect(pool.status()).toMatchObject({ state: 'not_loaded', hosts: 0 });
});
