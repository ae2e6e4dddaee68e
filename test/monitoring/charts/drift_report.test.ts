import { describe, expect, it } from 'vitest';
import { driftReportChart } from '../../../src/monitoring/charts/index.ts';
import { drifted, report, result } from './reports.ts';
import { headOf, rowsWith } from './rows_in.ts';

describe('driftReportChart', () => {
  it('tells the model, the rows, the verdict', () => {
    const head = headOf(
      driftReportChart(report([result('a', drifted), result('b'), result('c', { score: null })])),
    );
    for (const part of [
      'home_win',
      '▲ DRIFT in 1 of 2 features',
      '1 more could not',
      '100 rows',
      '80 rows',
    ]) {
      expect(head).toContain(part);
    }
    expect(headOf(driftReportChart(report([result('a')])))).toContain('○ NO DRIFT in 1 feature');
    expect(headOf(driftReportChart(report([])))).toContain('NO VERDICT');
  });

  it('has a row for each of the worst twelve', () => {
    const results = Array.from({ length: 60 }, (_, index) =>
      result(`f${index}`, index % 3 === 0 ? { ...drifted, effect: 0.2 + index / 100 } : {}),
    );
    const chart = driftReportChart(report(results));
    const rows = rowsWith('rank', chart);
    const worst = Array.from({ length: 12 }, (_, index) => `f${57 - 3 * index}`);
    expect(rows.map(({ name }) => name)).toEqual(worst);
    expect(rows).toHaveLength(12);
    expect(rows[0]).toMatchObject({ name: 'f57', verdict: 'drift', rank: '1' });
    expect(rows[0]?.ratio).toBeCloseTo(7.7, 12);
    expect(headOf(chart)).toContain('the first 12 of 60');
  });

  it('ends a bar that would be too long, and writes how long it is', () => {
    const chart = driftReportChart(
      report([result('x', { ...drifted, method: 'psi', effect: null, score: 5, threshold: 0.2 })]),
    );
    expect(rowsWith('rank', chart)[0]).toMatchObject({ ratio: 25, bar: 10, barText: '» 25.0 ×' });
  });

  it('shows each side’s shares, the tallest bar as high as can be', () => {
    const chart = driftReportChart(report([result('number', drifted)]));
    const reference = rowsWith('side', chart);
    expect(reference.reduce((sum, { share }) => sum + Number(share), 0)).toBeCloseTo(1, 12);
    // 80 values of 0.3 … 1.2875 and a reference of which one value is above 0.9801.
    const texts = rowsWith('text', chart).map(({ text }) => text);
    expect(texts).toContain('outside 2\u00a0% → 31\u00a0%');
    expect(texts).toContain('0.0099');
    expect(rowsWith('tallest', chart)).toEqual([{ row: 0, tallest: '31\u00a0%' }]);
  });

  it('says which side has no values', () => {
    const empty = report([result('x')]);
    const { histograms, ...rest } = empty;
    const chart = driftReportChart({ ...rest, histograms: new Map() });
    expect(histograms.size).toBe(1);
    expect(rowsWith('note', chart)).toEqual([{ row: 0, note: 'no values to show' }]);
  });

  it('gives the reason where there is no verdict', () => {
    const chart = driftReportChart(report([result('x', { score: null, note: 'NOT_ENOUGH_DATA: 3 rows.' })]));
    expect(rowsWith('rank', chart)[0]).toMatchObject({
      verdict: 'not judged',
      barText: '',
      detail: expect.stringContaining('NOT_ENOUGH_DATA: 3 rows.'),
    });
  });
});
