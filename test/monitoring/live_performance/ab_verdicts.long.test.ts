import { describe, expect, test } from 'vitest';
import { type Shape, winnersIn } from './ab_experiments.ts';

const runs = 200;
/** P(more of 200 | 5 %) is 0.03. */
const mostWinners = 16;

const same = (given: Partial<Shape>): Shape => ({
  entities: 40,
  rowsEach: 100,
  spread: 0.1,
  rates: [0.65, 0.65],
  isSticky: true,
  answers: 'classes',
  coming: 'entities',
  looks: 20,
  ...given,
});

describe('200 experiments of identical versions, looked at twenty times, name at most 16 winners', () => {
  const sizes = [
    { entities: 40, rowsEach: 100, spread: 0.1 },
    { entities: 20, rowsEach: 500, spread: 0.15 },
    { entities: 400, rowsEach: 10, spread: 0.1 },
    { entities: 1000, rowsEach: 1, spread: 0 },
  ];
  const kinds = [true, false].flatMap((isSticky) =>
    (['classes', 'numbers'] as const).flatMap((answers) =>
      (['entities', 'rows'] as const).map((coming) => ({ isSticky, answers, coming })),
    ),
  );
  const cells = sizes.flatMap((size) => kinds.map((kind) => ({ ...size, ...kind })));
  test.each(cells)(
    '$entities × $rowsEach rows, sticky $isSticky, $answers, more $coming from look to look',
    (cell) => {
      expect(winnersIn(runs, same(cell), 1000).any).toBeLessThanOrEqual(mostWinners);
    },
  );
});

describe('a difference is found', () => {
  test('0.65 against 0.35 by 400 entities of 10 rows, in nearly every experiment', () => {
    const shape = same({ entities: 400, rowsEach: 10, rates: [0.65, 0.35] });
    const { any, second } = winnersIn(runs, shape, 1);
    expect(any).toBeGreaterThanOrEqual(160);
    expect(second).toBe(0);
  });

  // As docs/MONITORING_GUIDE.md says.
  test('of five points by 1 200 entities of 10 rows, in four of five experiments', () => {
    const shape = same({ entities: 1200, rowsEach: 10, rates: [0.6, 0.55] });
    expect(winnersIn(runs, shape, 1).any).toBeGreaterThanOrEqual(160);
  });

  test('of five points by 8 000 calls of one row, in four of five experiments', () => {
    const shape = same({
      entities: 8000,
      rowsEach: 1,
      spread: 0,
      rates: [0.6, 0.55],
      isSticky: false,
      looks: 5,
    });
    expect(winnersIn(runs, shape, 1).any).toBeGreaterThanOrEqual(160);
  });

  test('of thirty points by 40 entities of 100 rows, in most experiments', () => {
    expect(winnersIn(runs, same({ rates: [0.65, 0.35] }), 1).any).toBeGreaterThan(100);
  });
});
