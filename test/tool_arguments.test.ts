import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { normaliseArguments } from '../src/tool_arguments.ts';
import { catalogue } from '../tools/index.ts';

const schema = z.strictObject({
  id: z.string(),
  count: z.number().int().default(3),
  share: z.number().optional(),
  flag: z.boolean().default(false),
  text: z.string().optional(),
  list: z.array(z.number()).optional(),
  map: z.record(z.string(), z.number().nullable()).optional(),
  any: z.record(z.string(), z.unknown()).optional(),
  nested: z
    .strictObject({ tolerance: z.number().optional(), policy: z.string().nullable().optional() })
    .optional(),
});
const normalised = (given: object) => normaliseArguments(schema, { id: 'a', ...given });

test('null for an optional argument is absence, on every level; where null means something it stays', () => {
  expect(normalised({ count: null, share: null, flag: null, text: null, list: null, map: null })).toEqual({
    id: 'a',
  });
  expect(normalised({ nested: { tolerance: null, policy: null } })).toEqual({
    id: 'a',
    nested: { policy: null },
  });
  expect(normalised({ map: { x: null }, any: { y: null } })).toEqual({
    id: 'a',
    map: { x: null },
    any: { y: null },
  });
  expect(normalised({ id: null, unknown: null })).toEqual({ id: null, unknown: null });
});

test('text that is exactly a number or a truth value is taken where one is asked for, and nowhere else', () => {
  expect(
    normalised({ count: '5', share: '-0.5e1', flag: 'true', text: '5', list: ['1', 2], map: { x: '0.9' } }),
  ).toEqual({
    id: 'a',
    count: 5,
    share: -5,
    flag: true,
    text: '5',
    list: [1, 2],
    map: { x: 0.9 },
  });
  expect(normalised({ flag: 'false', any: { x: '5', y: 'true' } })).toEqual({
    id: 'a',
    flag: false,
    any: { x: '5', y: 'true' },
  });
});

test.each([
  '',
  ' 5',
  '5 ',
  '+5',
  '0x10',
  '1_000',
  '05',
  '5.',
  '.5',
  '1e999',
  'NaN',
  'Infinity',
  '9007199254740993',
  'five',
])('%j is no number', (text) => {
  expect(normalised({ count: text })).toEqual({ id: 'a', count: text });
});

test.each(['True', 'yes', '1', '', ' true'])('%j is no truth value', (text) => {
  expect(normalised({ flag: text })).toEqual({ id: 'a', flag: text });
});

test('every number that JSON can write is taken back from its text', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
      fc.pre(!Number.isInteger(number) || Number.isSafeInteger(number));
      expect(normalised({ share: JSON.stringify(number) })).toEqual({
        id: 'a',
        share: JSON.parse(JSON.stringify(number)),
      });
    }),
  );
});

test('an array or object may be JSON text, with such values inside', () => {
  expect(normalised({ list: '["1", 2]', nested: '{"tolerance": "0.5"}' })).toEqual({
    id: 'a',
    list: [1, 2],
    nested: { tolerance: 0.5 },
  });
  expect(normalised({ list: '1', nested: '{broken' })).toEqual({ id: 'a', list: '1', nested: '{broken' });
});

test('values that a schema takes as they are stay as they are', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(normaliseArguments(z.unknown(), value)).toEqual(value);
      expect(normalised({ text: value, any: { value } })).toMatchObject({
        any: { value },
        ...(value !== null && { text: value }),
      });
    }),
  );
});

test.each(catalogue)('$name: null for every optional argument is the call without them', ({ input }) => {
  const optional = Object.entries(input.shape).filter(([, member]) => z.safeParse(member, undefined).success);
  const nulls = Object.fromEntries(optional.map(([name]) => [name, null]));
  expect(normaliseArguments(input, nulls)).toEqual({});
});
