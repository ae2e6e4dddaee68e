import type { DriftReport } from '../../../src/monitoring/charts/index.ts';
import { categoricalHistogram, numericHistogram } from '../../../src/monitoring/charts/index.ts';
import { reportedFeatures } from '../../../src/monitoring/drift/drift_charts.ts';
import type { DriftResult } from '../../../src/monitoring/drift/index.ts';

export const subject = { model_id: 'home_win', version: '3' };

/** A feature without drift, but for what is given. */
export function result(feature: string, more: Partial<DriftResult> = {}): DriftResult {
  return {
    feature,
    type: 'numeric',
    method: 'ks_test',
    score: 0.02,
    p_value: 0.5,
    p_adjusted: 0.6,
    effect: 0.02,
    threshold: 0.05,
    is_drift: false,
    severity: 'none',
    reference_n: 100,
    current_n: 80,
    reference_missing: 0,
    current_missing: 0,
    ...more,
  };
}

export const drifted = {
  is_drift: true,
  severity: 'high',
  score: 0.5,
  effect: 0.5,
  p_adjusted: 1e-9,
} as const;

const rampOf = (length: number, shift: number) =>
  Float64Array.from({ length }, (_, index) => index / length + shift);

/** A report on such features, each with a histogram: every third a categorical one. */
export function report(results: readonly DriftResult[]): DriftReport {
  return {
    ...subject,
    reference_n: 100,
    current_n: 80,
    is_drift: results.some(({ is_drift }) => is_drift),
    features: reportedFeatures(results),
    histograms: new Map(
      results.map(({ feature }, index) => [
        feature,
        index % 3 === 2
          ? categoricalHistogram(new Map([[feature, 3]]), new Map([[`${feature}'`, 2]]))
          : numericHistogram(rampOf(100, 0), rampOf(80, 0.3)),
      ]),
    ),
  };
}

/** Names that trip a chart up: paths, markup, expressions, directions, controls, nothing at all. */
export const oddNames = [
  'a.b[0]["c"]',
  '<b>"bold" & \'more\'</b>',
  "datum['x'] + 1",
  '\\u0041',
  'שם המאפיין',
  'الميزة 7',
  '温度',
  'line\nbreak\u0000\u202e',
  '\ud800 half',
  '',
  '  blanks  ',
  'W'.repeat(128),
];
