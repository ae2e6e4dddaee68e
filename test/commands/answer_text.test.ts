import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { answerText } from '../../src/commands/answer_text.ts';
import { cut, tableLines, wrapped } from '../../src/commands/text_table.ts';

const plain = { width: 80, head: (text: string) => text };

test('names and values, lists as tables, and what is nested below its name', () => {
  const facts = {
    model_id: 'nba',
    note: null,
    versions: [
      { version: '1', stage: 'production', calls: 10, tags: {}, latency_ms: { p50: 1.5, p95: null } },
      { version: '2', stage: 'staging', calls: 2, tags: {}, latency_ms: { p50: 12, p95: null } },
    ],
    traffic: { active: '1', weights: { 1: 0.9, 2: 0.1 } },
    warnings: [],
  };
  expect(answerText(facts, plain)).toBe(`model_id  nba
note      -

versions (2)
  version  stage       calls  latency_ms.p50
  1        production     10             1.5
  2        staging         2              12

traffic
  active  1
  weights
    1  0.9
    2  0.1

warnings  none
`);
  expect(answerText({}, plain)).toBe('Done.\n');
});

test('rows that find no room beside one another, or hold lists of objects, stand one after the other', () => {
  const row = (name: string) => ({
    name,
    ...Object.fromEntries([...'abcdefgh'].map((key) => [key, 'x'.repeat(20)])),
  });
  const wide = answerText({ rows: [row('one'), row('two')] }, plain);
  expect(wide).toContain('\n  - name  one\n    a     xxxx');
  expect(wide).toContain('\n\n  - name  two\n');
  const piped = answerText({ rows: [row('one'), row('two')] }, { ...plain, width: undefined });
  expect(piped.split('\n')[1]).toMatch(/^ {2}name {2}a +b +c/);
  const nested = { rows: [{ name: 'one', parts: [{ part: 1 }], state: { open: true, since: null } }] };
  expect(answerText(nested, plain)).toBe(`rows (1)
  - name  one
    parts (1)
      part
         1
    state  open=true
`);
});

test('nothing that an answer holds reaches the terminal as more than text', () => {
  const hostile = fc.string({ unit: 'binary', maxLength: 30 }).map((text) => `\u001b[2J\n\u202e${text}`);
  const value = fc.oneof(hostile, fc.integer(), fc.constant(null), fc.array(hostile, { maxLength: 3 }));
  const facts = fc.dictionary(
    hostile,
    fc.oneof(value, fc.array(fc.dictionary(hostile, value, { maxKeys: 4 }), { maxLength: 3 })),
    { maxKeys: 5 },
  );
  fc.assert(
    fc.property(facts, fc.constantFrom(undefined, 40, 80), (given, width) => {
      const text = answerText(given, { width, head: (heading) => heading });
      expect(text).not.toMatch(/[^\P{C}\n]|[\u2028\u2029]/u);
    }),
  );
});

describe('a table', () => {
  const cell = fc.string({ unit: 'grapheme', maxLength: 60 }).filter((text) => !/\p{C}|\s$/u.test(text));

  test('is as wide as it takes, and cut to a terminal that it fits', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 20, max: 200 }),
        (rows, width) => {
          const cells = rows.map((row) => row.map((text) => ({ text, isNumber: false })));
          const whole = tableLines(['a', 'b', 'c'], cells, undefined) ?? [];
          for (const [at, row] of rows.entries())
            for (const text of row) expect(whole[at + 1]).toContain(text.trimEnd());
          const lines = tableLines(['a', 'b', 'c'], cells, width);
          if (width >= 3 * 16 + 4) expect(lines).toBeDefined();
          for (const line of lines ?? []) expect(stringWidth(line)).toBeLessThanOrEqual(width);
        },
      ),
    );
  });

  test('a text is cut between characters, also wide ones', () => {
    expect(cut('予測モデル', 5)).toBe('予測…');
    expect(cut('予測', 4)).toBe('予測');
    expect(cut('👩‍👩‍👧 family', 4)).toBe('👩‍👩‍👧 …');
  });

  test('a text is wrapped between words', () => {
    expect(wrapped('one two  three fourteen', 8)).toEqual(['one two', 'three', 'fourteen']);
    expect(wrapped('', 8)).toEqual([]);
  });
});
