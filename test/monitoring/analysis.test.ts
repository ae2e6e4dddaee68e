import { describe, expect, test } from 'vitest';
import { runTask } from '../../src/monitoring/analysis/run_task.ts';
import { memoryOf } from '../../src/monitoring/analysis/transfer.ts';
import { rowsOf } from '../../src/monitoring/compared_column.ts';
import { decodeProfile } from '../../src/monitoring/stored_column.ts';
import { numeric, valuesOf } from './window_columns.ts';

const request = () => ({
  columns: [numeric('x', [3, 1, 2])],
  areAnswers: false,
  sample: Uint32Array.of(2, 0),
});

describe('a task', () => {
  test.each([true, false])('gives the same in place and in a thread (in place: %s)', async (isQuick) => {
    const input = request();
    const { profiles, sample } = await runTask({ name: 'profile', input }, isQuick);
    expect(profiles.map(decodeProfile)).toMatchObject([{ name: 'x', sorted: Float64Array.of(1, 2, 3) }]);
    expect(sample.map(valuesOf)).toEqual([[2, 3]]);
    // The memory of what it is given is taken; nothing was copied.
    expect(input.columns.map(rowsOf)).toEqual([0]);
  });

  test('more than there are threads for are all carried out', async () => {
    const done = await Promise.all(
      Array.from({ length: 5 }, () => runTask({ name: 'profile', input: request() }, false)),
    );
    expect(done.map(({ profiles }) => profiles.length)).toEqual([1, 1, 1, 1, 1]);
  });

  test('that is cancelled ends', async () => {
    const cancelling = new AbortController();
    const cancelled = runTask({ name: 'profile', input: request() }, false, cancelling.signal);
    cancelling.abort();
    await expect(cancelled).rejects.toMatchObject({ code: 'CANCELLED' });
    // Its place is free again.
    await runTask({ name: 'profile', input: request() }, false);
  });
});

test('the memory of a message is found wherever it is, once, and no pooled one', () => {
  const shared = new Float64Array(4);
  const inMap = Int32Array.of(1);
  const message = {
    columns: [{ values: shared.subarray(1) }, { values: shared.subarray(2), name: 'x' }],
    map: new Map([['a', inMap]]),
    texts: ['a', 'b'],
    nothing: [null, undefined],
    pooled: Buffer.from('pooled'),
  };
  expect(new Set(memoryOf(message))).toEqual(new Set([shared.buffer, inMap.buffer]));
});
