import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseExactJson } from '../src/exact_json.ts';

test('whole numbers that a double does not hold are bigint; all others are numbers', () => {
  const text = '{"a": [9007199254740993, -18446744073709551616, 9007199254740991], "b": 12345678901234567.5}';
  expect(parseExactJson(text)).toEqual({
    value: { a: [9007199254740993n, -18446744073709551616n, 9007199254740991], b: 12345678901234568 },
    hasBigIntegers: true,
  });
});

test('more digits than any datatype holds are a number as JSON.parse reads it, and take no more time', () => {
  const digits = '1'.repeat(1_000_000);
  expect(parseExactJson(`[123456789012345678901, ${digits}]`)).toEqual({
    value: [Number('123456789012345678901'), Number.POSITIVE_INFINITY],
    hasBigIntegers: false,
  });
});

test('a text of millions of escapes is read', () => {
  const text = '\n'.repeat(3_000_000);
  const { value } = parseExactJson(`[${JSON.stringify(text)}, 9007199254740993]`);
  expect(value).toEqual([text, 9007199254740993n]);
});

test.each([999, 1000, 1001, 1002, 2003])('a text with %i quotes in it stays as it is', (count) => {
  const text = `${'"Infinity 9007199254740993 NaN'.repeat(count)}NaN`;
  expect(parseExactJson(`[${JSON.stringify(text)}, 9007199254740993, NaN]`).value).toEqual([
    text,
    9007199254740993n,
    null,
  ]);
});

test('what Python writes for numbers without a literal', () => {
  expect(parseExactJson('[NaN, Infinity, -Infinity, "NaN", "is Infinity"]')).toEqual({
    value: [null, 'Infinity', '-Infinity', 'NaN', 'is Infinity'],
    hasBigIntegers: false,
  });
});

test('digits in texts stay text, whatever stands around them', () => {
  const texts = ['9007199254740993', '1, 9007199254740993]', '\\" 9007199254740993 NaN', 'Infinity \\'];
  const text = JSON.stringify([...texts, 0]).replace(/0]$/, '9007199254740993, NaN]');
  expect(parseExactJson(text).value).toEqual([...texts, 9007199254740993n, null]);
});

test.each(['NaNs', '[NaN', '[1,, 9007199254740993]', '-NaN', 'Infinity9', '{NaN: 1}'])(
  '%s is no JSON',
  (text) => {
    expect(() => parseExactJson(text)).toThrow(SyntaxError);
  },
);

/** Values whose numbers JSON.parse does not round. */
const roundedByNobody = fc.jsonValue().filter((value) => !/[[,:]-?\d{16}/.test(`[${JSON.stringify(value)}`));

test('any JSON is read as JSON.parse reads it, and any 64-bit integer beside it exactly', () => {
  fc.assert(
    fc.property(roundedByNobody, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }), (value, integer) => {
      const json = JSON.stringify(value);
      expect(parseExactJson(`[${json},${integer}]`).value).toEqual([
        JSON.parse(json),
        Number.isSafeInteger(Number(integer)) ? Number(integer) : integer,
      ]);
    }),
    { numRuns: 500 },
  );
});
