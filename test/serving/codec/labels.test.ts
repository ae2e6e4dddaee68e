import fc from 'fast-check';
import { expect, test } from 'vitest';
import { classByScores } from '../../../src/serving/codec/labels.ts';

test('the class has the largest of the scores that decide it, whatever the label says', () => {
  expect(classByScores(0, [1, 2], [0.9, 0.1], [])).toBe(1);
  expect(classByScores(1, [1, 2], [0.1, 0.9], [])).toBe(2);
  expect(classByScores('b', ['a', 'b'], [0.7, 0.3], [])).toBe('a');
  const classes = ['a', 'b', 'c', 'd'];
  fc.assert(
    fc.property(
      fc.constantFrom(...classes),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 }),
      (label, scores) => {
        const chosen = classByScores(label, classes, scores, []);
        const score = scores[classes.indexOf(String(chosen))] ?? Number.NaN;
        expect(score).toBeGreaterThanOrEqual(Math.max(...scores) * (1 - 1.1e-5) - 1.1e-35);
      },
    ),
  );
});

test('the label stays in a tie, and where nothing says that the scores decide it', () => {
  expect(classByScores(1, [0, 1], [0.5, 0.5], [])).toBe(1);
  expect(classByScores(0, [0, 1], [0.4999999, 0.5000001], [])).toBe(0);
  expect(classByScores(0, [0, 1], undefined, [0.1, 0.9])).toBe(0);
  expect(classByScores(7, [], [0.1, 0.9], [])).toBe(7);
  expect(classByScores(0, [0, 1], [Number.NaN, 0.9], [])).toBe(0);
  expect(classByScores(true, [0, 1], [0.1, 0.9], [])).toBe(true);
  expect(classByScores('1', [0, 1], [0.1, 0.9], [])).toBe('1');
});

test('a label that is no class is the class of the largest score, or an error', () => {
  expect(classByScores(9, [0, 1], undefined, [0.1, 0.9])).toBe(1);
  expect(classByScores(1, [0], [1], [])).toBe(0);
  expect(classByScores(1, [0], undefined, [])).toBe(0);
  expect(() => classByScores(9, [0, 1], undefined, [0.1, 0.2, 0.7])).toThrow(
    expect.objectContaining({ code: 'INFERENCE_FAILED', message: expect.stringContaining('label 9') }),
  );
});
