import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { type ColumnSource, parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, test } from 'vitest';
import { withTable } from '../../src/tables/open_table.ts';
import type { ResultCell } from '../../src/tables/table.ts';
import { temporaryDirectory } from '../temporary.ts';
import { copyFile } from './tables.ts';

const folder = temporaryDirectory();
const path = join(folder, 'rows.parquet');
/** Written by Arrow: make_types_parquet.py. */
const arrowFile = fileURLToPath(new URL('types.parquet', import.meta.url));

const write = (columnData: ColumnSource[], rowGroupSize = 1000) =>
  writeFileSync(path, Buffer.from(parquetWriteBuffer({ columnData, rowGroupSize })));

/** The file as its reader has it: what it declares, and its values with their meaning. */
async function contentOf(file: string) {
  const buffer = await asyncBufferFromFile(file);
  const { schema } = await parquetMetadataAsync(buffer);
  const rows = await parquetReadObjects({ file: buffer, compressors });
  return { schema: schema.slice(1), rows };
}
async function contentOfBytes(bytes: Buffer) {
  const copied = join(folder, 'copied.parquet');
  writeFileSync(copied, bytes);
  return contentOf(copied);
}

describe('a Parquet file', () => {
  test('of Arrow keeps every type and value, and gets the results', async () => {
    const { written, columns, rows } = await copyFile(arrowFile, folder, {
      results: [
        { name: 'prediction', type: 'integer' },
        { name: 'P(a)', type: 'number' },
        { name: 'sure', type: 'boolean' },
        { name: 'error', type: 'text' },
      ],
      cellsOf: ({ line }) =>
        line === 2 ? [undefined, undefined, undefined, 'no é'] : [2n ** 53n + 1n, 0.25, true, undefined],
    });
    const before = await contentOf(arrowFile);
    const after = await contentOfBytes(written);
    expect(columns).toEqual(before.schema.map(({ name }) => name));
    expect(rows.map(({ line }) => line)).toEqual(Array.from({ length: 25 }, (_, row) => row + 1));
    // The logical type of integers is said by the older converted type alone.
    const declared = before.schema.map(({ logical_type: logical, ...rest }) => ({
      ...rest,
      logical_type: logical?.type === 'INTEGER' ? undefined : logical,
    }));
    expect(after.schema.slice(0, columns.length)).toMatchObject(declared);
    const carried = after.rows.map((row) => Object.fromEntries(columns.map((name) => [name, row[name]])));
    expect(carried).toEqual(before.rows);
    expect(after.rows[0]).toMatchObject({ prediction: 2n ** 53n + 1n, 'P(a)': 0.25, sure: true });
    expect(after.rows[1]).toMatchObject({ prediction: null, 'P(a)': null, sure: null, error: 'no é' });
  });

  test('is read by what its columns mean', async () => {
    const features = {
      f0: 'FP64',
      f2: 'INT32',
      i64: 'INT64',
      u64: 'UINT64',
      u32: 'UINT32',
      i8: 'INT8',
      flag: 'BOOL',
      text: 'BYTES',
      money: 'FP64',
      nan: 'FP64',
    } as const;
    const { rows } = await copyFile(arrowFile, folder, { features, entityColumn: 'label' });
    expect(Object.values(rows[1]?.features ?? {})).toEqual([
      0.25,
      -4,
      '4611686018427387905',
      '18446744073709551614',
      4294967294,
      -1,
      false,
      'naïve 🏀 "1"\n',
      Number('-12345678901234567890.01'),
      null,
    ]);
    expect(Object.values(rows[3]?.features ?? {}).slice(2)).toEqual(Array.from({ length: 8 }, () => null));
    expect(rows[2]?.features.nan).toBe(-0);
    expect(rows.slice(0, 3).map(({ entityKey }) => entityKey)).toEqual(['high', 'low', null]);
  });

  test.each(['day', 'time', 'utc_us', 'local_ns', 'fixed', 'half'])(
    'cannot give a feature from the column %s, and says so',
    async (name) => {
      await expect(copyFile(arrowFile, folder, { features: { [name]: 'FP32' } })).rejects.toMatchObject({
        code: 'SIGNATURE_MISMATCH',
        message: expect.stringContaining(`the column "${name}" is `),
      });
    },
  );

  test('survives any values', async () => {
    const nullable = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });
    const table = fc.array(
      fc.record({
        whole: nullable(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
        double: nullable(fc.double()),
        flag: nullable(fc.boolean()),
        text: nullable(fc.string({ unit: 'grapheme' })),
        moment: nullable(fc.date({ noInvalidDate: true })),
      }),
      { minLength: 1, maxLength: 40 },
    );
    const types = {
      whole: 'INT64',
      double: 'DOUBLE',
      flag: 'BOOLEAN',
      text: 'STRING',
      moment: 'TIMESTAMP',
    } as const;
    await fc.assert(
      fc.asyncProperty(table, fc.integer({ min: 1, max: 40 }), async (rows, groupSize) => {
        const names = ['whole', 'double', 'flag', 'text', 'moment'] as const;
        write(
          names.map((name) => ({ name, type: types[name], data: rows.map((row) => row[name]) })),
          groupSize,
        );
        const { written } = await copyFile(path, folder);
        const after = await contentOfBytes(written);
        expect(after.rows).toEqual((await contentOf(path)).rows);
        expect(after.rows).toEqual(rows);
      }),
    );
  });

  test('with a large row group is read in ranges, in order', async () => {
    const count = 23_456;
    write([{ name: 'x', type: 'INT32', data: Array.from({ length: count }, (_, row) => row) }], count);
    const { rows, chunkRows, written } = await copyFile(path, folder, { features: { x: 'INT32' } });
    expect(Math.max(...chunkRows)).toBe(500);
    expect(rows.every(({ line, features }, row) => line === row + 1 && features.x === row)).toBe(true);
    expect((await contentOfBytes(written)).rows.map(({ x }) => x)).toEqual(rows.map((_, row) => row));
  });

  test('gets results of all kinds, in row groups as its own', async () => {
    const count = 45_000;
    const data = Array.from({ length: count }, (_, row) => (row % 7 === 0 ? null : `text ${row % 5}`));
    write([{ name: 'x', type: 'STRING', data }], 30_000);
    const cellsAt = (row: number): Record<string, ResultCell> => ({
      unique: `id ${row}`,
      label: row % 3 === 0 ? null : `class ${row % 3}`,
      number: row % 11 === 0 ? undefined : row / 8,
      whole: BigInt(row) - 5n,
      sure: row % 2 === 0,
      error: row < 44_000 ? undefined : 'é',
    });
    const { written } = await copyFile(path, folder, {
      results: [
        { name: 'unique', type: 'text' },
        { name: 'label', type: 'text' },
        { name: 'number', type: 'number' },
        { name: 'whole', type: 'integer' },
        { name: 'sure', type: 'boolean' },
        { name: 'error', type: 'text' },
      ],
      cellsOf: ({ line }) => Object.values(cellsAt(line - 1)),
    });
    const { rows } = await contentOfBytes(written);
    expect(rows).toEqual(
      data.map((x, row) => {
        const cells = cellsAt(row);
        return {
          x,
          ...Object.fromEntries(Object.entries(cells).map(([name, cell]) => [name, cell ?? null])),
        };
      }),
    );
  });

  test('has by columns what its rows say', async () => {
    const size = statSync(arrowFile).size;
    const features = Object.entries({
      f0: 'FP64',
      f1: 'FP32',
      f2: 'INT32',
      i64: 'INT64',
      u64: 'UINT64',
      u32: 'UINT32',
      i8: 'INT8',
      nan: 'FP64',
      flag: 'BOOL',
      text: 'BYTES',
      money: 'FP64',
      label: 'BYTES',
    }).map(([name, datatype]) => ({ name, datatype }));
    const mapping = { features, entityColumn: 'text', outcomeColumn: 'i64' };
    let compared = 0;
    await withTable(
      { format: 'parquet', path: arrowFile, shownPath: arrowFile, bytes: size },
      async (table) => {
        for await (const { rows, columns } of table.chunks(mapping)) {
          expect(columns?.rows).toBe(rows.length);
          expect(columns?.entityKeys()).toEqual(rows.map(({ entityKey }) => entityKey));
          expect(columns?.outcomes()).toEqual(rows.map(({ outcome }) => outcome));
          for (const [index, { name, datatype }] of features.entries()) {
            const values = columns?.values(index);
            const expected = rows.map(({ features: found }) => found[name]);
            if (values === undefined) continue;
            compared++;
            const asText = datatype === 'BYTES';
            expect([...values]).toEqual(
              expected.map((value) => (asText ? value : value === null ? Number.NaN : Number(value))),
            );
          }
        }
      },
    );
    expect(compared).toBeGreaterThan(5);
  });

  test('of required columns stays one', async () => {
    write([{ name: 'x', type: 'DOUBLE', nullable: false, data: new Float64Array([1.5, Number.NaN, -0]) }]);
    const { written } = await copyFile(path, folder);
    const { schema, rows } = await contentOfBytes(written);
    expect(schema).toMatchObject([{ name: 'x', repetition_type: 'REQUIRED' }]);
    expect(rows).toEqual([{ x: 1.5 }, { x: Number.NaN }, { x: -0 }]);
  });

  test('with a nested column is carried without it', async () => {
    const columnData = [
      { name: 'list', data: [[1, 2], [3]] },
      { name: 'x', data: [1.5, 2] },
    ];
    const schema = [
      { name: 'root', num_children: 2 },
      {
        name: 'list',
        repetition_type: 'OPTIONAL' as const,
        num_children: 1,
        converted_type: 'LIST' as const,
      },
      { name: 'list', repetition_type: 'REPEATED' as const, num_children: 1 },
      { name: 'element', repetition_type: 'OPTIONAL' as const, type: 'INT32' as const },
      { name: 'x', repetition_type: 'OPTIONAL' as const, type: 'DOUBLE' as const },
    ];
    writeFileSync(path, Buffer.from(parquetWriteBuffer({ columnData, schema })));
    const { written } = await copyFile(path, folder);
    expect((await contentOfBytes(written)).rows).toEqual([{ x: 1.5 }, { x: 2 }]);
    await withTable({ format: 'parquet', path, shownPath: path, bytes: statSync(path).size }, async (table) =>
      expect(table.unreadable).toEqual([{ name: 'list', type: 'nested LIST' }]),
    );
  });

  test.each<[string, (whole: Buffer) => Buffer]>([
    ['is empty', () => Buffer.alloc(0)],
    ['is something else', () => Buffer.from('a,b\n1,2\n')],
    ['was cut off', (whole) => whole.subarray(0, whole.length - 100)],
    [
      'has damaged pages',
      (whole) => Buffer.concat([whole.subarray(0, 4), Buffer.alloc(2000, 255), whole.subarray(2004)]),
    ],
    [
      'has a damaged footer',
      (whole) => Buffer.concat([whole.subarray(0, -60), Buffer.alloc(52, 255), whole.subarray(-8)]),
    ],
  ])('that %s is refused', async (_, damage) => {
    writeFileSync(path, damage(readFileSync(arrowFile)));
    // Columns that nothing reads are copied as they are.
    const features = { f0: 'FP64', f1: 'FP32', f2: 'INT32' } as const;
    await expect(copyFile(path, folder, { features })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringMatching(/^given\.parquet /),
    });
  });
});
