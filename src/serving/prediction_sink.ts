import type { ErrorCode } from '../errors.ts';
import type { PredictedValue } from './codec/predictions.ts';

export type RouteKind = 'active' | 'weighted' | 'pinned' | 'fallback';

/** One predict call as it is logged: the rows answered, or the failure of the model. */
export interface PredictionEntry {
  /** Milliseconds since 1970. */
  at: number;
  modelId: string;
  version: string;
  route: RouteKind;
  entityKey: string | null;
  latencyMs: number;
  /** One a row; a failed call has one for itself. */
  predictionIds: string[];
  /** [feature, value of every row]; null where the model has no named features. */
  features: [string, unknown[]][] | null;
  values: PredictedValue[];
  probabilities: ([string, number][] | null)[];
  error: { code: ErrorCode; message: string } | null;
}

/**
 * Where serving reports what it answered. When `append` returns, the entry survives the death of the
 * process: only then is the answer sent.
 */
export interface PredictionSink {
  append(entry: PredictionEntry): void;
}
