export { compareColumns } from './compare.ts';
export type { Correction } from './correction.ts';
export { compareJointly, type MultivariateOptions } from './multivariate.ts';
export type { MultivariateResult } from './multivariate_result.ts';
export { type Column, type FeatureProfile, profileColumn } from './profile.ts';
export type { DriftMethod, DriftOptions, DriftResult, FeatureType, Severity } from './result.ts';
export { restoreProfile, type StoredProfile, storeProfile } from './stored_profile.ts';
export { type DriftSummary, summariseDrift } from './summary.ts';
