import { uuidv7 } from 'uuidv7';
import { messageOf } from '../../errors.ts';
import type { Database } from '../../storage/database.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { finishRound } from './alert_lease.ts';
import type { AlertMessage } from './alert_message.ts';
import { readBook, writeBook, writeDriftEvaluations } from './alert_store.ts';
import type { DriftEvaluation } from './drift_evidence.ts';
import type { Evidence, EvidenceRequest } from './evidence.ts';
import { judgeEvidence } from './judge_evidence.ts';
import { cooldownMs, openAndResolve } from './open_and_resolve.ts';
import type { PerformanceEvidence, PerformanceReader } from './rules/performance_drop.ts';

export interface EvaluationDependencies {
  database: Database;
  logger: Logger;
  clock: () => number;
  intervalMs: number;
  /** Moves every answered prediction into the database. */
  flushLog: () => Promise<void>;
  gather: (request: EvidenceRequest) => Promise<Evidence>;
  /** Without it there are no performance alerts. */
  performanceEvidence?: PerformanceReader | undefined;
  thresholds: { errorRate: number; latencyMs: number; drift: number; missing: number; performance: number };
  /** Called for every version that was checked for drift. */
  driftEvaluated?: ((evaluation: DriftEvaluation) => void) | undefined;
}

/**
 * One evaluation of all deployed versions: evidence, verdicts, and the resulting alerts, written in one transaction
 * with their messages.
 *
 * @param holder must hold the lease until then; if it is lost meanwhile, nothing is written
 * @param dueAt when the evaluation was due, as read with the lease
 * @returns the messages of what happened
 * @throws STORAGE_UNAVAILABLE, INTERNAL when the evidence cannot be gathered
 */
export async function evaluateAlerts(
  dependencies: EvaluationDependencies,
  holder: string,
  dueAt: number,
): Promise<AlertMessage[]> {
  const { database, clock, thresholds, intervalMs } = dependencies;
  const evidence = await readEvidence(dependencies);
  const performance = await readPerformance(dependencies, evidence);
  const messages = await database.transaction().execute(async (transaction) => {
    const now = clock();
    if (!(await finishRound(transaction, holder, dueAt, now + intervalMs))) return undefined;
    await writeDriftEvaluations(transaction, evidence.driftEvaluations);
    const verdicts = judgeEvidence(evidence, performance, thresholds.performance, now);
    const before = await readBook(transaction, now, cooldownMs);
    return writeBook(transaction, before, openAndResolve(before, verdicts, now, uuidv7), now);
  });
  if (messages === undefined) return [];
  for (const evaluation of evidence.driftEvaluations) dependencies.driftEvaluated?.(evaluation);
  return messages;
}

async function readEvidence(dependencies: EvaluationDependencies): Promise<Evidence> {
  const { database, logger, clock, thresholds } = dependencies;
  const deployed = await database.selectFrom('deployments').select('version').limit(1).execute();
  const told = await database
    .selectFrom('serving_totals')
    .select('version')
    .where('last_told_at', '>', 0)
    .limit(1)
    .execute();
  // Where nothing is served no thread is started.
  if (deployed.length + told.length === 0)
    return { versions: [], routes: [], driftEvaluations: [], failures: [] };
  await dependencies.flushLog();
  const evidence = await dependencies.gather({
    now: clock(),
    thresholds: { errorRate: thresholds.errorRate, latencyMs: thresholds.latencyMs },
    drift: { significance: thresholds.drift, missingThreshold: thresholds.missing },
  });
  for (const failure of evidence.failures) logger.warn('not everything could be evaluated', { failure });
  return evidence;
}

async function readPerformance(
  { performanceEvidence, logger, clock }: EvaluationDependencies,
  { versions }: Evidence,
): Promise<Map<string, PerformanceEvidence>> {
  const known = new Map<string, PerformanceEvidence>();
  if (performanceEvidence === undefined) return known;
  for (const { modelId, version } of versions) {
    try {
      const evidence = await performanceEvidence(modelId, version, clock());
      if (evidence !== undefined) known.set(`${modelId}@${version}`, evidence);
    } catch (error) {
      // The other rules go on without evidence for this one.
      logger.warn('performance could not be evaluated', {
        model_id: modelId,
        version,
        failure: messageOf(error),
      });
    }
  }
  return known;
}
