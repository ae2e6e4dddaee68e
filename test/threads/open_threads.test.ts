import { afterAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { builtFile } from '../../src/built_file.ts';
import { callOrder } from '../../src/call_order.ts';
import type { Services } from '../../src/services.ts';
import { openThreads, type ThreadOptions, type Threads } from '../../src/threads/open_threads.ts';
import { defineTool } from '../../tools/define_tool.ts';
import { runTool } from '../run_tool.ts';

type Planted = {
  double: { input: { values: Float64Array }; output: { values: Float64Array } };
} & Record<
  'defect' | 'uncloneable' | 'refuse' | 'busy' | 'report' | 'write' | 'wait' | 'spin' | 'grow' | 'die',
  { input: Record<string, never>; output: undefined }
>;

const entry = builtFile('test/threads/planted_tasks.js');
const opened: Threads<Planted>[] = [];
const open = (options?: ThreadOptions) => {
  const threads = openThreads<Planted>(entry, options);
  opened.push(threads);
  return threads;
};
afterAll(() => Promise.all(opened.map(({ close }) => close())));

const usual = open();

test('the memory of numbers changes hands, both ways', async () => {
  const values = Float64Array.of(1, 2);
  const answer = await usual.run('double', { values });
  expect(answer.values).toEqual(Float64Array.of(2, 4));
  expect(values).toHaveLength(0);
});

test('an error with a code keeps code, message and hint; a database that is away is STORAGE_UNAVAILABLE', async () => {
  await expect(usual.run('refuse', {})).rejects.toMatchObject({
    code: 'NOT_ENOUGH_DATA',
    message: 'There are 3 rows.',
    hint: 'Send more.',
  });
  await expect(usual.run('busy', {})).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE', retryable: true });
});

describe('a defect', () => {
  test.each(['defect', 'uncloneable'] as const)(
    'is a plain error, and the next task works: %s',
    async (name) => {
      const error = await usual.run(name, {}).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(Error);
      expect(error).not.toHaveProperty('code', expect.stringMatching(/^[A-Z_]+UNAVAILABLE$/));
      expect(await usual.run('double', { values: Float64Array.of(3) })).toEqual({
        values: Float64Array.of(6),
      });
    },
  );

  test('comes out of a tool as INTERNAL, not retryable, its stack in the log and not in the answer', async () => {
    const logged: { message: string; meta: { error?: Error } }[] = [];
    const log = (message: string, meta: { error?: Error }) => logged.push({ message, meta });
    const tool = defineTool({
      name: 'planted',
      title: 'Planted',
      description: 'Fails in a thread.',
      permission: 'READ',
      hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
      input: z.strictObject({}),
      output: z.object({}),
      handle: async () => {
        await usual.run('defect', {});
        return {};
      },
    });
    const result = await runTool(
      {
        services: async () => ({ store: { requireIntact: () => undefined } }) as unknown as Services,
        order: callOrder(),
        logger: { debug: log, info: log, warn: log, error: log, close: async () => undefined },
        lacking: [],
      },
      tool,
      {},
    );
    expect(result.structuredContent).toMatchObject({ error: { code: 'INTERNAL', retryable: false } });
    expect(JSON.stringify(result)).not.toContain('planted_tasks');
    expect(logged).toHaveLength(1);
    expect(logged[0]?.meta.error?.stack).toMatch(/TypeError.*\n.*at .*planted_tasks\.mjs:\d+/s);
  });

  test('that ends the thread is told, and the next task gets a new one', async () => {
    await expect(usual.run('die', {})).rejects.toThrow(/ended with code 3/);
    expect(await usual.run('double', { values: Float64Array.of(1) })).toEqual({ values: Float64Array.of(2) });
  });
});

test('progress is reported while it goes on', async () => {
  const heard: unknown[] = [];
  await usual.run('report', {}, { progress: (...steps) => heard.push(steps) });
  expect(heard).toEqual([
    [1, 2, 'half'],
    [2, 2, 'all'],
  ]);
});

test('what a thread writes does not get among the messages of the protocol', async () => {
  const out = vi.spyOn(process.stdout, 'write');
  const err = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const texts = () => err.mock.calls.map(([chunk]) => String(chunk)).join('');
  try {
    await usual.run('write', {});
    await vi.waitFor(() => expect(texts()).toContain('and its console'));
    expect(texts()).toContain('from the thread');
    expect(out.mock.calls.map(([chunk]) => String(chunk)).join('')).not.toContain('from the thread');
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
});

test('a cancelled task ends, one that waited is never begun, and their places are free', async () => {
  const threads = open();
  const [first, second] = [new AbortController(), new AbortController()];
  const spinning = threads.run('spin', {}, { signal: first.signal });
  const queued = threads.run('spin', {}, { signal: second.signal });
  const last = threads.run('double', { values: Float64Array.of(1) });
  second.abort();
  await expect(queued).rejects.toMatchObject({ code: 'CANCELLED' });
  first.abort();
  await expect(spinning).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(await last).toEqual({ values: Float64Array.of(2) });
});

test('a task that takes too long, or too much memory, ends with its limit', async () => {
  await expect(open({ timeLimitMs: 50 }).run('spin', {})).rejects.toMatchObject({
    code: 'LIMIT_EXCEEDED',
    message: expect.stringContaining('50 ms'),
  });
  await expect(open({ memoryMb: 32 }).run('grow', {})).rejects.toMatchObject({
    code: 'LIMIT_EXCEEDED',
    message: expect.stringContaining('32 MB'),
  });
});

test('a shared thread is given a task while it is at another', async () => {
  const threads = open({ shared: true });
  const waiting = expect(threads.run('wait', {})).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(await threads.run('double', { values: Float64Array.of(1) })).toEqual({ values: Float64Array.of(2) });
  await threads.close();
  await waiting;
});

test('more tasks than threads are all carried out, by threads that give their memory back at once', async () => {
  const threads = open({ threads: 2, idleMs: 0 });
  const done = await Promise.all(
    Array.from({ length: 5 }, (_, index) => threads.run('double', { values: Float64Array.of(index) })),
  );
  expect(done.map(({ values }) => values[0])).toEqual([0, 2, 4, 6, 8]);
});

test('closed threads take no task', async () => {
  const threads = open();
  await threads.close();
  await expect(threads.run('report', {})).rejects.toMatchObject({ code: 'CANCELLED' });
});
