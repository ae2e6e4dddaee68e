import { describe, expect, test } from 'vitest';
import { columnBuilder, type WantedColumn } from '../../../src/monitoring/rows/column_builder.ts';
import { jsonValues, textCells, type ValueReader } from '../../../src/monitoring/rows/values.ts';
import { valuesOf } from '../window_columns.ts';

const { NaN: notANumber, POSITIVE_INFINITY: infinity, NEGATIVE_INFINITY: minusInfinity } = Number;

function build(reader: ValueReader, kind: WantedColumn['kind'], values: readonly unknown[], strict = true) {
  const source = {
    reader,
    strict,
    place: (row: number, name: string) => `Row ${row}, feature "${name}"`,
    hint: 'hint',
  };
  // Starts with room for one value, so that growing is tested too.
  const builder = columnBuilder({ name: 'x', kind }, source, 1);
  for (const value of values) builder.push(value);
  const { column, warning } = builder.finish();
  return { kind: column.kind, values: valuesOf(column), warning };
}
const json = (kind: WantedColumn['kind'], values: readonly unknown[]) =>
  build(jsonValues, kind, values).values;
const cells = (kind: WantedColumn['kind'], values: readonly unknown[]) =>
  build(textCells, kind, values).values;

describe('a column of JSON values', () => {
  test('of numbers takes numbers and long integers as text; what is absent is missing', () => {
    expect(json('numeric', [1.5, null, undefined, infinity, '9223372036854775807', '-3', 7n])).toEqual([
      1.5,
      notANumber,
      notANumber,
      infinity,
      2 ** 63,
      -3,
      7,
    ]);
  });

  test('of texts takes texts, numbers and truth values', () => {
    expect(json('categorical', ['a', '', 7, true, null, undefined])).toEqual([
      'a',
      '',
      '7',
      'true',
      null,
      null,
    ]);
  });

  test('of truth values takes these alone', () => {
    expect(json('boolean', [true, false, null])).toEqual(['true', 'false', null]);
  });

  test.each<[string, WantedColumn['kind'], unknown[], string]>([
    ['text among numbers', 'numeric', [1, 'two'], 'Row 1, feature "x": expected a number, got "two".'],
    ['a decimal as text', 'numeric', ['1.5'], 'Row 0, feature "x": expected a number, got "1.5".'],
    ['a truth value among numbers', 'numeric', [true], 'expected a number, got true.'],
    ['a list among texts', 'categorical', [['a']], 'expected text, got ["a"].'],
    ['a number among truth values', 'boolean', [1], 'expected true or false, got 1.'],
    ['something without end', 'categorical', [{ long: 'x'.repeat(200) }], `got {"long":"${'x'.repeat(51)}.`],
  ])('names %s', (_, kind, values, message) => {
    expect(() => json(kind, values)).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', message: expect.stringContaining(message) }),
    );
  });

  test.each<[string, unknown[], string]>([
    ['numbers', [1, null, 2.5], 'numeric'],
    ['truth values', [true, null, false], 'boolean'],
    ['texts', ['a', null], 'categorical'],
    ['digits as text', ['1', '2'], 'categorical'],
    ['a mixture', [1, 'a'], 'categorical'],
    ['nothing', [null, undefined], 'numeric'],
  ])('whose kind is not known: %s', (_, values, kind) => {
    expect(build(jsonValues, 'any', values).kind).toBe(kind);
  });
});

describe('a column of text cells', () => {
  test.each(['numeric', 'categorical', 'boolean'] as const)('that say so are missing, %s', (kind) => {
    const missing = kind === 'numeric' ? notANumber : null;
    const said = ['', '  ', 'NA', 'n/a', 'NaN', 'null', 'None'];
    expect(cells(kind, said)).toEqual(said.map(() => missing));
  });

  test('of numbers', () => {
    expect(cells('numeric', ['1', ' -2.5 ', '+3', '.5', '4.', '1e-3', 'inf', '-Infinity'])).toEqual([
      1,
      -2.5,
      3,
      0.5,
      4,
      0.001,
      infinity,
      minusInfinity,
    ]);
  });

  test('of text stays text', () => {
    expect(cells('categorical', ['1', ' a b ', 'true'])).toEqual(['1', 'a b', 'true']);
  });

  test.each<[WantedColumn['kind'], string]>([
    ['numeric', '1,5'],
    ['numeric', '0x10'],
    ['numeric', '1e'],
    ['numeric', 'one'],
  ])('in a %s column %j is refused with its place', (kind, cell) => {
    expect(() => cells(kind, ['1', '', cell])).toThrow(
      expect.objectContaining({
        code: 'INVALID_INPUT',
        message: expect.stringMatching(/^Row 2, feature "x": expected/),
      }),
    );
  });

  test.each<[string, string[], (string | number | null)[]]>([
    ['numeric', ['1', 'NA', '2.5e3'], [1, notANumber, 2500]],
    ['numeric', [], []],
    ['boolean', ['true', '', 'FALSE'], ['true', null, 'false']],
    ['categorical', ['1', 'b', '1'], ['1', 'b', '1']],
  ])('that look like a %s one: %j', (kind, given, values) => {
    expect(build(textCells, 'any', given)).toMatchObject({ kind, values });
  });
});

describe('where nothing may be refused', () => {
  test('a few values that are no numbers count as missing, and the first is named', () => {
    expect(build(jsonValues, 'numeric', [1, 'two', 3, [4]], false)).toEqual({
      kind: 'numeric',
      values: [1, notANumber, 3, notANumber],
      warning: '"x" has 2 values that are no number (Row 1, feature "x": "two"): counted as missing.',
    });
  });

  test('a column of which most values are no numbers is text', () => {
    expect(build(textCells, 'numeric', ['1', 'low', '', 'high'], false)).toMatchObject({
      kind: 'categorical',
      values: ['1', 'low', null, 'high'],
      warning: expect.stringContaining('taken as text'),
    });
  });

  test('other values among truth values and texts are categories of their own', () => {
    expect(build(jsonValues, 'boolean', [true, 'maybe', 1], false).values).toEqual(['true', 'maybe', '1']);
    expect(build(jsonValues, 'categorical', ['a', { b: 1 }], false).values).toEqual(['a', '{"b":1}']);
  });
});
