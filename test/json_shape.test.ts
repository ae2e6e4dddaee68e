import fc from 'fast-check';
import { expect, test } from 'vitest';
import { memberName, shapeFault } from '../src/json_shape.ts';

const nested = (levels: number, open: string, close: string): unknown =>
  JSON.parse(`${open.repeat(levels)}1${close.repeat(levels)}`);

test.each([
  ['lists', '[', ']'],
  ['objects', '{"a":', '}'],
  ['both', '[{"a":', '}]'],
])('%s nested a hundred thousand deep are told, without following them', (_, open, close) => {
  expect(shapeFault(nested(100_000, open, close))).toBe('is nested more than 100 levels deep');
  expect(shapeFault({ rows: [1, nested(100_000, open, close)] })).toContain('nested');
  expect(shapeFault(nested(40, open, close))).toBeUndefined();
});

test('a hundred levels are taken, and no more', () => {
  expect(shapeFault(nested(100, '[', ']'))).toBeUndefined();
  expect(shapeFault(nested(101, '[', ']'))).toContain('nested');
});

test('a member named __proto__ is found wherever it stands', () => {
  for (const text of ['{"__proto__":1}', '[[{"a":{"__proto__":null}}]]', '{"a":[{"b":1},{"__proto__":{}}]}'])
    expect(shapeFault(JSON.parse(text)), text).toBe('has a member named __proto__');
});

test('no other JSON has a fault', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 20 }), (text) => {
      fc.pre(!text.includes('__proto__'));
      expect(shapeFault(JSON.parse(text))).toBeUndefined();
    }),
  );
});

test('no name that every object has is the name of a member', () => {
  for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', ''])
    expect(memberName.safeParse(name).success, name).toBe(false);
  for (const name of ['auc', 'Constructor', 'proto', '0'])
    expect(memberName.safeParse(name).success).toBe(true);
});
