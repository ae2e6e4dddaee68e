import { expect, test } from 'vitest';
import {
  judge,
  memoryToText,
  neverAgreed,
  parseMemory,
  withAgreed,
  withSent,
} from '../../src/mlflow/agreement.ts';

const agreedOn = (value: string | null) => withAgreed(neverAgreed, value, true);

test.each([
  ['nothing is there yet', 'a', null, neverAgreed, 'write'],
  ['somebody else was first', 'a', 'b', neverAgreed, 'conflict'],
  ['both say it', 'a', 'a', neverAgreed, 'same'],
  ['it changed here', 'b', 'a', agreedOn('a'), 'write'],
  ['it changed there', 'a', 'b', agreedOn('a'), 'conflict'],
  ['it changed on both sides', 'c', 'b', agreedOn('a'), 'conflict'],
  ['it changed alike on both sides', 'b', 'b', agreedOn('a'), 'same'],
  ['it was taken away here', null, 'a', agreedOn('a'), 'write'],
  ['it was taken away there', 'a', null, agreedOn('a'), 'conflict'],
  ['it was sent, changed here since, and had arrived', 'c', 'b', withSent(agreedOn('a'), 'b'), 'write'],
  ['it was sent, and had not arrived', 'c', 'a', withSent(agreedOn('a'), 'b'), 'write'],
  [
    'an older call arrived after both agreed',
    'c',
    'b',
    withAgreed(withSent(agreedOn('a'), 'b'), 'c', false),
    'write',
  ],
  [
    'somebody set the older value when no call was open',
    'c',
    'b',
    withAgreed(withSent(agreedOn('a'), 'b'), 'c', true),
    'conflict',
  ],
] as const)('%s', (_, ours, theirs, cell, verdict) => {
  expect(judge(ours, theirs, cell)).toBe(verdict);
});

test('long texts are told apart too, and the memory survives storage without them', () => {
  const [long, other] = ['x'.repeat(5000), `${'x'.repeat(4999)}y`];
  const text = memoryToText(
    new Map([
      ['d', agreedOn(long)],
      ['gone', agreedOn(null)],
    ]),
  );
  expect(text.length).toBeLessThan(200);
  const cell = parseMemory('m', text).get('d') ?? neverAgreed;
  expect(parseMemory('m', text).size).toBe(1);
  expect(judge(other, long, cell)).toBe('write');
  expect(judge(long, other, cell)).toBe('conflict');
});
