import { type CalibrationBin, calibrationView } from './calibration.ts';
import { type ConfusionMatrix, confusionView } from './confusion.ts';
import { shownRows } from './text.ts';
import { type ChartSpec, chart, metricText, type ShownMetric, type Subject, titleOf } from './theme.ts';

export interface ClassificationPerformance extends Subject {
  /** Rows with an outcome. */
  rows: number;
  metrics: readonly ShownMetric[];
  /** Of the positive class, ascending. */
  calibration?: readonly CalibrationBin[] | undefined;
  confusion?: ConfusionMatrix | undefined;
}

/** Reliability diagram and confusion matrix, side by side or each alone. */
export function classificationChart(report: ClassificationPerformance): ChartSpec {
  const { calibration, confusion } = report;
  const views = [
    ...(calibration === undefined ? [] : [calibrationView(calibration)]),
    ...(confusion === undefined ? [] : [confusionView(confusion, calibration === undefined)]),
  ];
  return chart(
    titleOf('Performance', report),
    [`${shownRows(report.rows)} with an outcome`, ...report.metrics.map(metricText)],
    [{ hconcat: views, spacing: 40 }],
  );
}
