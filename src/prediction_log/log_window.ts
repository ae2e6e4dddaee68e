import type { DatatypeName } from '../registry/datatypes.ts';
import type { FeatureKind } from '../registry/feature_kinds.ts';
import type { Column } from '../tables/column.ts';

/** Which logged rows are wanted, and what of them. */
export interface WindowRequest {
  modelId: string;
  version: string;
  /** From `since` (inclusive) to `until` (exclusive), milliseconds since 1970. */
  since: number;
  until: number;
  /**
   * answered: rows answered to callers. with_outcome: those of them with a recorded outcome. assigned: those with an
   * outcome that the weights of `route` sent to the version. served: rows answered to callers and rows that failed.
   * shadow: rows that the version answered as a shadow. shadow_with_outcome: those of them with an outcome.
   */
  rows: 'answered' | 'with_outcome' | 'assigned' | 'served' | 'shadow' | 'shadow_with_outcome';
  /**
   * Where units are wanted, as for `assigned`: when the route was set, milliseconds since 1970, and whether an entity
   * stays with its version.
   */
  route?: { setAt: number; sticky: boolean } | undefined;
  /**
   * Of a shadow's rows those alone whose callers that version answered: `own` reads what the shadow answered, `given` what
   * the caller got, row by row the same.
   */
  beside?: { version: string; answer: 'own' | 'given' } | undefined;
  /**
   * The wanted features and their kinds; numbers are rounded to the datatype where one is given, as the model saw
   * them.
   */
  features: readonly (FeatureKind & { datatype?: DatatypeName })[];
}

/**
 * Logged rows of one version in a window as columns, older segments first; within a segment in the order of time.
 * Segments that several processes wrote at once overlap, so the whole may not be in that order.
 */
export interface LogWindow {
  rows: number;
  /** True when the window held more rows than are read; then these are the newest. */
  truncated: boolean;
  /** Milliseconds since 1970. */
  at: Float64Array;
  latencyMs: Float64Array;
  /** The wanted features, except those that no row's log has: they were excluded, or belong to another version. */
  features: Column[];
  /** The label or number; for a model that answers arrays one column an element. */
  values: Column[];
  /** One column a class, in the order of the model. */
  probabilities: { label: string; values: Float64Array }[];
  /** Outcomes: actual values, in the form of `values`; undefined when no row has one. */
  actual: Column | undefined;
  /** The error code of rows that failed; undefined when none did. */
  errors: Column | undefined;
  /** Where a route is given: the assignment unit (entity or call) of each row, numbered from 0. */
  units: Int32Array | undefined;
}
