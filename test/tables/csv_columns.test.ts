import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ModelYardError } from '../../src/errors.ts';
import { plainNumber } from '../../src/tables/cell_bytes.ts';
import { numberCell } from '../../src/tables/cells.ts';
import { openCsv } from '../../src/tables/csv.ts';
import type { ColumnMapping, TableRow } from '../../src/tables/table.ts';
import { temporaryDirectory } from '../temporary.ts';

const path = join(temporaryDirectory(), 'rows.csv');
const features = [
  { name: 'float', datatype: 'FP32' },
  { name: 'long', datatype: 'INT64' },
  { name: 'flag', datatype: 'BOOL' },
  { name: 'text', datatype: 'BYTES' },
];
const mapping: ColumnMapping = { features, entityColumn: 'who', outcomeColumn: 'real', others: ['float'] };
const header = [...features.map(({ name }) => name), 'who', 'real'];

const open = (bytes: Buffer) => {
  writeFileSync(path, bytes);
  return openCsv(path, 'given.csv', statSync(path).size);
};
const orFailure = async <Result>(read: () => Promise<Result>) =>
  read().catch((error: unknown) => {
    if (!(error instanceof ModelYardError)) throw error;
    return error.message;
  });

/** Rows as the chunks of predict_file have them; what their columns say must be the same. */
const readChunks = (bytes: Buffer) =>
  orFailure(async () => {
    const table = await open(bytes);
    const rows: TableRow[] = [];
    let byColumns = 0;
    for await (const { rows: some, columns } of table.chunks(mapping)) {
      rows.push(...some);
      if (columns === undefined) continue;
      byColumns += columns.rows;
      expect(some.map(({ line }) => line)).toEqual(some.map((_, row) => columns.line(row)));
      expect(some.map(({ fault }) => fault)).toEqual(some.map(() => undefined));
      expect(columns.entityKeys()).toEqual(some.map(({ entityKey }) => entityKey));
      expect(columns.outcomes()).toEqual(some.map(({ outcome }) => outcome));
      for (const [index, { name, datatype }] of features.entries()) {
        const expected = some.map((row) => row.features[name]);
        const values = columns.values(index);
        const isFitting = expected.every(
          (value) => value === null || typeof value === 'boolean' || Number.isFinite(value),
        );
        if (datatype === 'BYTES') expect(values).toEqual(expected);
        else if (!isFitting) expect(values).toBeUndefined();
        else
          expect(values && [...values]).toEqual(
            expected.map((value) => (value === null ? Number.NaN : Number(value))),
          );
      }
    }
    return { rows, byColumns };
  });

/** The same rows as the reader of streams finds them, which reads files for the other tools. */
const readStream = (bytes: Buffer) =>
  orFailure(async () => {
    const table = await open(bytes);
    const wanted = [...features, ...['who', 'real'].map((name) => ({ name, datatype: undefined }))];
    const rows: { line: number; fault: string | undefined; values: unknown[] }[] = [];
    for await (const block of table.values(wanted))
      for (let row = 0; row < block.rows; row++)
        rows.push({
          line: block.line(row),
          fault: block.fault(row),
          values: wanted.map((_, column) => block.at(row, column)),
        });
    return rows;
  });

const number = fc.oneof(
  fc.double({ noNaN: true }).map(String),
  fc.integer().map(String),
  fc.stringMatching(/^[-+]?\d{0,18}\.?\d{0,18}$/),
  fc.stringMatching(/^[-+]?\d{1,3}\.?\d{0,3}[eE][-+]?\d{1,3}$/),
  fc.constantFrom(
    '-0',
    '0x1F',
    '9007199254740993',
    '-9223372036854775808',
    '+3',
    '.5',
    '5.',
    '.',
    '-',
    '1_0',
    'inf',
    '-Infinity',
  ),
);
const cell = fc.oneof(
  { weight: 8, arbitrary: number },
  fc.constantFrom('', 'NA', 'n/a', 'NaN', 'null', 'None', ' 7 ', 'true', 'FALSE', '1', '0', '1.0'),
  fc.constantFrom('"5"', '""', '"a,b"', '"x""y"', '"two\nlines"', '"é,"', 'é🏀', 'a b', '\u2028'),
);
/** What a file of data should not have. */
const odd = fc.constantFrom('a"b', '"a"b', 'c\rd', '"open', 'a,b', '"cr\r\nlf"', '\0');

