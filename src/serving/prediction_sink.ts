import type { ErrorCode } from '../errors.ts';
import type { PredictedValue } from './codec/predictions.ts';

export type RouteKind = 'active' | 'weighted' | 'pinned' | 'fallback';

/** How a shadow version's answer to a call compares with the answer that was given. */
export interface ShadowComparison {
  primaryVersion: string;
  /** Rows whose values agree. */
  agreed: number;
}

/** One predict call as it is logged: the rows answered, or the failure of the model. */
export interface PredictionEntry {
  /** Milliseconds since 1970. */
  at: number;
  modelId: string;
  version: string;
  route: RouteKind | 'shadow';
  entityKey: string | null;
  /** One a row, in place of entityKey, where the rows are about different entities. */
  entityKeys?: (string | null)[] | undefined;
  latencyMs: number;
  /** One a row; a failed call has one for itself. */
  predictionIds: string[];
  /** [feature, value of every row]; null where the model has no named features. */
  features: [string, unknown[]][] | null;
  values: PredictedValue[];
  probabilities: ([string, number][] | null)[];
  error: { code: ErrorCode; message: string } | null;
  /** What really was, one a row where it is known already, in the form of what the model answers; null: not known. */
  outcomes?: unknown[] | undefined;
  /** Of a shadow's entry only. */
  shadow?: ShadowComparison | undefined;
}

/**
 * Where serving reports what it answered. When the promise resolves, the entry survives the death of the
 * process: only then is the answer sent.
 */
export interface PredictionSink {
  append(entry: PredictionEntry): Promise<void>;
}
