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
