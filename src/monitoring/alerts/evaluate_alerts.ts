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
import { type AlertPolicy, defaultAlertPolicy, nextAlerts } from './next_alerts.ts';
import type { PerformanceEvidence, PerformanceReader } from './rules/performance_drop.ts';

export interface EvaluationDependencies {
  database: Database;
  logger: Logger;
  clock: () => number;
  intervalMs: number;
  /** Brings every prediction that was answered into the database. */
  flushLog: () => Promise<void>;
  gather: (request: EvidenceRequest) => Promise<Evidence>;
  /** Without it there are no alerts of performance. */
  performanceEvidence?: PerformanceReader | undefined;
  thresholds: { errorRate: number; latencyMs: number; drift: number; performance: number };
  policy?: AlertPolicy | undefined;
  /** Hears of every version that was looked at for drift. */
  driftEvaluated?: ((evaluation: DriftEvaluation) => void) | undefined;
}

/**
 * One evaluation of everything that is deployed: evidence, verdicts, and what follows, written in one transaction
 * with the messages that tell of it.
 * @param holder must have the lease until it is written; when it was lost on the way nothing is.
 * @param dueAt when the evaluation was due, as it was read with the lease.
 * @returns what happened.
 * @throws STORAGE_UNAVAILABLE, INTERNAL when the evidence cannot be gathered
 */
export async function evaluateAlerts(
  dependencies: EvaluationDependencies,
  holder: string,
  dueAt: number,
): Promise<AlertMessage[]> {
  const { database, clock, thresholds, intervalMs, policy = defaultAlertPolicy } = dependencies;
  const evidence = await readEvidence(dependencies);
  const performance = await readPerformance(dependencies, evidence);
  const messages = await database.transaction().execute(async (transaction) => {
    const now = clock();
    if (!(await finishRound(transaction, holder, dueAt, now + intervalMs))) return undefined;
    await writeDriftEvaluations(transaction, evidence.driftEvaluations);
    const verdicts = judgeEvidence(evidence, performance, thresholds.performance, now);
    const before = await readBook(transaction, now, policy.cooldownMs);
    return writeBook(transaction, before, nextAlerts(before, verdicts, now, policy, uuidv7), now);
  });
  if (messages === undefined) return [];
  for (const evaluation of evidence.driftEvaluations) dependencies.driftEvaluated?.(evaluation);
  return messages;
}

async function readEvidence(dependencies: EvaluationDependencies): Promise<Evidence> {
  const { database, logger, clock, thresholds } = dependencies;
  const deployed = await database.selectFrom('deployments').select('version').limit(1).execute();
  // A registry that serves nothing needs no thread to find that out.
  if (deployed.length === 0) return { versions: [], routes: [], driftEvaluations: [], failures: [] };
  await dependencies.flushLog();
  const evidence = await dependencies.gather({
    now: clock(),
    thresholds: { errorRate: thresholds.errorRate, latencyMs: thresholds.latencyMs },
    driftThreshold: thresholds.drift,
  });
  for (const failure of evidence.failures) logger.warn('drift could not be evaluated', { failure });
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
      // The other rules go on; of this one there is no evidence.
      logger.warn('performance could not be evaluated', {
        model_id: modelId,
        version,
        failure: messageOf(error),
      });
    }
  }
  return known;
}
