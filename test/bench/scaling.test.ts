import fc from 'fast-check';
import { expect, test } from 'vitest';
import { phasesOf } from '../../bench/scaling/journals.ts';
import { figure, quantile, table } from '../../bench/scaling/table.ts';

test('the phases of the journals write as many rows as are asked for, most of them as a fill of a million at most each', () => {
  fc.assert(
    fc.property(fc.integer({ min: 20, max: 50_000_000 }), (rows) => {
      const phases = phasesOf(rows);
      expect(phases.reduce((sum, phase) => sum + phase.rows, 0)).toBe(rows);
      expect(phases.slice(6).every((phase) => phase.rows <= 1_000_000)).toBe(true);
    }),
  );
  expect(phasesOf(10_000_000).slice(0, 6)).toEqual([
    { processes: 1, isShared: true, rows: 500_000 },
    { processes: 2, isShared: true, rows: 500_000 },
    { processes: 3, isShared: true, rows: 500_000 },
    { processes: 4, isShared: true, rows: 500_000 },
    { processes: 2, isShared: false, rows: 500_000 },
    { processes: 4, isShared: false, rows: 500_000 },
  ]);
});

test('figures have three digits, and none after the point from 100 on', () => {
  expect([0, 0.012345, 1.2345, 99.96, 100.4, 12_345.6, Number.NaN].map(figure)).toEqual([
    '0',
    '0.0123',
    '1.23',
    '100',
    '100',
    '12 346',
    '',
  ]);
});

test('a quantile is a value of the list, the largest at 1', () => {
  expect([0, 0.5, 1].map((share) => quantile([3, 1, 2], share))).toEqual([1, 2, 3]);
  expect(quantile([], 0.5)).toBeNaN();
});

test('a table has the columns of its first row', () => {
  expect(table('Calls', [{ processes: 1, 'calls/s': '9' }, { processes: 2 }])).toBe(
    '### Calls\n\n| processes | calls/s |\n| --- | --- |\n| 1 | 9 |\n| 2 |  |\n',
  );
});
