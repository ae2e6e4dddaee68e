import { isDeepStrictEqual } from 'node:util';
import type { Transaction } from 'kysely';
import { ModelYardError } from '../errors.ts';
import type { Database } from '../storage/database.ts';
import type { Tables } from '../storage/schema.ts';
import { type GatePolicy, readGatePolicy } from './gate_policy.ts';
import type { Incumbent } from './gates.ts';
import { findStoredVersion, findVersion } from './lookup.ts';
import { judgeTransition, type Stage } from './stages.ts';
import { type GuardedStanding, readStanding } from './standing.ts';
import type { VersionRecord } from './version_record.ts';

export interface Promotion {
  modelId: string;
  version: string;
  targetStage: Stage;
  reason?: string | undefined;
  dryRun: boolean;
  force: boolean;
  activate: boolean;
  /** What is kept with it, in its transaction, or not at all; it throws where the change must not be made any more. */
  alongside?: ((transaction: Transaction<Tables>, at: number) => Promise<void>) | undefined;
}

/** Everything that decides what a promotion does; a promotion that was planned on other facts is planned again. */
export interface PromotionFacts {
  record: VersionRecord;
  metrics: Record<string, number>;
  /** The version in production. */
  production: string | undefined;
  /** The same, where the candidate is measured against it. */
  incumbent: Incumbent | undefined;
  inStagingSince: number | undefined;
  policy: GatePolicy;
  activeVersion: string | undefined;
  guarded: GuardedStanding;
}

export async function readFacts(
  database: Database,
  { modelId, version, targetStage }: Pick<Promotion, 'modelId' | 'version' | 'targetStage'>,
): Promise<PromotionFacts> {
  const record = await findVersion(database, modelId, version);
  const guarded = await readStanding(database, modelId);
  const { production } = guarded.standing;
  const isCompared = targetStage === 'production' || targetStage === 'staging';
  const replaced =
    !isCompared || production === undefined || production === record.version
      ? undefined
      : await findStoredVersion(database, modelId, production);
  const route = await database
    .selectFrom('routes')
    .select('active_version')
    .where('model_id', '=', modelId)
    .executeTakeFirst();
  return {
    record,
    metrics: await metricsOf(database, record),
    production,
    incumbent: replaced && { ...replaced, metrics: await metricsOf(database, replaced) },
    inStagingSince: record.stage === 'staging' ? await enteredStageAt(database, record) : undefined,
    policy: await readGatePolicy(database, modelId, targetStage),
    activeVersion: route?.active_version,
    guarded,
  };
}

async function metricsOf(
  database: Database,
  { number }: Pick<VersionRecord, 'number'>,
): Promise<Record<string, number>> {
  const rows = await database
    .selectFrom('version_metrics')
    .select(['name', 'value'])
    .where('number', '=', number)
    .orderBy('name')
    .execute();
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
}

async function enteredStageAt(database: Database, record: VersionRecord): Promise<number | undefined> {
  const last = await database
    .selectFrom('stage_transitions')
    .select('at')
    .where('model_id', '=', record.modelId)
    .where('version', '=', record.version)
    .orderBy('sequence', 'desc')
    .limit(1)
    .executeTakeFirst();
  return last?.at;
}

/** Whether what the gates judged is still so. */
export function stillHolds(planned: PromotionFacts, now: PromotionFacts): boolean {
  const judged = ({ record, metrics, incumbent, policy, inStagingSince }: PromotionFacts) => [
    record.version,
    record.stage,
    // It may have left and come back.
    inStagingSince,
    policy,
    (policy.min_metrics || policy.max_metrics || policy.not_worse_than_incumbent) && metrics,
    (policy.not_worse_than_incumbent || policy.signature) &&
      incumbent && [incumbent.version, 'damage' in incumbent.stored, incumbent.metrics],
    policy.backtest && incumbent?.version,
  ];
  return isDeepStrictEqual(judged(planned), judged(now));
}

export function archivedBy({ incumbent }: PromotionFacts, { targetStage }: Promotion): string[] {
  return incumbent !== undefined && targetStage === 'production' ? [incumbent.version] : [];
}

/** @throws ILLEGAL_TRANSITION */
export function requireLegal(record: VersionRecord, target: Stage): { warnings: string[] } {
  const transition = judgeTransition(record.stage, target);
  if (transition.legal) return transition;
  throw new ModelYardError(
    'ILLEGAL_TRANSITION',
    `${record.modelId} ${record.version}: ${transition.message}`,
    transition.hint,
  );
}
