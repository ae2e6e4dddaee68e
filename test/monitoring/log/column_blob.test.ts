import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  columnOf,
  concatenate,
  idColumn,
  type LogColumn,
  pick,
  rowOfId,
  rowsOf,
  valueAt,
} from '../../../src/monitoring/log/column.ts';
import { encodeBlob, openBlob } from '../../../src/monitoring/log/column_blob.ts';
import { encodeColumn } from '../../../src/monitoring/log/column_bytes.ts';

const valuesOf = (column: LogColumn) =>
  Array.from({ length: rowsOf(column) }, (_, row) => valueAt(column, row));

/** Through bytes and back. */
async function restored(columns: Map<string, LogColumn>): Promise<Map<string, unknown[]>> {
  const [first = columnOf([])] = columns.values();
  const { bytes } = encodeBlob(rowsOf(first), columns);
  const read = await openBlob(bytes).read();
  return new Map(Array.from(read, ([name, column]) => [name, valuesOf(column)]));
}

const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const money = fc.integer({ min: -1e7, max: 1e7 }).map((cents) => cents / 100);
const kinds: fc.Arbitrary<unknown>[] = [
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.float({ noNaN: true, noDefaultInfinity: true }),
  money,
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(0, 1),
  fc.boolean(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('red', 'green', '__proto__'),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  fc.jsonValue(),
];
const column = fc
  .constantFrom(...kinds)
  .chain((kind) => fc.array(fc.option(kind, { freq: 4 }), { minLength: 1, maxLength: 60 }));

test('gives back every JSON value exactly as it was', async () => {
  await fc.assert(
    fc.asyncProperty(column, async (values) => {
      const logged = values.map(json);
      expect((await restored(new Map([['c', columnOf(logged)]]))).get('c')).toEqual(logged);
    }),
    { numRuns: 500 },
  );
});

test('joins columns of any kinds, with nulls where there is none', async () => {
  const part = fc.oneof(column, fc.integer({ min: 1, max: 20 }));
  await fc.assert(
    fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 5 }), async (parts) => {
      const logged = parts.map((values) =>
        typeof values === 'number' ? new Array<unknown>(values).fill(null) : values.map(json),
      );
      const joined = concatenate(
        logged.map((values, index) => ({
          column: typeof parts[index] === 'number' ? undefined : columnOf(values),
          rows: values.length,
        })),
      );
      expect((await restored(new Map([['c', joined]]))).get('c')).toEqual(logged.flat());
    }),
    { numRuns: 200 },
  );
});

test('reorders rows', () => {
  const order = Uint32Array.of(2, 0);
  for (const values of [
    [1, 2, 3],
    ['a', null, 'c'],
  ])
    expect(valuesOf(pick(columnOf(values), order))).toEqual([values[2], values[0]]);
});

test('keeps ids in sixteen bytes, and finds them', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.uuid(), { minLength: 1, maxLength: 40 }), async (ids) => {
      const packed = idColumn(ids);
      expect(encodeColumn(packed).bytes).toHaveLength(ids.length * 16);
      expect((await restored(new Map([['id', packed]]))).get('id')).toEqual(ids);
      ids.forEach((id, row) => {
        expect(rowOfId(packed, id)).toBe(row);
      });
      expect(rowOfId(packed, '00000000-0000-7000-8000-00000000000')).toBeUndefined();
    }),
  );
  const others = idColumn(['a', 'b', 'a\0']);
  expect([rowOfId(others, 'b'), rowOfId(others, 'c')]).toEqual([1, undefined]);
});

describe('large columns', () => {
  const rows = 20_000;
  const columns = new Map<string, LogColumn>([
    ['float', columnOf(Array.from({ length: rows }, (_, row) => Math.sin(row)))],
    ['flag', columnOf(Array.from({ length: rows }, (_, row) => row % 7 === 0))],
    ['text', columnOf(Array.from({ length: rows }, (_, row) => `item ${row % 300}`))],
  ]);

  test('are read one by one', async () => {
    const blob = openBlob(encodeBlob(rows, columns).bytes);
    expect(blob.names).toEqual(['float', 'flag', 'text']);
    const read = await blob.read(new Set(['text', 'not there']));
    expect([...read.keys()]).toEqual(['text']);
    expect(valuesOf(read.get('text') ?? columnOf([])).at(301)).toBe('item 1');
  });

  test.each([
    ['numbers with two decimals', (row: number) => ((row * 7919) % 100_000) / 100, 3],
    ['0 and 1', (row: number) => (row * row) % 2, 1],
    ['single-precision numbers', (row: number) => Math.fround(Math.sin(row)), 4],
    ['other numbers', (row: number) => Math.sin(row), 8],
    ['few texts', (row: number) => `item ${row % 200}`, 1.2],
    ['one value', () => 'always', 0],
  ])('%s take few bytes a row', (_, make, bytesPerRow) => {
    const { bytes } = encodeColumn(columnOf(Array.from({ length: rows }, (__, row) => make(row))));
    expect(bytes.length).toBeLessThanOrEqual(bytesPerRow * rows);
  });
});
