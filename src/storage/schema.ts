import type { ColumnType, Generated, Selectable } from 'kysely';

/**
 * The tables, as Kysely sees them on both databases. Times are milliseconds since 1970 (UTC), structured
 * values are JSON text: the same types on SQLite and PostgreSQL, so that one query code serves both.
 */

export interface Tables {
  store_identity: { id: number; store_id: string };
  store_folders: { folder_id: string; host: string; artifacts: string; seen_at: number };
  models: ModelRow;
  versions: VersionsTable;
  version_metrics: { number: number; name: string; value: number };
  version_tags: { number: number; name: string; value: string };
  version_parents: { model_id: string; version: string; parent_model_id: string; parent_version: string };
  deleted_versions: DeletedVersionRow;
  aliases: AliasRow;
  gate_policies: GatePolicyRow;
  stage_transitions: StageTransitionRow;
  approvals: ApprovalRow;
  audit_entries: AuditEntryRow;
  audit_head: { id: number; sequence: number; hash: string };
  deployments: DeploymentRow;
  engine_placements: EnginePlacementRow;
  routes: RouteRow;
  breakers: BreakerRow;
  shadow_totals: ShadowTotalsRow;
  references: ReferenceRow;
  reference_columns: ReferenceColumnRow;
  reference_rows: ReferenceRowsRow;
  journals: { journal: string; bytes_moved: number };
  prediction_segments: PredictionSegmentRow;
  prediction_segment_parts: PredictionSegmentPartRow;
  caller_ids: CallerIdRow;
  log_tasks: { task: string; next_at: number };
  serving_totals: ServingTotalsRow;
  serving_minutes: ServingMinuteRow;
  mlflow_sync: MlflowSyncRow;
  mlflow_versions: MlflowVersionRow;
  mlflow_sender: MlflowSenderRow;
  mlflow_runs: MlflowRunRow;
  mlflow_measurements: MlflowMeasurementRow;
  mlflow_comparisons: MlflowComparisonRow;
  alerts: AlertRow;
  alert_events: AlertEventRow;
  alert_rounds: AlertRoundRow;
  drift_evaluations: DriftEvaluationRow;
  latest_measurements: LatestMeasurementRow;
  webhook_targets: { target: string; last_seen_at: number };
  webhook_deliveries: WebhookDeliveryRow;
  online_streams: OnlineStreamRow;
  rollouts: RolloutRow;
  rollout_decisions: RolloutDecisionRow;
  rollout_lease: { id: number; holder: string | null; expires_at: number };
  tokens: TokenRow;
  uploads: UploadRow;
  upload_pieces: UploadPieceRow;
  mcp_sessions: McpSessionRow;
  mcp_messages: { message_id: string; session_id: string; message: string; at: number };
  mcp_links: { session_id: string; uri: string; name: string; mime_type: string; at: number };
}

/** Who may call over HTTP; see src/access/tokens.ts. */
export interface TokenRow {
  token_id: string;
  name: string;
  role: 'viewer' | 'client' | 'operator' | 'admin';
  /** SHA-256 of the token, in hexadecimal. */
  hash: string;
  created_at: number;
  created_by: string;
  expires_at: number | null;
  revoked_at: number | null;
  /** Written at most once a minute by each process. */
  last_used_at: number | null;
}

/** A file that was uploaded over HTTP, in pieces; see src/uploads/uploads.ts. */
interface UploadRow {
  upload_id: string;
  name: string;
  /** 0: it is coming in. */
  complete: number;
  /** Null until it is complete. */
  sha256: string | null;
  /** That have come in. */
  bytes: number;
  uploaded_at: number;
  uploaded_by: string;
}

interface UploadPieceRow {
  upload_id: string;
  /** 0, 1, 2 … */
  piece: number;
  content: ColumnType<Buffer | ArrayBuffer, Buffer, Buffer>;
}

export interface McpSessionRow {
  session_id: string;
  /** Whose token began it; empty: it was begun without one. */
  owner: string;
  client_name: string;
  client_version: string;
  protocol_version: string;
  /** 1: the client said that it can ask the person at it. */
  can_ask: number;
  /** From which level on the client wants log messages; null: all. */
  log_level: string | null;
  /** Which of its streams messages go to; null: there was none. */
  stream: string | null;
  created_at: number;
  last_seen_at: number;
}

export interface RolloutRow {
  rollout_id: string;
  model_id: string;
  version: string;
  /** The version that all calls went to before; null where there was none. */
  incumbent: string | null;
  state: 'running' | 'paused' | 'held' | 'succeeded' | 'rolled_back' | 'aborted';
  /** See src/rollouts/plan.ts. */
  plan: string;
  reason: string | null;
  started_at: number;
  started_by: string;
  /** In whose name it acts. */
  role: string;
  client: string | null;
  ended_at: number | null;
  /** Position of the present step in the plan. */
  step: number;
  step_began_at: number;
  /** How long a server has run since then, milliseconds. */
  ran_ms: number;
  looked_at: number;
  /** Of the last decision; whoever writes the next one must have read this one. */
  sequence: number;
  /** What was last seen, see src/rollouts/rollout_store.ts. */
  progress: string;
}

