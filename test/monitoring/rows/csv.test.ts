import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requireRoom } from '../../../src/monitoring/rows/given_columns.ts';
import { readFile } from '../../../src/monitoring/rows/read_file.ts';
import { temporaryDirectory } from '../../temporary.ts';
import { described } from '../window_columns.ts';

const directory = temporaryDirectory();
let files = 0;
function read(content: string | Buffer, features: string[] = [], outcomeColumn?: string) {
  const file = join(directory, `${++files}.csv`);
  writeFileSync(file, content);
  const wanted = features.map((name) => ({ name, kind: 'numeric' as const, datatype: 'FP64' as const }));
  return readFile({
    path: file,
    shownPath: 'the.csv',
    bytes: content.length,
    wanted: { features: wanted, outcomeColumn, strict: true },
  });
}

describe('a CSV file', () => {
  test('is read by its header, whatever wrote it', async () => {
    const { features, rows } = await read(
      '\uFEFFage, city ,"a ""b"""\r\n1,"Zürich, ZH",x\r\n\r\n2,"two\nlines",\r\n',
    );
    expect(rows).toBe(2);
    expect(described(features)).toEqual([
      ['age', 'numeric', [1, 2]],
      ['city', 'categorical', ['Zürich, ZH', 'two\nlines']],
      ['a "b"', 'categorical', ['x', null]],
    ]);
  });

  test('gives the columns wanted alone, in the order of the features', async () => {
    const { features, warnings } = await read('a,__proto__,c\n1,2,3\n', ['c', '__proto__', 'd']);
    expect(described(features)).toEqual([
      ['c', 'numeric', [3]],
      ['__proto__', 'numeric', [2]],
    ]);
    expect(warnings).toEqual(['Not features of the model, left out: a.', 'Features without a column: d.']);
  });

  test('gives the actual value, whether it is a feature too or not', async () => {
    const beside = await read('x,y\n1,no\n2,yes\n', ['x'], 'y');
    expect(described(beside.features)).toEqual([['x', 'numeric', [1, 2]]]);
    expect(described(beside.outcome ? [beside.outcome] : [])).toEqual([['y', 'categorical', ['no', 'yes']]]);
    expect(beside.warnings).toEqual([]);
    const among = await read('x,y\n1,3\n', ['x', 'y'], 'y');
    expect(among.features.map(({ name }) => name)).toEqual(['x', 'y']);
    expect(among.outcome?.name).toBe('y');
    const unnamed = await read('x,y\n1,3\n', [], 'y');
    expect(unnamed.features.map(({ name }) => name)).toEqual(['x']);
    await expect(read('x\n1\n', ['x'], 'y')).rejects.toMatchObject({
      message: 'outcome_column names "y", which the.csv does not have.',
      hint: 'Name one of its columns: x.',
    });
  });

  test('may have no rows', async () => {
    expect(await read('a,b\n')).toMatchObject({ rows: 0 });
  });

  test.each<[string, string | Buffer, RegExp]>([
    ['with a column twice', 'a,b,a\n1,2,3\n', /names the column "a" twice/],
    ['with a row too short', 'a,b\n1,2\n3\n', /line 3: The line has 1 cells, but the header 2/],
    ['with semicolons', 'a;b\n1,5;2\n', /cells divided by semicolons, and not by commas/],
    ['with tabs', 'a\tb\n1\t2\n', /cells divided by tabs/],
    ['in Latin-1', Buffer.from('a\nb\nZ\xfcrich\n', 'latin1'), /is not UTF-8 text \(line 3\)/],
    ['with an open quote', 'a\n"1\n', /cannot be read as CSV/],
    ['without anything', '', /is empty/],
    ['that is one endless line', Buffer.alloc(5_000_000, 'x'), /cannot be read as CSV/],
  ])('%s is refused', async (_, content, message) => {
    await expect(read(content)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringMatching(message),
    });
  });

  test('with text among numbers is refused with its line', async () => {
    await expect(read('a,f1\n1,2\n1,two\n', ['f1'])).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: 'the.csv, line 3, column "f1": expected a number, got "two".',
    });
  });

  test('that cannot be opened is an error of the call, not the end of the server', async () => {
    const wanted = { features: [], outcomeColumn: undefined, strict: true };
    await expect(
      readFile({ path: join(directory, 'gone.csv'), shownPath: 'the.csv', bytes: 1, wanted }),
    ).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('the.csv cannot be read'),
    });
  });
});

test('rows that are more than what is held in memory are refused, by the number of columns', () => {
  expect(() => requireRoom(1_200_000, 50, 'the file')).not.toThrow();
  expect(() => requireRoom(1_200_001, 50, 'the file')).toThrow(
    expect.objectContaining({
      code: 'LIMIT_EXCEEDED',
      message: expect.stringContaining('more than 1200000 rows, which with 50 columns'),
    }),
  );
});
