export { rowsOf as measuredRows } from './compare_reference.ts';
export type { VersionComparison } from './compare_versions.ts';
export { performanceEvidence, restingEvidence } from './evidence.ts';
export { measureOutcomes } from './measure_outcomes.ts';
export { type Measured, metricsOf } from './measure_rows.ts';
export { createMeasurer, type Measurer } from './measurer.ts';
export {
  type LivePerformanceDependencies,
  type PerformanceReport,
  type PerformanceRequest,
  readPerformance,
  type VersionPerformance,
} from './report.ts';
