import { ModelYardError, messageOf } from '../../errors.ts';
import type { Database } from '../../storage/database.ts';
import type { DriftResult } from '../drift/index.ts';
import { driftedFeatures } from '../drifted_features.ts';
import { readWindow } from '../log/window.ts';
import { type DriftReport, detectDrift } from '../monitor.ts';
import type { DriftEvidence } from './rules/data_drift.ts';

/** That a version's rows were compared with its reference, and when: the next time comes with new rows. */
export interface DriftEvaluation {
  modelId: string;
  version: string;
  referenceId: string;
  /** All calls that the version had answered by then. */
  calls: number;
  evaluatedAt: number;
  tookMs: number;
  /** undefined: no report could be made. */
  features: { checked: number; drifted: number } | undefined;
}

const windowMs = 24 * 3_600_000;
/** The window is shortened to about as many calls. */
const maxWindowCalls = 100_000;
/** Reports of one evaluation. */
const maxReports = 4;
/** A report that took a second is not made again for ten: a tenth of one processor at most. */
const restShare = 10;

/**
 * Drift of those versions that have a reference and were called since they were last looked at, the longest
 * neglected first and a few at a time. A report that cannot be made is a failure; its version has its turn again.
 */
export async function evaluateDrift(
  { database, clock }: { database: Database; clock: () => number },
  deployed: readonly { modelId: string; version: string }[],
  now: number,
  significance: number,
): Promise<{ evidence: Map<string, DriftEvidence>; evaluations: DriftEvaluation[]; failures: string[] }> {
  const names = new Set(deployed.map(({ modelId, version }) => `${modelId}@${version}`));
  const candidates = await readCandidates(database);
  // A call that is counted here must be in the window too, or its report would wait for the next one.
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
    let found: DriftEvaluation['features'];
    try {
      const report = await detectDrift(
        {
          database,
          flushLog: async () => undefined,
          // In this thread, which is not the server's: another would only copy.
          readWindow: (request) => readWindow(database, request),
          scorer: () => Promise.reject(new Error('rows of the log were scored when they were answered')),
          allowedRoots: [],
          clock,
        },
        {
          modelId,
          version,
          target: 'all',
          rows: { kind: 'window', since: await windowStart(database, modelId, version, now), until },
          options: { method: 'auto', correction: 'bh', significance },
        },
      );
      evidence.set(`${modelId}@${version}`, driftEvidence(report, significance));
      found = driftedFeatures(report.results, report.record.signature.features);
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
      features: found,
    });
  }
  return { evidence, evaluations, failures };
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

/** Every version with a reference that was ever called. */
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
  // The newest reference of a version is the one that counts, and comes last.
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

/** Share of the effect that a verdict asks for (0.1) from which a column that moved is not clearly stable. */
const nearEffect = 0.07;

/** What alerts want of a report. */
export function driftEvidence(
  report: Pick<DriftReport, 'results' | 'summary' | 'reference' | 'current'>,
  significance: number,
): DriftEvidence {
  const { results, summary, reference, current } = report;
  const byName = new Map(results.map((result) => [result.feature, result]));
  // Strongest first.
  const found = summary.drifted_features.flatMap((name) => byName.get(name) ?? []);
  const isNear = ({ p_adjusted, effect }: DriftResult) =>
    p_adjusted !== null && p_adjusted < significance && effect !== null && effect >= nearEffect;
  return {
    referenceId: reference.referenceId,
    rows: current.rows,
    judged: results.filter(({ score, is_drift }) => score !== null || is_drift).length,
    drifted: found
      .filter((result) => !isMissingShift(result) || isValueDrift(result))
      .map(({ feature, severity }) => ({ name: feature, severity })),
    missing: found
      .filter(isMissingShift)
      .map(({ feature, severity, reference_missing, current_missing }) => ({
        name: feature,
        severity,
        before: reference_missing,
        now: current_missing,
      })),
    values: results.some(isNear) ? 'near' : 'clean',
  };
}

/** A report's result says of both in one verdict; its note says that the missing values are why. */
function isMissingShift({ note }: DriftResult): boolean {
  return note?.includes('MISSING_SHARE') ?? false;
}

/** Whether the values that are there drifted too. */
function isValueDrift({ p_adjusted, threshold, effect }: DriftResult): boolean {
  return (
    p_adjusted !== null && threshold !== null && p_adjusted < threshold && effect !== null && effect >= 0.1
  );
}
