import { expect, test } from 'vitest';
import { z } from 'zod';
import '../src/plain_messages.ts';

/** A schema and a value that it refuses, by the code of the issue and what is said of it. */
const cases: [z.core.$ZodIssueCode | 'custom', z.ZodType, unknown, string][] = [
  ['invalid_type', z.number(), Number.NaN, 'must be a number'],
  ['invalid_type', z.coerce.number(), 'many', 'must be a number'],
  ['invalid_type', z.number(), 'many', 'must be a number'],
  ['invalid_type', z.int(), 1.5, 'must be a whole number'],
  ['invalid_type', z.bigint(), 1, 'must be a whole number'],
  ['invalid_type', z.string(), 1, 'must be text'],
  ['invalid_type', z.boolean(), 'yes', 'must be true or false'],
  ['invalid_type', z.array(z.string()), {}, 'must be a list'],
  ['invalid_type', z.tuple([z.string()]), {}, 'must be a list'],
  ['invalid_type', z.strictObject({}), 'text', 'must be an object'],
  ['invalid_type', z.record(z.string(), z.string()), 'text', 'must be an object'],
  ['invalid_type', z.null(), 1, 'must be null'],
  ['invalid_type', z.never(), 1, 'must be left out'],
  ['invalid_type', z.date(), 'today', 'must be a time'],
  [
    'invalid_value',
    z.stringbool({ truthy: ['yes'], falsy: ['no'] }),
    'perhaps',
    'must be one of "yes", "no"',
  ],
  ['invalid_value', z.enum(['viewer', 'admin']), 'boss', 'must be one of "viewer", "admin"'],
  ['invalid_value', z.literal('closed'), 'open', 'must be "closed"'],
  ['invalid_value', z.literal([1, 2]), 3, 'must be one of 1, 2'],
  ['too_small', z.number().min(1), 0, 'must be 1 or more'],
  ['too_small', z.number().positive(), 0, 'must be more than 0'],
  ['too_small', z.string().min(1), '', 'must not be empty'],
  ['too_small', z.string().min(16), 'short', 'must have 16 characters or more'],
  ['too_small', z.array(z.string()).min(1), [], 'must not be empty'],
  ['too_small', z.array(z.string()).min(2), [], 'must have 2 items or more'],
  ['too_small', z.string().length(3), 'ab', 'must have exactly 3 characters'],
  ['too_small', z.set(z.string()).min(2), new Set(), 'must have 2 items or more'],
  ['too_small', z.date().min(new Date(0)), new Date(-1), 'must be 0 or more'],
  ['too_big', z.number().max(1), 2, 'must be 1 or less'],
  ['too_big', z.number().lt(1), 1, 'must be less than 1'],
  ['too_big', z.int(), 2 ** 60, 'must be 9007199254740991 or less'],
  ['too_big', z.bigint().max(5n), 6n, 'must be 5 or less'],
  ['too_big', z.string().max(3), 'long', 'must have 3 characters at most'],
  ['too_big', z.array(z.string()).max(1), ['a', 'b'], 'must have 1 item at most'],
  ['not_multiple_of', z.number().multipleOf(5), 7, 'must be a multiple of 5'],
  ['invalid_format', z.string().regex(/^a+$/), 'b', 'must have the form /^a+$/'],
  ['invalid_format', z.string().startsWith('a'), 'b', 'must begin with "a"'],
  ['invalid_format', z.string().endsWith('a'), 'b', 'must end with "a"'],
  ['invalid_format', z.string().includes('a'), 'b', 'must contain "a"'],
  ['invalid_format', z.iso.datetime(), 'b', 'must be an ISO 8601 time, such as 2026-01-31T12:00:00Z'],
  ['invalid_format', z.uuid(), 'b', 'must be a UUID'],
  ['invalid_format', z.ipv4(), 'b', 'must be a valid ipv4'],
  ['unrecognized_keys', z.strictObject({}), { a: 1, b: 2 }, 'has unknown members: "a", "b"'],
  ['invalid_union', z.union([z.string(), z.number()]), true, 'must be text or a number'],
  [
    'invalid_union',
    z.union([z.array(z.string()), z.strictObject({ a: z.int() })]),
    { a: 1.5 },
    'has a member a that must be a whole number',
  ],
  [
    'invalid_union',
    z.discriminatedUnion('kind', [z.object({ kind: z.literal('a') }), z.object({ kind: z.literal('b') })]),
    { kind: 'c' },
    'must have a member kind that is one of "a", "b"',
  ],
  [
    'invalid_key',
    z.record(z.string().min(2), z.unknown()),
    { a: 1 },
    'has a member whose name must have 2 characters or more',
  ],
  ['invalid_element', z.map(z.any(), z.number()), new Map([[{}, 'x']]), 'has an item that must be a number'],
  ['custom', z.string().refine(() => false), 'x', 'is not accepted'],
  ['custom', z.string().refine(() => false, 'must be nice'), 'x', 'must be nice'],
];

test.each(cases)('%s: %#', (code, schema, value, message) => {
  const { error } = schema.safeParse(value);
  expect(error?.issues.map((issue) => [issue.code, issue.message])).toEqual([[code, message]]);
});
