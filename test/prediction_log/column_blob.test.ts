import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
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
} from '../../src/prediction_log/column.ts';
import { encodeBlob, openBlob } from '../../src/prediction_log/column_blob.ts';
import { encodeColumn } from '../../src/prediction_log/column_bytes.ts';

const valuesOf = (column: LogColumn) =>
  Array.from({ length: rowsOf(column) }, (_, row) => valueAt(column, row));

const bytesOf = (column: LogColumn) =>
  encodeColumn(column).pieces.reduce((sum, { length }) => sum + length, 0);

/** Through bytes and back. */
function restored(columns: Map<string, LogColumn>): Map<string, unknown[]> {
  const [first = columnOf([])] = columns.values();
  const { bytes } = encodeBlob(rowsOf(first), columns);
  const read = openBlob(bytes).read();
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
      expect(restored(new Map([['c', columnOf(logged)]])).get('c')).toEqual(logged);
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
      expect(restored(new Map([['c', joined]])).get('c')).toEqual(logged.flat());
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
      expect(bytesOf(packed)).toBe(ids.length * 16);
      expect(restored(new Map([['id', packed]])).get('id')).toEqual(ids);
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
    const read = blob.read(new Set(['text', 'not there']));
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
    const column = columnOf(Array.from({ length: rows }, (__, row) => make(row)));
    expect(bytesOf(column)).toBeLessThanOrEqual(bytesPerRow * rows);
  });

  test('are read as earlier servers packed them, each column as a whole', () => {
    const path = new URL('../fixtures/log/packed_by_column.bin', import.meta.url);
    const blob = openBlob(readFileSync(path));
    const read = blob.read();
    const expected: [string, (row: number) => unknown][] = [
      ['id', uuidOf],
      ['amount', (row) => (row % 7 === 0 ? null : ((row * 7919) % 100_000) / 100)],
      ['half', (row) => Math.fround(Math.sin(row))],
      ['text', (row) => `the item with number ${row % 900}`],
      ['always', () => 'a'],
    ];
    expect(blob.names).toEqual(expected.map(([name]) => name));
    for (const [name, make] of expected)
      expect(valuesOf(read.get(name) ?? columnOf([]))).toEqual(
        Array.from({ length: 1000 }, (_, row) => make(row)),
      );
  });

  test('of numbers are read into memory that is there', () => {
    const numbers = new Map<string, LogColumn>([
      ...columns,
      ['cents', columnOf(Array.from({ length: rows }, (_, row) => (row % 5 === 0 ? null : row / 100)))],
      ['single', columnOf(Array.from({ length: rows }, (_, row) => Math.fround(Math.sin(row))))],
      ['large', columnOf(Array.from({ length: rows }, (_, row) => 2 ** 40 + row * 2 ** 21))],
      ['same', columnOf(Array.from({ length: rows }, () => 7))],
      ['none', columnOf(Array.from({ length: rows }, () => null))],
    ]);
    const blob = openBlob(encodeBlob(rows, numbers).bytes);
    const memory = new Float64Array(rows + 2).fill(-1);
    for (const [name, column] of numbers) {
      const isRead = blob.readNumbers(name, () => memory.subarray(1, rows + 1));
      expect([name, isRead]).toEqual([name, column.kind === 'numbers']);
      if (column.kind === 'numbers') expect(memory.subarray(1, rows + 1)).toEqual(column.values);
      expect([memory[0], memory[rows + 1]]).toEqual([-1, -1]);
    }
    expect(blob.readNumbers('not there', () => memory)).toBe(false);
  });
});

/** Any, but always the same of a row. */
function uuidOf(row: number): string {
  return createHash('md5')
    .update(String(row))
    .digest('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