const line = (cells: fc.Arbitrary<string>, width = header.length) =>
  fc.array(cells, { minLength: width, maxLength: width }).map((found) => found.join(','));
const lines = fc.array(
  fc.oneof(
    { weight: 20, arbitrary: line(cell) },
    line(fc.oneof(cell, odd)),
    line(cell, 3),
    fc.constantFrom('', '""'),
  ),
  { minLength: 1, maxLength: 30 },
);
const file = fc
  .record({
    mark: fc.constantFrom('', '', '\uFEFF'),
    lines,
    end: fc.constantFrom('\n', '\n', '\r\n'),
    last: fc.boolean(),
    times: fc.constantFrom(1, 1, 1, 60),
    invalid: fc.option(fc.nat(), { freq: 20 }),
  })
  .map(({ mark, lines: found, end, last, times, invalid }) => {
    const body = Array.from({ length: times }, () => found).flat();
    const bytes = Buffer.from(`${mark}${[header.join(','), ...body].join(end)}${last ? end : ''}`);
    if (invalid !== null) bytes[invalid % bytes.length] = 0xe9;
    return bytes;
  });

describe('CSV by columns', () => {
  test('has the rows, lines, values, faults and errors of the reader of streams', async () => {
    await fc.assert(
      fc.asyncProperty(file, async (bytes) => {
        const [chunks, stream] = [await readChunks(bytes), await readStream(bytes)];
        if (typeof chunks === 'string') {
          expect(chunks).toBe(stream);
          return;
        }
        expect(
          chunks.rows.map(({ line: at, fault, features: found, outcome, entityKey }) => ({
            line: at,
            fault,
            values: [...features.map(({ name }) => found[name] ?? null), entityKey, outcome],
          })),
        ).toEqual(
          Array.from(typeof stream === 'string' ? [] : stream, (row) => ({
            ...row,
            // An empty key is none.
            values: row.values.with(4, row.values[4] === '' ? null : row.values[4]),
          })),
        );
      }),
      { numRuns: 400 },
    );
  });

  test('is read so where it is as files are', async () => {
    const text = `${header.join(',')}\n${'1.5,2,true,"a ""b""",ann,yes\n'.repeat(1201)}`;
    for (const given of [text, text.replaceAll('\n', '\r\n'), `\uFEFF${text}`, text.trimEnd()])
      expect(await readChunks(Buffer.from(given))).toMatchObject({ byColumns: 1201 });
  });

  test('goes on in another way from what is unusual on, with nothing lost or twice', async () => {
    const usual = '1.5,2,true,a,ann,yes\n'.repeat(700);
    const found = await readChunks(
      Buffer.from(`${header.join(',')}\n${usual}1,2,true,a\rb,bob,no\n${usual}`),
    );
    if (typeof found === 'string') throw new Error(found);
    expect(found.byColumns).toBe(700);
    expect(found.rows.map(({ line: at }) => at)).toEqual(Array.from({ length: 1401 }, (_, row) => row + 2));
  });

  test('reads plain numbers as cells are read', () => {
    fc.assert(
      fc.property(number, (text) => {
        const bytes = Buffer.from(`x${text}y`);
        const read = plainNumber(bytes, 1, bytes.length - 1);
        if (!Number.isNaN(read)) expect(read).toBe(numberCell(text));
      }),
      { numRuns: 5000 },
    );
    const plain = ['0', '-0', '12.5', '+3', '.5', '5.', '0.1', '123456789012345', '-99999.99999', '00012'];
    for (const text of plain) {
      const bytes = Buffer.from(text);
      expect(plainNumber(bytes, 0, bytes.length)).toBe(numberCell(text));
    }
  });
});
