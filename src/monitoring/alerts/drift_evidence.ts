import { ModelYardError, messageOf } from '../../errors.ts';
import { readWindow } from '../../prediction_log/window.ts';
import type { Database } from '../../storage/database.ts';
import {
  type DriftOptions,
  type DriftReport,
  type DriftResult,
  defaultMinEffect,
  detectDrift,
  driftedFeatures,
} from '../drift/index.ts';
import type { DriftEvidence } from './rules/data_drift.ts';

/** When a version's rows were compared with its reference; it is compared again once there are new rows. */
export interface DriftEvaluation {
  modelId: string;
  version: string;
  referenceId: string;
  /** All calls that the version had answered by then. */
  calls: number;
  evaluatedAt: number;
  tookMs: number;
  /** undefined where no report could be made. */
  report: EvaluatedReport | undefined;
}

/** What a report says of each column, and how many of the features among them could be judged and drifted. */
interface EvaluatedReport {
  rows: number;
  checked: number;
  drifted: number;
  results: (DriftResult & { isPrediction: boolean })[];
}

/** Of a whole report: its significance, and the change of a missing share that counts. */
export type DriftLimits = Pick<DriftOptions, 'significance' | 'missingThreshold'>;

const windowMs = 24 * 3_600_000;
/** Calls that a window is shortened to. */
const maxWindowCalls = 100_000;
/** Drift reports of one evaluation at most. */
const maxReports = 4;
/**
 * A version's report is made again only after this many times as long as it took, so that reports use a tenth of one
 * processor at most.
 */
const restShare = 10;

/**
 * Drift of versions that have a reference and new calls, the longest unchecked first and a few at a time. A report
 * that fails is returned as a failure, and its version is checked again later.
 */
export async function evaluateDrift(
  { database, clock }: { database: Database; clock: () => number },
  deployed: readonly { modelId: string; version: string }[],
  now: number,
  limits: DriftLimits,
): Promise<{ evidence: Map<string, DriftEvidence>; evaluations: DriftEvaluation[]; failures: string[] }> {
  const names = new Set(deployed.map(({ modelId, version }) => `${modelId}@${version}`));
  const candidates = await readCandidates(database);
  // A call that is counted here must be in the window too; otherwise its report would wait for the next call.
  const until = clock() + 1;
  const due = candidates
    .filter(({ modelId, version }) => names.has(`${modelId}@${version}`))
    .filter((candidate) => isDue(candidate, now))
    .toSorted((one, other) => (one.last?.evaluatedAt ?? 0) - (other.last?.evaluatedAt ?? 0))
    .slice(0, maxReports);
  const evidence = new Map<string, DriftEvidence>();
  const evaluations: DriftEvaluation[] = [];
  const failures: string[] = [];
  for (const { modelId, version, referenceId, calls } of due) {
    const started = clock();
    let evaluated: EvaluatedReport | undefined;
    try {
      const report = await detectDrift(
        {
          database,
          flushLog: async () => [],
          // In this thread, which already is not the server's; another would only copy the columns.
          readWindow: (request) => readWindow(database, request),
          scorer: () => Promise.reject(new Error('rows of the log were scored when they were answered')),
          allowedRoots: [],
          clock,
        },
        {
          modelId,
          version,
          target: 'all',
          referenceId,
          rows: { kind: 'window', since: await windowStart(database, modelId, version, now), until },
          options: { method: 'auto', correction: 'bh', ...limits },
        },
      );
      evidence.set(`${modelId}@${version}`, driftEvidence(report, referenceId, limits.significance));
      evaluated = evaluatedReport(report);
    } catch (error) {
      const isQuiet = error instanceof ModelYardError && error.code === 'NOT_ENOUGH_DATA';
      if (!isQuiet) failures.push(`${modelId} ${version}: ${messageOf(error)}`);
    }
    evaluations.push({
      modelId,
      version,
      referenceId,
      calls,
      evaluatedAt: now,
      tookMs: Math.max(0, clock() - started),
      report: evaluated,
    });
  }
  return { evidence, evaluations, failures };
}

function evaluatedReport({ results, record, current }: DriftReport): EvaluatedReport {
  const { features } = record.signature;
  const names = new Set(features.map(({ name }) => name));
  return {
    rows: current.rows,
    ...driftedFeatures(results, features),
    results: results.map((result) => ({ ...result, isPrediction: !names.has(result.feature) })),
  };
}

interface Candidate {
  modelId: string;
  version: string;
  referenceId: string;
  calls: number;
  last: { referenceId: string; calls: number; evaluatedAt: number; tookMs: number } | undefined;
}

