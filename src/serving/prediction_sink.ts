import type { ErrorCode } from '../errors.ts';
import type { PredictedValue } from './codec/predictions.ts';
import type { Fault } from './engine/fault.ts';

export type RouteKind = 'active' | 'weighted' | 'pinned' | 'fallback';

/** How a shadow version's answer to a call compares with the answer that was given. */
interface ShadowComparison {
  primaryVersion: string;
  /** Rows whose values agree. */
  agreed: number;
  /** Rows of the call, also where the shadow failed. */
  rows?: number | undefined;
  /** One a row, where the shadow answered: whether the values agree. */
  agrees?: boolean[] | undefined;
  /** One a row, where the shadow answered: what was answered to the caller. */
  primaryValues?: PredictedValue[] | undefined;
  /** From the call's arrival to the answer to its caller. */
  primaryLatencyMs?: number | undefined;
}

/** One predict call as it is logged: the rows answered, or the failure of the model. */
export interface PredictionEntry extends EntryStart, EntryEnd {
  /** Actual values, one a row where they are known already, in the form of what the model answers; null: not known. */
  outcomes?: unknown[] | undefined;
  /** Of a shadow's entry only. */
  shadow?: ShadowComparison | undefined;
}

/** What is known of a call before it is answered. */
interface EntryStart {
  /** Milliseconds since 1970. */
  at: number;
  modelId: string;
  version: string;
  /** elsewhere: what another server answered, told with log_predictions. */
  route: RouteKind | 'shadow' | 'elsewhere';
  /** Of a weighted call: when the route was set by which it was shared out, milliseconds since 1970. */
  routeSetAt?: number | undefined;
  entityKey: string | null;
  /** One a row, in place of entityKey, where the rows are about different entities. */
  entityKeys?: (string | null)[] | undefined;
  /**
   * One a row; a failed call has one for each row whose inputs are kept, at least one. A shadow's tell those of the
   * answer that was given, see shadow_id.ts.
   */
  predictionIds: readonly string[];
  /** [feature, value of every row]; null where the model has no named features. */
  features: [string, unknown[]][] | null;
  /** The trace that its caller named, see telemetry/trace_context.ts. */
  traceId?: string | undefined;
  /** One a row, of what an id is used for, where the ids are the caller's own: then a row is logged once at most. */
  digests?: string[] | undefined;
}

/** What is known of it afterwards. */
interface EntryEnd {
  /** From the call's arrival to its answer; null: not known. */
  latencyMs: number | null;
  /** How much of that the call waited for a host; undefined where that is not known, as of a call that failed. */
  queueMs?: number | undefined;
  values: PredictedValue[];
  probabilities: ([string, number][] | null)[];
  /** `fault`: whose it is where it is not the model's; its caller's counts as no error of the model. */
  error: { code: ErrorCode; message: string; fault?: Exclude<Fault, 'model'> | undefined } | null;
}

/**
 * Where serving reports what it answered. Once the promise resolves, the entry survives a crash of the process: only
 * then is the answer sent.
 */
export interface PredictionSink {
  append(entry: PredictionEntry): Promise<void>;
  /** Begins an entry with what is known while the model runs. @returns appends it, with the rest */
  begin(start: EntryStart): (end: EntryEnd) => Promise<void>;
}

/** Answered rows of one call by columns, each row with an id of our own. */
export interface PredictionBlock
  extends Pick<
    PredictionEntry,
    'at' | 'modelId' | 'version' | 'route' | 'latencyMs' | 'entityKey' | 'entityKeys'
  > {
  /** 16 bytes a row, in order. */
  ids: Buffer;
  /** [feature, value of every row]; of numbers NaN is null. */
  features: [string, Float64Array | readonly unknown[]][];
  /** Numbers with NaN for null, or for each row a position among the entries. */
  values: { numbers: Float64Array } | { entries: readonly unknown[]; codes: Int32Array };
  /** Where the rows have probabilities: the classes, and for each class one a row, NaN for null. */
  classes: string[] | undefined;
  probabilities: readonly Float64Array[];
  /** As in PredictionEntry. */
  outcomes: unknown[] | undefined;
}

/** Where many rows that belong together, as those of a file, are reported. */
export interface BlockSink {
  /** May keep the block in memory, with others. */
  add(block: PredictionBlock): Promise<void>;
  /** When it resolves, what was added survives the death of the process. */
  finish(): Promise<void>;
}

export interface BlockLog {
  blocks(): BlockSink;
}