interface RolloutDecisionRow {
  rollout_id: string;
  sequence: number;
  at: number;
  by: string;
  step: number;
  action: string;
  reason: string;
  evidence: string;
}

export interface ModelRow {
  model_id: string;
  created_at: number;
  /** Raised by every change of the model's versions, stages or routing; also the lock that orders them. */
  revision: number;
  description: string | null;
  /** JSON object of texts, or null. */
  tags: string | null;
}

interface VersionsTable {
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
  /** JSON array of sentences that the registration warned with. */
  warnings: string;
  author: string | null;
  /** The software that wrote the file, as the file says. */
  producer: string | null;
  /** JSON object of operator set to version ("" is ONNX's own), or null. */
  opsets: string | null;
  /** When and by whom its descriptive facts were last changed; null: never. */
  updated_at: number | null;
  updated_by: string | null;
  /** The text that searches match; see registry/search_text.ts. */
  search_text: Generated<string>;
  /** How many stage transitions it has made: the sequence of the last. */
  transitions: Generated<number>;
  /** Greater than that of every version that exists when it is registered; its metrics and tags refer to it. */
  number: number;
}

export type VersionRow = Selectable<VersionsTable>;

interface DeletedVersionRow {
  model_id: string;
  version: string;
  deleted_at: number;
  deleted_by: string;
  artifact_sha256: string;
}

interface AliasRow {
  model_id: string;
  alias: string;
  version: string;
  changed_at: number;
  changed_by: string;
}

interface GatePolicyRow {
  model_id: string;
  /** The stage whose entry it guards. */
  stage: string;
  /** JSON of registry/gate_policy.ts. */
  policy: string;
  changed_at: number;
  changed_by: string;
}

export interface StageTransitionRow {
  transition_id: string;
  model_id: string;
  version: string;
  /** 1, 2, 3 … for each version. */
  sequence: number;
  /** The model's revision that the step made. */
  revision: number;
  kind: 'promotion' | 'rollback';
  /** 1: a gate failed and was overridden. */
  forced: number;
  from_stage: string;
  to_stage: string;
  at: number;
  by: string;
  reason: string | null;
}

/** A change that waits for a person's word (`request`), or for the confirmation of who previewed it (`preview`). */
export interface ApprovalRow {
  /** Of a preview the SHA-256 of its token: who reads the table cannot confirm with it. */
  request_id: string;
  kind: 'request' | 'preview';
  created_at: number;
  expires_at: number;
  requested_by: string;
  action: string;
  model_id: string;
  /** JSON array of sentences: what will change. */
  summary: string;
  /** Canonical JSON object of what decides what will happen. */
  facts: string;
  /** SHA-256 of exactly the change that is asked for. */
  fingerprint: string;
  granted_at: number | null;
  granted_by: string | null;
  denied_at: number | null;
  denied_by: string | null;
  /** A grant is used once. */
  used_at: number | null;
  /**
   * When it ceased to apply: it was used, its change was approved otherwise, or another replaced it after it had
   * expired.
   */
  closed_at: number | null;
}

/** One link of the audit trail's chain; see access/audit.ts. */
export interface AuditEntryRow {
  sequence: number;
  at: number;
  request_id: string;
  role: string;
  client: string | null;
  action: string;
  model_id: string | null;
  version: string | null;
  /** JSON, without secrets. */
  arguments: string;
  /** JSON, or null. */
  before: string | null;
  after: string | null;
  /**
   * JSON of access/guarded_state.ts: hashes of the rows that the change left; null where the change was not of a
   * model.
   */
  state: string | null;
  /** `done`, or an error's code. */
  outcome: string;
  detail: string | null;
  previous_hash: string;
  hash: string;
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
  /** `embedded`, or the name of an engine in MODELYARD_ENGINES. */
  engine: ColumnType<string, string | undefined, string>;
  /** JSON of serving/probe.ts, or null. */
  probe: string | null;
  /** When the probe last ran, and why it failed then (null: it passed). */
  probed_at: number | null;
  probe_failure: string | null;
  /** JSON: the shapes of the inputs that the probe had, by input, or null. */
  input_sizes: ColumnType<string | null, string | null | undefined, string | null>;
}

/**
 * A model that this store has put into an engine of another machine, and that has not been seen to be gone. The row is there
 * before the model is.
 */
