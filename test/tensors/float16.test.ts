import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromFloat16Bits, toFloat16Bits } from '../../src/tensors/float16.ts';

const isNaNBits = (bits: number) => (bits & 0x7c00) === 0x7c00 && (bits & 0x3ff) !== 0;

test('all 65 536 bit patterns come back', () => {
  for (let bits = 0; bits < 65536; bits++) {
    const value = fromFloat16Bits(bits);
    if (isNaNBits(bits)) expect(Number.isNaN(value)).toBe(true);
    else if (toFloat16Bits(value) !== bits)
      expect.fail(`${bits} is ${value} and then ${toFloat16Bits(value)}`);
  }
});

test.each([
  [1, 0x3c00],
  [-2, 0xc000],
  [65504, 0x7bff],
  [65519.99, 0x7bff],
  [65520, 0x7c00],
  [70000, 0x7c00],
  [2 ** -24, 0x0001],
  [2 ** -25, 0x0000],
  [2 ** -25 * 1.0000001, 0x0001],
  [1 / 3, 0x3555],
  [-0, 0x8000],
])('%d is %i', (value, bits) => {
  expect(toFloat16Bits(value)).toBe(bits);
});

test('a number goes to the nearest float16, a tie to the even one', () => {
  fc.assert(
    fc.property(fc.nat(0x7bfe), fc.double({ min: 0, max: 1, noNaN: true }), (bits, share) => {
      const low = fromFloat16Bits(bits);
      const high = fromFloat16Bits(bits + 1);
      const value = low + (high - low) * share;
      const middle = (low + high) / 2;
      const expected = value < middle ? bits : value > middle ? bits + 1 : bits + (bits % 2);
      expect(toFloat16Bits(value)).toBe(expected);
    }),
  );
});
