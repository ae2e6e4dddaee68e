import { afterEach, describe, expect, test, vi } from 'vitest';
import { ModelYardError } from '../../../src/errors.ts';
import type { EngineModel } from '../../../src/serving/engine/model_host.ts';
import type { StartWarmHost } from '../../../src/serving/engine/pool_hosts.ts';
import type { NamedTensors } from '../../../src/serving/engine/protocol.ts';
import { createVersionPool } from '../../../src/serving/engine/version_pool.ts';
import { type FakeHost, fakeHost } from './fake_host.ts';

afterEach(() => {
  vi.useRealTimers();
});

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
    stored?: NamedTensors;
    /** `never`: no host ever starts. */
    start?: 'never';
  } = {},
) {
  const {
    batching = true,
    coalesce = true,
    instances,
    maxQueue = 100,
    runTimeoutMs = 60_000,
    stored,
  } = given;
  const hosts: FakeHost[] = [];
  const failures: Error[] = [];
  const start: StartWarmHost = async () => {
    if (given.start === 'never') await new Promise(() => undefined);
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
    const host = fakeHost();
    hosts.push(host);
    return {
      host: host.process,
      loadMs: 1,
      warmup: {
        warmupMs: 1,
        failure: undefined,
        rows: { independent: true, outputsByRow: true },
        coalesce,
        knownGood: undefined,
        known: [],
        dimensions: [],
      },
    };
  };
  const settings = {
    runTimeoutMs,
    maxQueue,
    batching,
    isFetching: () => false,
    storedInput: async () => stored,
  };
  const pool = createVersionPool({ ...model, instances }, settings, start);
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
    const given = [2, 3].map((row) => pool.run(column([row]), { signal: caller.signal }));
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
    await expect(pool.run(column([6]), { signal: caller.signal })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
  });

  test('too long are told so, and hold no place', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const { pool, hosts, run } = pooled({ runTimeoutMs: 100, maxQueue: 1, start: 'never' });
    const late = expect(run(1)).rejects.toMatchObject({ code: 'TIMEOUT', message: /waited 100 ms/ });
    expect(pool.status().waiting).toBe(1);
    // A host is being started: it is waited for a little longer.
    vi.advanceTimersByTime(5_100);
    await late;
    expect([pool.status().waiting, hosts]).toEqual([0, []]);
  });

  test('behind one that runs on are answered by the next host: only that one is too late', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const { pool, hosts, run } = pooled({ runTimeoutMs: 100, coalesce: false });
    await pool.load();
    const hanging = expect(run(1)).rejects.toMatchObject({ code: 'TIMEOUT', fault: 'nobody' });
    const waiting = [run(2), run(3)];
    await turn();
    vi.advanceTimersByTime(100);
    await hanging;
    await answerAll(hosts);
    expect(await Promise.all(waiting)).toEqual([[2], [3]]);
    expect(hosts.map(({ runs }) => runs)).toEqual([[[1]], [[2], [3]]]);
  });
});