function isDue({ referenceId, calls, last }: Candidate, now: number): boolean {
  if (last === undefined || last.referenceId !== referenceId) return true;
  return last.calls !== calls && Math.abs(now - last.evaluatedAt) >= restShare * last.tookMs;
}

/** All versions that have a reference and at least one call. */
async function readCandidates(database: Database): Promise<Candidate[]> {
  const rows = await database
    .selectFrom('references')
    .innerJoin('serving_totals', (join) =>
      join
        .onRef('serving_totals.model_id', '=', 'references.model_id')
        .onRef('serving_totals.version', '=', 'references.version'),
    )
    .leftJoin('drift_evaluations', (join) =>
      join
        .onRef('drift_evaluations.model_id', '=', 'references.model_id')
        .onRef('drift_evaluations.version', '=', 'references.version'),
    )
    .select([
      'references.model_id',
      'references.version',
      'references.reference_id',
      'serving_totals.calls',
      'drift_evaluations.reference_id as last_reference_id',
      'drift_evaluations.calls as last_calls',
      'drift_evaluations.evaluated_at',
      'drift_evaluations.took_ms',
    ])
    .orderBy('references.created_at')
    .orderBy('references.reference_id')
    .execute();
  // Only the newest reference of a version counts; rows are ordered so that it comes last.
  const newest = new Map<string, Candidate>();
  for (const row of rows)
    newest.set(`${row.model_id}@${row.version}`, {
      modelId: row.model_id,
      version: row.version,
      referenceId: row.reference_id,
      calls: row.calls,
      last:
        row.last_reference_id === null ||
        row.last_calls === null ||
        row.evaluated_at === null ||
        row.took_ms === null
          ? undefined
          : {
              referenceId: row.last_reference_id,
              calls: row.last_calls,
              evaluatedAt: row.evaluated_at,
              tookMs: row.took_ms,
            },
    });
  return [...newest.values()];
}

/** A day ago, or later where the last day has more calls than a report needs. */
async function windowStart(
  database: Database,
  modelId: string,
  version: string,
  now: number,
): Promise<number> {
  const minutes = await database
    .selectFrom('serving_minutes')
    .select((eb) => ['minute', eb.fn.sum<number>('calls').as('calls')])
    .where('model_id', '=', modelId)
    .where('version', '=', version)
    .where('minute', '>=', now - windowMs)
    .groupBy('minute')
    .orderBy('minute', 'desc')
    .execute();
  let calls = 0;
  for (const minute of minutes) {
    calls += Number(minute.calls);
    if (calls >= maxWindowCalls) return minute.minute;
  }
  return now - windowMs;
}

/** An effect from here on up to that of a verdict (0.1) is near: the column is not clearly stable. */
const nearEffect = 0.07;

/** The part of a drift report that alert rules judge. */
function driftEvidence(
  report: Pick<DriftReport, 'results' | 'summary' | 'current'>,
  referenceId: string,
  significance: number,
): DriftEvidence {
  const { results, summary, current } = report;
  const byName = new Map(results.map((result) => [result.feature, result]));
  // Strongest first.
  const found = [...summary.drifted_features, ...summary.drifted_predictions].flatMap(
    (name) => byName.get(name) ?? [],
  );
  const isNear = ({ p_adjusted, effect }: DriftResult) =>
    p_adjusted !== null && p_adjusted < significance && effect !== null && effect >= nearEffect;
  return {
    referenceId,
    rows: current.rows,
    judged: results.filter(({ score, is_drift }) => score !== null || is_drift).length,
    drifted: found
      .filter((result) => result.missing_shift !== true || isValueDrift(result))
      .map(({ feature, severity, cause = 'values' }) => ({
        name: feature,
        severity,
        cause: cause === 'missing' ? 'values' : cause,
      })),
    missing: found
      .filter(({ missing_shift }) => missing_shift === true)
      .map(({ feature, severity, reference_missing, current_missing }) => ({
        name: feature,
        severity,
        before: reference_missing,
        now: current_missing,
      })),
    values: results.some(isNear) ? 'near' : 'clean',
  };
}

/** Whether the present values drifted too, since a result has one verdict for values and missing shares. */
function isValueDrift({ p_adjusted, threshold, effect }: DriftResult): boolean {
  return (
    p_adjusted !== null &&
    threshold !== null &&
    p_adjusted < threshold &&
    effect !== null &&
    effect >= defaultMinEffect
  );
}
