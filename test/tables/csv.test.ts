import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { temporaryDirectory } from '../temporary.ts';
import { copyFile } from './tables.ts';

const folder = temporaryDirectory();
const path = join(folder, 'rows.csv');
const read = (text: string | Buffer, options?: Parameters<typeof copyFile>[2]) => {
  writeFileSync(path, text);
  return copyFile(path, folder, options);
};
const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;

/** Text with all that CSV gives a meaning to. */
const cell = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: fc.constantFrom('"', ',', '\n', '\r', ' ', ';', '\t', 'a', 'é', '🏀', '\u2028') }),
);

describe('a CSV file', () => {
  test('keeps every cell as it is, whatever is in it', async () => {
    const tables = fc
      .integer({ min: 2, max: 5 })
      .chain((width) =>
        fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 20 }),
      );
    await fc.assert(
      fc.asyncProperty(tables, fc.constantFrom('\n', '\r\n'), async (rows, lineEnd) => {
        const header = (rows[0] ?? []).map((_, index) => `column ${index}`);
        const lines = [header, ...rows].map((line) => line.map(quoted).join(','));
        const { written } = await read(lines.join(lineEnd), {
          results: [{ name: 'a "result"', type: 'text' }],
          cellsOf: ({ line }) => [`line\n${line}`],
        });
        const [found, ...cells] = parse(written);
        expect(found).toEqual([...header, 'a "result"']);
        expect(cells.map((line) => line.slice(0, -1))).toEqual(rows);
      }),
      { numRuns: 150 },
    );
  });

  test('says in which line each row begins', async () => {
    const { rows } = await read('a,b\n1,"two\nlines"\n\n3,4\r\n"five\n\n",6');
    expect(rows.map(({ line }) => line)).toEqual([2, 5, 6]);
  });

  test('is read by the datatypes of the features, and by nothing else', async () => {
    const header = 'float,whole,long,flag,text,other';
    const { rows } = await read(
      [
        header,
        ' 1.50 ,3.0,9007199254740993,True,  007 ,x',
        '-2e3,12,+12345678901234567890,0,NA,',
        'nan,,N/A,null,,',
        'abc,1_000,0x1F,yes,"a,b",',
        'Infinity,1e2,-7,FALSE,none,',
      ].join('\n'),
      { features: { float: 'FP32', whole: 'INT32', long: 'INT64', flag: 'BOOL', text: 'BYTES' } },
    );
    expect(rows.map(({ features }) => Object.values(features))).toEqual([
      [1.5, 3, '9007199254740993', true, '  007 '],
      [-2000, 12, '12345678901234567890', false, 'NA'],
      [null, null, null, null, ''],
      ['abc', '1_000', '0x1F', 'yes', 'a,b'],
      [Number.POSITIVE_INFINITY, 100, -7, false, 'none'],
    ]);
  });

  test('gives entity keys and outcomes', async () => {
    const { rows } = await read('who,x,real\nann,1,yes\n,2,\n', {
      entityColumn: 'who',
      outcomeColumn: 'real',
    });
    expect(rows.map(({ entityKey, outcome }) => [entityKey, outcome])).toEqual([
      ['ann', 'yes'],
      [null, ''],
    ]);
  });

  test('a line with too many or too few cells fails, and its cells keep their columns', async () => {
    const { rows, written } = await read('a,b\n1\n1,2,3\n1,2\n', {
      results: [{ name: 'r', type: 'text' }],
      cellsOf: () => ['x'],
    });
    expect(rows.map(({ fault }) => fault)).toEqual([
      'The line has 1 cells, but the header 2.',
      'The line has 3 cells, but the header 2.',
      undefined,
    ]);
    expect(written.toString()).toBe('a,b,r\n1,,x\n1,2,x\n1,2,x\n');
  });

  test('may begin with a byte order mark, and its header may have spaces', async () => {
    const { columns, written } = await read('\uFEFF a , b\n1,2\n');
    expect(columns).toEqual(['a', 'b']);
    expect(written.toString()).toBe(' a , b\n1,2\n');
  });

  test('comes in chunks of at most 500 rows', async () => {
    const { chunkRows, rows } = await read(`x\n${'1\n'.repeat(1201)}`);
    expect(chunkRows).toEqual([500, 500, 201]);
    expect(rows.at(-1)?.line).toBe(1202);
  });

  test('comes in smaller chunks where rows are long', async () => {
    const { chunkRows } = await read(`x,y\n${`1,${'long'.repeat(100_000)}\n`.repeat(7)}`);
    expect(chunkRows).toEqual([3, 3, 1]);
  });

  test.each<[string, string | Buffer, RegExp]>([
    ['is empty', '', /given\.csv is empty/],
    ['names a column twice', 'a,b, a\n1,2,3\n', /names the column "a" twice/],
    ['is not UTF-8', Buffer.from([0x61, 0x2c, 0x62, 0x0a, 0xe9, 0x2c, 0x31]), /not UTF-8/],
    ['ends in the middle of a character', Buffer.from([0x61, 0x0a, 0xf0, 0x9f]), /not UTF-8/],
    ['is UTF-16', Buffer.from('\uFEFFa,b\n1,2\n', 'utf16le'), /not UTF-8/],
    ['opens a quote that it never closes', 'a,b\n1,"2\n', /cannot be read as CSV: Quote Not Closed/],
  ])('that %s is refused', async (_, text, message) => {
    await expect(read(text)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringMatching(message),
    });
  });
});
