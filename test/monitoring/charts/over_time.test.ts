import { describe, expect, it } from 'vitest';
import { driftOverTimeChart, performanceOverTimeChart } from '../../../src/monitoring/charts/index.ts';
import { subject } from './reports.ts';
import { headOf, rowsWith } from './rows_in.ts';

const hourMs = 3_600_000;

const scores = (feature: string, threshold: number, values: (number | null)[]) => ({
  feature,
  threshold,
  buckets: values.map((score, hour) => ({
    at: hour * hourMs,
    score,
    is_drift: score !== null && score >= threshold,
  })),
});

describe('driftOverTimeChart', () => {
  it('draws the scores and a shared threshold', () => {
    const chart = driftOverTimeChart({
      ...subject,
      measure: 'PSI',
      bucket_ms: hourMs,
      features: [scores('low', 0.2, [0.1, null, 0.15]), scores('high', 0.2, [0.1, null, 0.5])],
    });
    expect(rowsWith('segment', chart).filter((row) => row.low === null)).toEqual([
      { style: 0, segment: 1, at: hourMs / 2, value: 0.1, low: null, high: null, filled: false },
      { style: 0, segment: 2, at: 2.5 * hourMs, value: 0.5, low: null, high: null, filled: true },
      { style: 1, segment: 3, at: hourMs / 2, value: 0.1, low: null, high: null, filled: false },
      { style: 1, segment: 4, at: 2.5 * hourMs, value: 0.15, low: null, high: null, filled: false },
    ]);
    expect(rowsWith('number', chart).map(({ number, name }) => [number, name])).toEqual([
      ['1', 'high'],
      ['2', 'low'],
    ]);
    expect(rowsWith('pixel', chart)[0]).toMatchObject({ value: 0.2, text: 'threshold 0.2' });
    expect(rowsWith('stretch', chart).map(({ at }) => at)).toEqual([hourMs, 2 * hourMs]);
    expect(headOf(chart)).toContain('DRIFT at some time in 1 of 2 features');
  });

  it('shows multiples where thresholds differ', () => {
    const chart = driftOverTimeChart({
      ...subject,
      measure: 'score',
      bucket_ms: hourMs,
      features: [scores('a', 0.5, [1]), scores('b', 0.1, [0.3])],
    });
    expect(rowsWith('segment', chart).map(({ value }) => Number(value).toFixed(6))).toEqual([
      '3.000000',
      '2.000000',
    ]);
    expect(rowsWith('pixel', chart)[0]).toMatchObject({ value: 1 });
  });

  it('takes the six worst, and gives no verdict without data', () => {
    const features = Array.from({ length: 9 }, (_, index) => scores(`f${index}`, 0.2, [index / 10]));
    const chart = driftOverTimeChart({ ...subject, measure: 'PSI', bucket_ms: hourMs, features });
    expect(rowsWith('number', chart).map(({ name }) => name)).toEqual(['f8', 'f7', 'f6', 'f5', 'f4', 'f3']);
    expect(headOf(chart)).toContain('the worst 6 are shown');
    const unknown = { ...subject, measure: 'PSI', bucket_ms: hourMs, features: [scores('x', 0.2, [null])] };
    expect(headOf(driftOverTimeChart(unknown))).toContain('NO VERDICT');
  });
});

describe('performanceOverTimeChart', () => {
  it('draws values with their intervals, and the baseline', () => {
    const chart = performanceOverTimeChart({
      ...subject,
      metric: 'accuracy',
      higher_is_better: true,
      bucket_ms: hourMs,
      baseline: 0.9,
      lines: [{ name: 'realised', values: [{ at: 0, value: 0.91, low: 0.8, high: 0.95 }] }],
    });
    expect(rowsWith('segment', chart)[0]).toMatchObject({ value: 0.91, low: 0.8, high: 0.95 });
    expect(rowsWith('pixel', chart)[0]?.text).toBe('baseline 0.9');
  });

  it('has room for a baseline far from the values, and draws none where none is known', () => {
    const report = {
      ...subject,
      metric: 'accuracy',
      higher_is_better: true,
      bucket_ms: hourMs,
      lines: [{ name: 'realised', values: [{ at: 0, value: 0.5 }] }],
    };
    const baselineOf = (baseline?: number) =>
      rowsWith('pixel', performanceOverTimeChart({ ...report, baseline })).filter(({ text }) =>
        String(text).startsWith('baseline'),
      );
    expect(baselineOf()).toEqual([]);
    const [[above], [below]] = [baselineOf(0.9), baselineOf(0.1)];
    // Pixels are counted from the top.
    expect(Number(above?.pixel)).toBeGreaterThan(0);
    expect(Number(above?.pixel)).toBeLessThan(Number(below?.pixel));
  });
});
