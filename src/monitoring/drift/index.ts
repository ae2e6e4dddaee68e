export { type ColumnChanges, columnChanges } from './column_changes.ts';
export { compareColumns } from './compare.ts';
export {
  type BucketDrift,
  compareOverTime,
  type DriftOverTime,
  type TimeBuckets,
} from './compare_over_time.ts';
export { compareSegments, type SegmentDrift, type SegmentOptions } from './compare_segments.ts';
export type { Correction } from './correction.ts';
export type { GroupDrift, GroupedDrift } from './judge_groups.ts';
export { compareJointly, type MultivariateOptions } from './multivariate.ts';
export type { MultivariateResult } from './multivariate_result.ts';
export { type RankedResult, rankOverThreshold } from './over_threshold.ts';
export { type Column, type FeatureProfile, profileColumn } from './profile.ts';
export type { DriftMethod, DriftOptions, DriftResult, FeatureType, Severity } from './result.ts';
export { restoreProfile, type StoredProfile, storeProfile } from './stored_profile.ts';
export { type DriftSummary, summariseDrift } from './summary.ts';
export { type UnseenCategories, unseenCategories } from './unseen_categories.ts';
