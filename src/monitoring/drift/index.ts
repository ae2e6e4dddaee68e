export { criticalDrift, type DriftReport, type DriftRequest, detectDrift } from './detect_drift.ts';
export { driftedFeatures } from './drifted_features.ts';
export { driftMethodNames } from './methods/index.ts';
export type { DriftOptions, DriftResult } from './result.ts';
export type { Severity } from './severity.ts';
export { defaultMinEffect } from './verdict.ts';
