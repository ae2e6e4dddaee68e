import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { inferCellKind, parseCells, readCsv } from '../../src/monitoring/csv_rows.ts';
import { temporaryDirectory } from '../temporary.ts';

const directory = temporaryDirectory();
let files = 0;
function read(content: string | Buffer, wanted?: string[]) {
  const file = join(directory, `${++files}.csv`);
  writeFileSync(file, content);
  return readCsv(file, 'the file', wanted);
}

describe('a CSV file', () => {
  test('is read by its header, whatever wrote it', async () => {
    const { header, cells, rows } = await read(
      '\uFEFFage, city ,"a ""b"""\r\n1,"Zürich, ZH",x\r\n\r\n2,"two\nlines",\r\n',
    );
    expect(header).toEqual(['age', 'city', 'a "b"']);
    expect(rows).toBe(2);
    expect([...cells]).toEqual([
      ['age', ['1', '2']],
      ['city', ['Zürich, ZH', 'two\nlines']],
      ['a "b"', ['x', '']],
    ]);
  });

  test('gives the columns wanted alone', async () => {
    const { header, cells } = await read('a,__proto__,c\n1,2,3\n', ['c', '__proto__', 'd']);
    expect(header).toEqual(['a', '__proto__', 'c']);
    expect([...cells]).toEqual([
      ['__proto__', ['2']],
      ['c', ['3']],
    ]);
  });

  test.each<[string, string | Buffer, RegExp]>([
    ['with a column twice', 'a,b,a\n1,2,3\n', /names the column "a" twice/],
    ['with a row too short', 'a,b\n1,2\n3\n', /cannot be read as CSV.*line 3/],
    ['with an open quote', 'a\n"1\n', /cannot be read as CSV/],
    ['without rows', 'a,b\n', /no rows below its header/],
    ['without anything', '', /no rows/],
    ['that is one endless line', Buffer.alloc(2_000_000, 'x'), /cannot be read as CSV/],
  ])('%s is refused', async (_, content, message) => {
    await expect(read(content)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringMatching(message),
    });
  });

  test('that cannot be opened is an error of the call, not the end of the server', async () => {
    await expect(readCsv(join(directory, 'gone.csv'), 'the file', undefined)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('the file cannot be read'),
    });
  });

  test('of more than a million rows is refused', async () => {
    await expect(read(`a\n${'1\n'.repeat(1_000_001)}`)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});

describe('cells', () => {
  const parse = (kind: 'numeric' | 'categorical' | 'boolean', cells: string[]) =>
    parseCells({ name: 'x', kind }, cells, 'the file');

  test.each(['numeric', 'categorical', 'boolean'] as const)(
    'that say so are missing in a %s column',
    (kind) => {
      const cells = ['', '  ', 'NA', 'n/a', 'NaN', 'null', 'None'];
      expect(parse(kind, cells)).toEqual(cells.map(() => null));
    },
  );

  test('of numbers are read as such', () => {
    expect(parse('numeric', ['1', ' -2.5 ', '+3', '.5', '4.', '1e-3', 'inf', '-Infinity'])).toEqual([
      1,
      -2.5,
      3,
      0.5,
      4,
      0.001,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
    ]);
  });

  test('of truth values are read as programs write them', () => {
    expect(parse('boolean', ['true', 'False', '1', '0.0'])).toEqual([true, false, true, false]);
  });

  test('of text stay text', () => {
    expect(parse('categorical', ['1', ' a b ', 'true'])).toEqual(['1', 'a b', 'true']);
  });

  test.each([
    ['numeric', '1,5'],
    ['numeric', '0x10'],
    ['numeric', '1e'],
    ['numeric', 'one'],
    ['boolean', 'yes'],
    ['boolean', '2'],
  ] as const)('in a %s column %j is refused with its line', (kind, cell) => {
    expect(() => parse(kind, ['1', '', cell])).toThrow(
      expect.objectContaining({
        code: 'INVALID_INPUT',
        message: expect.stringMatching(/^the file, line 4, column "x": expected/),
      }),
    );
  });

  test.each([
    ['numeric', ['1', 'NA', '2.5e3']],
    ['numeric', []],
    ['boolean', ['true', '', 'FALSE']],
    ['categorical', ['1', 'b']],
  ])('look like a %s column: %j', (kind, cells) => {
    expect(inferCellKind('x', cells)).toEqual({ name: 'x', kind });
  });
});