describe('a run of several calls that takes too long', () => {
  test('is given a quarter of their time, then each runs alone; the one to blame has the rest of its time last', async () => {
    const { pool, hosts, run } = pooled({ runTimeoutMs: 60_000 });
    await pool.load();
    const good = run(9);
    await answerAll(hosts);
    await good;
    const calls = [1, 2, 3].map((row) => run(row));
    const settled = Promise.allSettled(calls);
    await turn();
    hosts[0]?.runOut();
    await turn();
    // The next host is asked whether it still runs what is known good.
    expect(hosts[1]?.runs).toEqual([[9]]);
    hosts[1]?.answer();
    await turn();
    expect(hosts[1]?.runs).toEqual([[9], [1]]);
    // Others wait: it has no longer alone than it had with them.
    hosts[1]?.runOut();
    await turn();
    hosts[2]?.answer();
    await answerAll(hosts.slice(2, 3));
    expect(hosts.map(({ runs }) => runs)).toEqual([
      [[9], [1, 2, 3]],
      [[9], [1]],
      [[9], [2], [3], [1]],
    ]);
    const [shared, alone] = [hosts[0]?.limits[1], hosts[1]?.limits[1]];
    expect([shared, alone]).toEqual([2_000, 2_000]);
    expect(hosts[2]?.limits[3]).toBeGreaterThan(50_000);
    expect(await settled).toMatchObject([{ value: [1] }, { value: [2] }, { value: [3] }]);
  });

  test('where that one runs on, it alone is refused, as its caller’s fault, and so it is a moment later', async () => {
    const { pool, hosts, run } = pooled({ runTimeoutMs: 60_000 });
    await pool.load();
    const good = run(9);
    await answerAll(hosts);
    await good;
    const settled = Promise.allSettled([1, 2].map((row) => run(row)));
    for (const host of [0, 1, 2]) {
      await turn();
      hosts[host]?.runOut();
      await turn();
      // What is known good.
      hosts[host + 1]?.answer();
      await turn();
      // The other call.
      if (host === 1) hosts[2]?.answer();
    }
    expect(await settled).toMatchObject([
      { reason: { code: 'TIMEOUT', fault: 'caller', retryable: false } },
      { value: [2] },
    ]);
    expect(hosts.map(({ runs }) => runs)).toEqual([[[9], [1, 2]], [[9], [1]], [[9], [2], [1]], [[2]]]);
    await expect(run(1)).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringMatching(/answers other inputs in time.*not run again/),
    });
  });

  test('by a model that no longer runs on what is known good: all fail at once, by its fault', async () => {
    const { pool, hosts, run } = pooled();
    await pool.load();
    const good = run(9);
    await answerAll(hosts);
    await good;
    const settled = Promise.allSettled([1, 2].map((row) => run(row)));
    await turn();
    hosts[0]?.runOut();
    await turn();
    hosts[1]?.runOut();
    expect(await settled).toMatchObject([
      { reason: { code: 'TIMEOUT', fault: 'model' } },
      { reason: { code: 'TIMEOUT', fault: 'model' } },
    ]);
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

describe('whose fault a failed run is', () => {
  test('the caller’s where the model ran a moment ago: no failure asks again', async () => {
    const { hosts, run } = pooled();
    const good = run(1);
    await answerAll(hosts);
    await good;
    for (const row of [2, 3]) {
      const bad = run(row).catch((error: unknown) => error);
      await turn();
      hosts[0]?.fail(failedRun());
      expect(await bad).toMatchObject({ code: 'INFERENCE_FAILED', fault: 'caller', retryable: false });
    }
    expect(hosts[0]?.runs).toEqual([[1], [2], [3]]);
  });

  test('nobody’s where no input is known to be good: by the first twenty, then the model’s, until it answers', async () => {
    const { hosts, pool, run } = pooled();
    await pool.load();
    const faultOf = async (row: number) => {
      const bad = run(row).catch((error: unknown) => error);
      await turn();
      hosts[0]?.fail(failedRun());
      return Object(await bad).fault;
    };
    const faults: unknown[] = [];
    for (let row = 0; row < 22; row++) faults.push(await faultOf(row));
    expect(faults).toEqual([...Array(20).fill('nobody'), 'model', 'model']);
    const good = run(1);
    await answerAll(hosts);
    await good;
    expect(await faultOf(30)).toBe('caller');
  });

  test.each(['crash', 'hang'] as const)(
    'a first %s is nobody’s, and counts for less than an answer that follows',
    async (end) => {
      const { hosts, pool, run } = pooled();
      await pool.load();
      const bad = run(2).catch((error: unknown) => error);
      await turn();
      if (end === 'crash') hosts[0]?.end();
      else hosts[0]?.runOut();
      expect(await bad).toMatchObject({ fault: 'nobody', retryable: true });
      const good = run(1);
      await answerAll(hosts);
      await good;
      const again = run(2).catch((error: unknown) => error);
      await turn();
      if (end === 'crash') hosts[1]?.end();
      else hosts[1]?.runOut();
      await turn();
      hosts[2]?.answer();
      expect(await again).toMatchObject({ fault: 'caller' });
    },
  );

  test('runs that only look for the rows of a failure count for nothing', async () => {
    const { hosts, pool } = pooled();
    await pool.load();
    for (let row = 0; row < 25; row++) {
      const bad = pool.run(column([row]), { isSearch: true }).catch((error: unknown) => error);
      await turn();
      hosts[0]?.fail(failedRun());
      expect(await bad).toMatchObject({ fault: 'nobody' });
    }
  });

  test.each(['runs', 'fails', 'hangs'] as const)(
    'where nothing ran yet, by the input it was deployed with: that %s',
    async (outcome) => {
      const { hosts, pool, run } = pooled({ stored: column([7]) });
      await pool.load();
      const bad = run(2).catch((error: unknown) => error);
      await turn();
      hosts[0]?.fail(failedRun());
      await turn();
      expect(hosts[0]?.runs).toEqual([[2], [7]]);
      if (outcome === 'runs') hosts[0]?.answer();
      else if (outcome === 'fails') hosts[0]?.fail(failedRun());
      else hosts[0]?.runOut();
      expect(await bad).toMatchObject({ fault: outcome === 'runs' ? 'caller' : 'model' });
    },
  );

  test('however many inputs end the host, while it runs what is known good they are their callers’', async () => {
    const { hosts, run } = pooled();
    const good = run(1);
    await answerAll(hosts);
    await good;
    for (let row = 0; row < 40; row++) {
      const deadly = run(100 + row).catch((error: unknown) => error);
      await turn();
      hosts.at(-1)?.end();
      await turn();
      hosts.at(-1)?.answer();
      expect(await deadly).toMatchObject({ fault: 'caller' });
    }
  });

  test('nobody’s where the host was ended from outside, and the call may be tried again', async () => {
    const { hosts, run } = pooled();
    const good = run(1);
    await answerAll(hosts);
    await good;
    const call = run(2).catch((error: unknown) => error);
    await turn();
    hosts[0]?.process.kill();
    expect(await call).toMatchObject({
      code: 'ENGINE_CRASHED',
      fault: 'nobody',
      isFromOutside: true,
      retryable: true,
    });
  });

  test('after its host ended: the next one is asked, and the same rows are refused', async () => {
    const { hosts, run } = pooled();
    const good = run(1);
    await answerAll(hosts);
    await good;
    const deadly = run(13).catch((error: unknown) => error);
    await turn();
    hosts[0]?.end();
    await turn();
    // What is known good.
    expect(hosts[1]?.runs).toEqual([[1]]);
    hosts[1]?.answer();
    expect(await deadly).toMatchObject({ code: 'ENGINE_CRASHED', fault: 'caller', retryable: false });
    await expect(run(13)).rejects.toMatchObject({ message: expect.stringContaining('not run again') });
    const next = run(2);
    await answerAll(hosts);
    expect(await next).toEqual([2]);
    expect(hosts).toHaveLength(2);
  });

  test('the model’s where the next host fails on what is known good as well', async () => {
    const { hosts, run } = pooled();
    const good = run(1);
    await answerAll(hosts);
    await good;
    const call = run(13).catch((error: unknown) => error);
    await turn();
    hosts[0]?.end();
    await turn();
    hosts[1]?.fail(failedRun());
    expect(await call).toMatchObject({ code: 'ENGINE_CRASHED', fault: 'model', retryable: true });
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
    expect(reports).toEqual(
      reports.map(() => ({
        loadMs: 1,
        warmupMs: 1,
        warmupFailure: undefined,
        rows: { independent: true, outputsByRow: true },
      })),
    );
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