interface EnginePlacementRow {
  engine: string;
  /** What it is called there. */
  name: string;
  model_id: string;
  version: string;
  artifact_sha256: string;
  /** Until then it stays there though it is not deployed: its deployment may be under way. */
  spared_until: number;
}

/** Where a model's calls go. No row, no traffic. */
export interface RouteRow {
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
interface BreakerRow {
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
}

/** The profile of one column of a reference, as monitoring/reference/stored_column.ts writes it. */
interface ReferenceColumnRow {
  reference_id: string;
  part: 'features' | 'predictions';
  position: number;
  name: string;
  kind: 'numeric' | 'categorical' | 'boolean';
  facts: string;
  bytes: ColumnType<Buffer | ArrayBuffer, Buffer, Buffer>;
}

/** Whole rows of a reference, as monitoring/reference/reference_rows.ts writes them. */
interface ReferenceRowsRow {
  reference_id: string;
  row_count: number;
  /** Rows with an outcome. */
  outcomes: number;
  bytes: ColumnType<Buffer | ArrayBuffer, Buffer, Buffer>;
}

/** Logged rows of one version and day, as columns in the parts of the segment; never changed but for its outcomes. */
export interface PredictionSegmentRow {
  segment_id: string;
  model_id: string;
  version: string;
  /** The day of its rows, counted from 1970 (UTC). */
  day: number;
  min_at: number;
  max_at: number;
  min_id: string;
  max_id: string;
  rows: number;
  /** Rows that were answered to a caller: neither failed nor a shadow's. */
  answered: number;
  errors: number;
  /** Rows with an outcome, but for a shadow's. */
  outcomes: number;
  /** Rows of a shadow, those that failed included, and those of them that have an outcome. */
  shadows: number;
  shadow_outcomes: number;
  /** The number of rows, more where rows are long; it decides which segments are merged. */
  weight: number;
  tier: number;
  /** Stored size of the parts. */
  bytes: number;
  /** Raised by every change of the outcomes. */
  revision: number;
  /** Until then a process is merging it, or was killed doing so; 0: nobody is. */
  claimed_until: number;
  /** When outcomes of its rows arrived last, milliseconds since 1970; 0: there are none. */
  outcomes_at: number;
}

/** A prediction id that a caller brought. */
interface CallerIdRow {
  model_id: string;
  prediction_id: string;
  /** Of the content that it was first used for. */
  digest: string;
  version: string;
  at: number;
  /** 1 when its row is in the log. */
  logged: number;
}

interface PredictionSegmentPartRow {
  segment_id: string;
  part: string;
  /** Columns as prediction_log/column_blob.ts writes them. */
  bytes: ColumnType<Buffer | ArrayBuffer, Buffer, Buffer>;
}

interface ServingTotalsRow {
  model_id: string;
  version: string;
  calls: number;
  rows: number;
  errors: number;
  last_call_at: number;
  /** When log_predictions told of its predictions last; 0: never. */
  last_told_at: number;
  last_error_at: number | null;
  last_error: string | null;
}

export interface ServingMinuteRow {
  model_id: string;
  version: string;
  /** Start of the minute, milliseconds since 1970. */
  minute: number;
  /** The journal that the calls came through: a row has one writer, so that its sketch needs no lock. */
  journal: string;
  calls: number;
  errors: number;
  /** Latency sketch in milliseconds, as base64; see prediction_log/latency.ts. */
  latency: string;
  /** The same of the time that answered calls waited for a host; null where none is known. */
  queue: string | null;
}

/** How far MLflow knows a model: one row a model that was ever to be sent. */
export interface MlflowSyncRow {
  model_id: string;
  /** Sequence of the model's last entry in the audit trail … */
  wanted_sequence: number;
  /** … and of the last one that MLflow agrees with. */
  synced_sequence: number;
  /** Times in a row that MLflow refused it. */
  attempts: number;
  next_attempt_at: number;
  /** 1: MLflow refused it for good; it waits for its next change or for sync_mlflow. */
  dead: number;
  /** 1: somebody asked for a comparison, whether there are changes or not. */
  asked: number;
  /** 1: what is missing in MLflow is to be made anew, as sync_mlflow was told. */
  restore: number;
  /** When to look again, because a call may have been carried out after we gave it up; null: no need. */
  check_at: number | null;
  last_error: string | null;
  /** JSON array of {what, why}: what is left as it is in MLflow until a person decides. */
  problems: string;
  /** JSON of mlflow/agreement.ts. */
  memory: string;
  synced_at: number | null;
}

interface MlflowVersionRow {
  model_id: string;
  version: string;
  /** MLflow's number for it. */
  mlflow_version: number;
  run_id: string;
  mapped_at: number;
}

/** The one row of who sends, and how far the audit trail was looked through. */
export interface MlflowSenderRow {
  id: number;
  /** Tells this store from others that send to the same MLflow. */
  store_id: string;
  holder: string | null;
  expires_at: number;
  /** Entries up to this one are in mlflow_sync. */
  scanned_sequence: number;
  /** Entries up to this one are tracked. */
  tracked_sequence: number;
  /** Of the server as a whole: failures in a row, and when to try again. */
  attempts: number;
  next_attempt_at: number;
  last_error: string | null;
  last_contact_at: number | null;
  /** Of tracking alone: times in a row that MLflow refused it, and when to try again. */
  tracking_attempts: number;
  tracking_next_at: number;
  tracking_error: string | null;
  /** When to look for runs that were made twice, because a call may have been carried out after we gave it up. */
  tracking_check_at: number | null;
}

/** A deployment's run. */
export interface MlflowRunRow {
  run_id: string;
  model_id: string;
  version: string;
  started_at: number;
  ended_at: number | null;
  /** Minutes before this time are logged, milliseconds since 1970. */
  logged_until: number;
  /** JSON array of metrics that are to be logged, and may have been. */
  pending: string | null;
  /** Tells outcomes that were measured already from others; null: none were yet. */
  outcomes_seen: string | null;
  /** When to look for new outcomes; a process that measures them sets it ahead. */
  outcomes_next_at: number;
}

/** Numbers that monitoring found, until they are logged. */
export interface MlflowMeasurementRow {
  measurement_id: string;
  model_id: string;
  version: string;
  at: number;
  /** JSON object of numbers. */
  metrics: string;
}

/** The A/B test of a model that was last looked at for MLflow. */
export interface MlflowComparisonRow {
  model_id: string;
  /** When its weights were set. */
  set_at: number;
  /** The test, as JSON: when the weights change it is looked at once more. */
  test: string;
  /** Tells outcomes that were compared already from others; null: none were yet. */
  seen: string | null;
  next_at: number;
  /** A process that compares sets it ahead; others leave the row alone until then. */
  claimed_until: number;
}

/** See monitoring/alerts/alert.ts for the words. */
export interface AlertRow {
  alert_id: string;
  /** One of a group is open at most. */
  alert_group: string;
  cause: 'errors' | 'latency' | 'data' | 'performance' | 'silence' | 'routing';
  model_id: string;
  /** null: it is about the model. */
  version: string | null;
  severity: 'info' | 'warning' | 'critical';
  state: 'open' | 'acknowledged' | 'resolved';
  /** JSON array of the rules that found something. */
  rules: string;
  summary: string;
  /** JSON object: facts by rule. */
  facts: string;
  /** Evaluations in a row that found nothing. */
  clean_rounds: number;
  opened_at: number;
  last_firing_at: number;
  acknowledged_at: number | null;
  acknowledged_by: string | null;
  note: string | null;
  resolved_at: number | null;
}

/** What happened to an alert, for every process to tell its client. */
interface AlertEventRow {
  /** 1, 2, 3 … in the order in which they were written. */
  sequence: number;
  alert_id: string;
  kind: string;
  severity: string;
  at: number;
  /** JSON of monitoring/alerts/alert_message.ts. */
  message: string;
}

/** One row: which process evaluates, and when. */
interface AlertRoundRow {
  id: number;
  holder: string | null;
  /** When another process may take over. */
  expires_at: number;
  next_at: number;
  /** Of the last event. */
  sequence: number;
}

/** When a version's rows were last compared with its reference for alerts. */
interface DriftEvaluationRow {
  model_id: string;
  version: string;
  reference_id: string;
  /** All its calls by then. */
  calls: number;
  evaluated_at: number;
  took_ms: number;
}

/** What the watch measured last of a version; see monitoring/latest/latest_measurements.ts. */
export interface LatestMeasurementRow {
  model_id: string;
  version: string;
  kind: 'drift' | 'performance';
  at: number;
  /** JSON. */
  facts: string;
}

/** A message that waits to be sent to a webhook, or that was given up. */
interface WebhookDeliveryRow {
  delivery_id: string;
  /** Which webhook, by a hash: its address is in no table. */
  target: string;
  sequence: number;
  alert_id: string;
  /** JSON. */
  body: string;
  queued_at: number;
  attempts: number;
  next_attempt_at: number;
  given_up_at: number | null;
  last_error: string | null;
}

/** What is known of one stream of a version's calls by the detectors that watch it. */
export interface OnlineStreamRow {
  model_id: string;
  version: string;
  /** errors or latency; see change_detectors/streams.ts. */
  stream: string;
  /** JSON of the detectors' states and of what they are in the middle of. */
  detectors: string;
  /** JSON array of what was found, newest first. */
  findings: string;
  /** When the newest of them was found; null: nothing was. */
  last_found_at: number | null;
}
