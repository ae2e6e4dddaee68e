import fc from 'fast-check';
import { uuidv7 } from 'uuidv7';
import { beforeAll, describe, expect, test } from 'vitest';
import { columnOf, idColumn, valueAt } from '../../src/prediction_log/column.ts';
import { drawNumbers, smallestOf } from '../../src/prediction_log/draw_calls.ts';
import { drawCalls, type LoggedCalls, readCalls } from '../../src/prediction_log/logged_calls.ts';
import { mergeSegments } from '../../src/prediction_log/merge_segments.ts';
import { segmentsOf } from '../../src/prediction_log/segment.ts';
import { encodeSegment, insertSegments } from '../../src/prediction_log/segment_store.ts';
import type { PredictionEntry } from '../../src/serving/prediction_sink.ts';
import type { Database } from '../../src/storage/database.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';
import { answered, failed } from './entries.ts';

describe('the numbers that rows are drawn by', () => {
  const ids = Array.from({ length: 20_000 }, () => uuidv7());

  test('are those of the id, however it is stored', () => {
    const mixed = [...ids.slice(0, 50), 'order-17', 'x'.repeat(40), ''];
    const numbers = drawNumbers(columnOf(mixed), 7);
    expect([...drawNumbers(idColumn(ids.slice(0, 50)), 7)]).toEqual([...numbers.slice(0, 50)]);
    expect(new Set(numbers).size).toBe(mixed.length);
    expect([...drawNumbers(columnOf(mixed), 8)]).not.toEqual([...numbers]);
  });

  test.each([
    ['ids in the order of time', idColumn(ids)],
    ['ids of the caller, counted up', columnOf(ids.map((_, row) => `game-${row}`))],
  ])('favour no place in the log: %s', (_, column) => {
    const places = new Float64Array(10);
    const draws = 40;
    for (let seed = 1; seed <= draws; seed++) {
      const smallest = smallestOf(1000);
      const numbers = drawNumbers(column, seed);
      smallest.add(numbers);
      const { bound } = smallest.finish();
      numbers.forEach((number, row) => {
        if (number <= bound) places[Math.floor(row / 2000)] = (places[Math.floor(row / 2000)] ?? 0) + 1;
      });
    }
    // A tenth of 1 000 each, 40 times: 4 000 with a standard deviation of 59.
    for (const count of places) expect(Math.abs(count - 4000)).toBeLessThan(5 * 59);
  });

  test('the smallest are found whatever the order, in few at a time', () => {
    const number = fc.integer({ min: 0, max: 1_000_000 });
    fc.assert(
      fc.property(
        fc.uniqueArray(number, { maxLength: 200 }),
        fc.integer({ min: 1, max: 30 }),
        (numbers, wanted) => {
          const smallest = smallestOf(wanted);
          for (let start = 0; start < numbers.length; start += 7)
            smallest.add(Float64Array.from(numbers.slice(start, start + 7)));
          const { seen, bound } = smallest.finish();
          expect(seen).toBe(numbers.length);
          const drawn = numbers.filter((each) => each <= bound).toSorted((a, b) => a - b);
          expect(drawn).toEqual(numbers.toSorted((a, b) => a - b).slice(0, wanted));
        },
      ),
    );
  });
});

describeOnEachDatabase('logged calls', (store) => {
  let database: Database;
  beforeAll(async () => {
    ({ database } = await store.open());
  });
  const start = Date.UTC(2026, 0, 10, 12);

  async function log(...groups: PredictionEntry[][]): Promise<void> {
    for (const entries of groups)
      await database
        .transaction()
        .execute((transaction) => insertSegments(transaction, segmentsOf(entries).map(encodeSegment)));
  }
  async function read(modelId: string, most: number, until = start + 3_600_000) {
    const window = { modelId, since: start, until };
    const drawn = await drawCalls(database, window, most, 1);
    const found: LoggedCalls[] = [];
    for await (const calls of readCalls(database, window, drawn, new Set(['x', 'y']), 1)) found.push(calls);
    const rows = found.flatMap((calls) =>
      Array.from({ length: calls.rows }, (_, row) => ({
        id: String(valueAt(calls.ids, row)),
        version: calls.version,
        x: calls.features.get('x') && valueAt(calls.features.get('x') ?? calls.ids, row),
        actual: calls.outcomes === undefined ? null : valueAt(calls.outcomes, row),
        unit: calls.units[row],
      })),
    );
    return { ...drawn, rows: rows.toSorted((a, b) => (a.id < b.id ? -1 : 1)) };
  }

  test('are the rows answered to callers between the ends, by whichever version', async () => {
    const call = (id: string, at: number, given: Partial<PredictionEntry> = {}) =>
      answered({ modelId: 'all', at: start + at, predictionIds: [id], features: [['x', [at]]], ...given });
    await log(
      [
        call('before', -1),
        call('a', 0, { outcomes: [1] }),
        call('b', 1, { entityKey: 'ann' }),
        failed({ modelId: 'all', at: start + 2 }),
        call('shadow', 3, { route: 'shadow' }),
      ],
      [
        call('c', 4, { version: '2', entityKey: 'ann' }),
        answered({
          modelId: 'all',
          at: start + 5,
          predictionIds: ['d', 'e'],
          features: [['x', [5, 6]]],
          values: [0, 0],
          probabilities: [null, null],
        }),
        call('after', 3_600_000),
      ],
    );
    const { rows, available, drawn, bound } = await read('all', 100);
    expect({ available, drawn, bound }).toEqual({ available: 5, drawn: 5, bound: undefined });
    expect(rows.map(({ id, version, x, actual }) => [id, version, x, actual])).toEqual([
      ['a', '1', 0, 1],
      ['b', '1', 1, null],
      ['c', '2', 4, null],
      ['d', '1', 5, null],
      ['e', '1', 6, null],
    ]);
    // The calls of an entity are one unit, and so are the rows of a call.
    const [a, b, c, d, e] = rows.map(({ unit }) => unit);
    expect(b).toBe(c);
    expect(d).toBe(e);
    expect(new Set([a, b, d]).size).toBe(3);
  });

  test('of more than are wanted, are the same rows before and after segments are merged', async () => {
    const groups = Array.from({ length: 12 }, (_, group) =>
      Array.from({ length: 30 }, (_, row) =>
        answered({
          modelId: 'drawn',
          at: start + group * 30 + row,
          predictionIds: [row % 3 === 0 ? `own-${group}-${row}` : uuidv7()],
        }),
      ),
    );
    await log(...groups);
    const before = await read('drawn', 50);
    expect(before).toMatchObject({ available: 360, drawn: 50 });
    expect(before.rows).toHaveLength(50);
    const segments = before.segments.length;
    await mergeSegments(database, { now: () => start + 86_400_000, maxWeight: Number.POSITIVE_INFINITY });
    const after = await read('drawn', 50);
    expect(after.segments.length).toBeLessThan(segments);
    expect(after.rows.map(({ id }) => id)).toEqual(before.rows.map(({ id }) => id));
    expect((await read('drawn', 50, start + 100)).available).toBe(100);
  });
});
