export type { VersionComparison } from './compare_versions.ts';
export { type PerformanceRequest, readPerformance, type VersionPerformance } from './get_performance.ts';
export { type Measured, metricsOf } from './measure_rows.ts';
export type { ShadowMeasurement } from './measure_version.ts';
export { type LivePerformance, openLivePerformance } from './open_live_performance.ts';
export { describeDrops } from './segment_drops.ts';
