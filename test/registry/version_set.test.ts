import fc from 'fast-check';
import { expect, test } from 'vitest';
import { has, intersect, numbersOf, parseNumbers, setOf } from '../../src/registry/version_set.ts';

const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 300 }));
const ascending = (given: Iterable<number>) => [...given].toSorted((a, b) => a - b);

test('a set has the numbers it was made of, in order, and no others', () => {
  fc.assert(
    fc.property(numbers, (given) => {
      const set = setOf(given);
      expect(set.size).toBe(given.length);
      expect(numbersOf(set)).toEqual(ascending(given));
      for (let number = 0; number <= 400; number++) expect(has(set, number)).toBe(given.includes(number));
    }),
  );
});

test('two sets are cut to what is in both, however long each is', () => {
  fc.assert(
    fc.property(numbers, numbers, (one, other) => {
      const both = intersect(setOf(one), setOf(other));
      const expected = one.filter((number) => other.includes(number));
      expect(numbersOf(both)).toEqual(ascending(expected));
      expect(both.size).toBe(expected.length);
    }),
  );
});

test('takes each of the 32 places in a word', () => {
  for (let number = 1; number <= 65; number++) expect(numbersOf(setOf([number]))).toEqual([number]);
  const word = Array.from({ length: 32 }, (_, at) => 32 + at);
  expect(numbersOf(setOf(word))).toEqual(word);
  expect(setOf(word).size).toBe(32);
});

test('numbers are read from a list with commas', () => {
  expect(parseNumbers(null)).toEqual([]);
  expect(parseNumbers('7')).toEqual([7]);
  expect(parseNumbers('12,3,4567890123')).toEqual([12, 3, 4_567_890_123]);
});
