import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ChangePlan } from '../../src/access/approval.ts';
import { questionOf } from '../../src/access/approval_question.ts';
import { originOf } from '../../src/access/origin.ts';
import { questionText, visible, visibleText } from '../../src/access/shown_text.ts';
import { intoProduction } from './approvers.ts';

test('visible keeps every space, which tells names apart', () => {
  expect(visible('a  b\nc\u202e')).toBe('a  b\\u{a}c\\u{202e}');
});

describe('visibleText', () => {
  test.each([
    ['plain words, 0.93 > 0.9, Zürich, 東京', 'plain words, 0.93 > 0.9, Zürich, 東京'],
    ['two\nlines\r\n', 'two\\u{a}lines\\u{d}\\u{a}'],
    ['\u001b[31mred', '\\u{1b}[31mred'],
    ['a\u202egnp.exe', 'a\\u{202e}gnp.exe'],
    ['zero\u200bwidth\u2060\ufeff', 'zero\\u{200b}width\\u{2060}\\u{feff}'],
    ['\u2066isolate\u2069 \u{e0041}', '\\u{2066}isolate\\u{2069} \\u{e0041}'],
    ['line\u2028separator', 'line\\u{2028}separator'],
    ['filler\u3164\u115f\u2800', 'filler\\u{3164}\\u{115f}\\u{2800}'],
    ['half \ud800 pair', 'half \\u{d800} pair'],
    ['far          away', 'far away'],
    [`e${'\u0301'.repeat(5)}`, `e${'\u0301'.repeat(3)}\\u{301}\\u{301}`],
  ])('%j', (given, shown) => {
    expect(visibleText(given, 200)).toBe(shown);
  });

  test('cuts what is too long and says how long it was', () => {
    expect(visibleText('a'.repeat(1000), 10)).toBe('aaaaaaaaaa… (1000 characters in all)');
    expect(visibleText(' '.repeat(1000), 10)).toBe(' … (1000 characters in all)');
    expect(visibleText(`${'a'.repeat(9)}💥`, 10)).toBe('aaaaaaaaa… (11 characters in all)');
    expect(visibleText(`${'a'.repeat(5)}\u202e`, 10)).toBe('aaaaa… (6 characters in all)');
  });
});

const anyText = fc.string({ unit: 'binary', maxLength: 300 });

test('whatever is given, a question shows it on one line, seen, short and without markup', () => {
  fc.assert(
    fc.property(anyText, fc.integer({ min: 1, max: 200 }), (given, limit) => {
      const seen = visibleText(given, limit);
      expect(seen).not.toMatch(/[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u);
      expect(seen.length).toBeLessThanOrEqual(limit + 40);
      const shown = questionText(given, limit);
      expect(shown).not.toMatch(/[<&]/);
      // Every other mark of Markdown stands behind a backslash that is not itself behind one.
      expect(shown.replace(/\\[\\`*[\]>#~|_]/g, '')).not.toMatch(/[`*[\]>#~|]|\\(?!u\{)/);
    }),
  );
});

test('names of models stay readable in a question', () => {
  expect(questionText('churn_model-v1.2', 200)).toBe('churn_model-v1.2');
  expect(questionText('_bold_ **x** [a](b) <b>&#8238;', 200)).toBe(
    '\\_bold\\_ \\*\\*x\\*\\* \\[a\\](b) \\u{3c}b\\>\\u{26}\\#8238;',
  );
});

describe('the question', () => {
  const plan = (summary: string[]): ChangePlan => ({
    modelId: 'fraud',
    summary,
    change: { ...intoProduction, deletes: true },
    facts: {},
  });
  const origin = (client: string) =>
    originOf({ role: 'operator', readOnly: false, client }, 'delete_model', {});

  test('reads', () => {
    expect(questionOf(origin('claude-ai 1.2'), plan(['Version 1 of fraud is deleted.', 'So is 2.']))).toBe(
      [
        'ModelYard asks: may delete_model change fraud?',
        '',
        'What will change:',
        '- Version 1 of fraud is deleted.',
        '- So is 2.',
        '',
        'It cannot be taken back.',
        'Asked for by operator (claude-ai 1.2).',
      ].join('\n'),
    );
  });

  test('has the same lines whatever a caller says', () => {
    fc.assert(
      fc.property(anyText, anyText, (reason, client) => {
        const lines = questionOf(origin(client), plan(['It is deleted.', `Reason: ${reason}`])).split('\n');
        expect(lines).toHaveLength(8);
        expect(lines[3]).toBe('- It is deleted.');
        expect(lines[6]).toBe('It cannot be taken back.');
      }),
    );
  });

  test('says that it does not show all, where there is too much', () => {
    const question = questionOf(
      origin('c'),
      plan(Array.from({ length: 30 }, (_, index) => `Change ${index}.`)),
    );
    expect(question).toContain('- Change 19.');
    expect(question).toContain('- and 10 changes that are not shown');
    expect(question).not.toContain('Change 20.');
  });
});
