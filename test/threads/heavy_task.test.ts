import { describe, expect, test } from 'vitest';
import { builtFile } from '../../src/built_file.ts';
import { profileColumns } from '../../src/monitoring/reference/profile_columns.ts';
import { decodeProfile } from '../../src/monitoring/reference/stored_column.ts';
import { rowsOf } from '../../src/monitoring/rows/compared_column.ts';
import { heavyTask } from '../../src/threads/index.ts';
import { memoryOf } from '../../src/threads/transfer.ts';
import { numeric, valuesOf } from '../monitoring/window_columns.ts';

const compiled = builtFile('profile_columns.js');
const profile = heavyTask(compiled, 'profileColumns', async () => profileColumns);

const request = () => ({
  columns: [numeric('x', [3, 1, 2])],
  areAnswers: false,
  sample: Uint32Array.of(2, 0),
});

describe('a task', () => {
  test.each([true, false])('gives the same in place and in a thread (in place: %s)', async (isQuick) => {
    const input = request();
    const { profiles, sample } = await profile(input, isQuick);
    expect(profiles.map(decodeProfile)).toMatchObject([{ name: 'x', sorted: Float64Array.of(1, 2, 3) }]);
    expect(sample.map(valuesOf)).toEqual([[2, 3]]);
    // The memory of what it is given is taken; nothing was copied.
    expect(input.columns.map(rowsOf)).toEqual([0]);
  });

  test('more than there are threads for are all carried out', async () => {
    const done = await Promise.all(Array.from({ length: 5 }, () => profile(request(), false)));
    expect(done.map(({ profiles }) => profiles.length)).toEqual([1, 1, 1, 1, 1]);
  });

  test('that is cancelled ends', async () => {
    const cancelling = new AbortController();
    const cancelled = profile(request(), false, cancelling.signal);
    cancelling.abort();
    await expect(cancelled).rejects.toMatchObject({ code: 'CANCELLED' });
    // Its place is free again.
    await profile(request(), false);
  });

  test('that its module does not have is a defect that names both', async () => {
    const mistaken = heavyTask(compiled, 'profileRows', async () => profileColumns);
    await expect(mistaken(request(), false)).rejects.toThrow(
      /profile_columns\.js exports no function profileRows/,
    );
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
