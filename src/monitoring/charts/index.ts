export { classificationChart } from './classification.ts';

export { driftOverTimeChart } from './drift_over_time.ts';
export { type DriftReport, driftReportChart, maxFeatures, type ReportedFeature } from './drift_report.ts';
export { categoricalHistogram, type Histogram, numericHistogram } from './histogram.ts';
export { performanceOverTimeChart } from './performance_over_time.ts';
export { regressionChart } from './regression.ts';
export { renderChart } from './render_chart.ts';
export { type ChartSpec, chartWidth, type ShownMetric, type Subject } from './theme.ts';
export type { BucketValue, TimeLine } from './time_lines.ts';
