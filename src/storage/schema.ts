/**
 * The tables, as Kysely sees them on both databases. Times are milliseconds since 1970 (UTC), structured
 * values are JSON text: the same types on SQLite and PostgreSQL, so that one query code serves both.
 */

export interface Tables {
  models: ModelRow;
  versions: VersionRow;
  version_metrics: { model_id: string; version: string; name: string; value: number };
  version_tags: { model_id: string; version: string; name: string; value: string };
  stage_transitions: StageTransitionRow;
  deployments: DeploymentRow;
  routes: RouteRow;
  breakers: BreakerRow;
  shadow_totals: ShadowTotalsRow;
  references: ReferenceRow;
  journals: { journal: string; bytes_moved: number };
  predictions: PredictionRow;
  serving_totals: ServingTotalsRow;
  serving_minutes: ServingMinuteRow;
}

interface ModelRow {
  model_id: string;
  created_at: number;
  /** Raised by every change of the model's versions, stages or routing; also the lock that orders them. */
  revision: number;
}

export interface VersionRow {
  model_id: string;
  version: string;
  stage: string;
  created_at: number;
  created_by: string;
  /** Where the artifact came from, as the caller named it. */
  source: string;
  artifact_sha256: string;
  artifact_bytes: number;
  /** JSON of registry/signature.ts. */
  signature: string;
  /** JSON array of class names, or null. */
  class_labels: string | null;
  framework: string | null;
  algorithm: string | null;
  /** JSON object, or null. */
  hyperparameters: string | null;
  description: string | null;
  parent_version: string | null;
  /** JSON array of sentences that the registration warned with. */
  warnings: string;
}

export interface StageTransitionRow {
  transition_id: string;
  model_id: string;
  version: string;
  from_stage: string;
  to_stage: string;
  at: number;
  by: string;
  reason: string | null;
}

interface DeploymentRow {
  model_id: string;
  version: string;
  deployed_at: number;
  deployed_by: string;
  error_threshold: number | null;
  latency_threshold_ms: number | null;
  /** Engine hosts side by side, in each server process. */
  instances: number;
  /** JSON of serving/probe.ts, or null. */
  probe: string | null;
  /** When the probe last ran, and why it failed then (null: it passed). */
  probed_at: number | null;
  probe_failure: string | null;
}

/** Where a model's calls go. No row, no traffic. */
interface RouteRow {
  model_id: string;
  /** The version with the most traffic. */
  active_version: string;
  /** JSON array of [version, weight] in the order of their ranges; the weights sum to 1. */
  weights: string;
  /** 1: calls with an entity key stay with their version. */
  sticky: number;
  shadow_version: string | null;
  changed_at: number;
  changed_by: string;
}

/** A version's circuit breaker as all processes share it; no row, never opened. */
export interface BreakerRow {
  model_id: string;
  version: string;
  /** When it lets calls through again to try, or null when it is closed. */
  reopens_at: number | null;
  /** How long it was opened for the last time, milliseconds. */
  open_ms: number;
  trips: number;
  last_tripped_at: number | null;
  last_reason: string | null;
}

/** How a shadow version's answers compare with those that were given. */
interface ShadowTotalsRow {
  model_id: string;
  shadow_version: string;
  primary_version: string;
  calls: number;
  errors: number;
  rows: number;
  agreed: number;
}

interface ReferenceRow {
  reference_id: string;
  model_id: string;
  version: string;
  created_at: number;
  created_by: string;
  source: string;
  row_count: number;
  /** JSON of monitoring/reference.ts. */
  profile: string;
}

export interface PredictionRow {
  prediction_id: string;
  model_id: string;
  version: string;
  at: number;
  route: string;
  entity_key: string | null;
  latency_ms: number;
  /** JSON array of [feature, value] pairs, or null for a tensor call without known features. */
  features: string | null;
  /** JSON of the predicted value, or null when the call failed. */
  value: string | null;
  /** JSON array of [class, probability] pairs, or null. */
  probabilities: string | null;
  error_code: string | null;
  error_message: string | null;
}

interface ServingTotalsRow {
  model_id: string;
  version: string;
  calls: number;
  rows: number;
  errors: number;
  last_call_at: number;
  last_error_at: number | null;
  last_error: string | null;
}

interface ServingMinuteRow {
  model_id: string;
  version: string;
  /** Start of the minute, milliseconds since 1970. */
  minute: number;
  /** The journal that the calls came through: a row has one writer, so that its sketch needs no lock. */
  journal: string;
  calls: number;
  errors: number;
  /** Latency sketch in milliseconds, as base64 of monitoring/latency.ts. */
  latency: string;
}
