import type { Transaction } from 'kysely';
import { type Approver, approvedBy, type ChangePlan, stillAgreed } from '../access/approval.ts';
import { untouched } from '../access/approval_policy.ts';
import { changeModel } from '../access/change_model.ts';
import { nameOf, type Origin } from '../access/origin.ts';
import { callWords } from '../call_words.ts';
import { ModelYardError } from '../errors.ts';
import type { Database } from '../storage/database.ts';
import type { Tables } from '../storage/schema.ts';
import { findVersion, requireModel } from './lookup.ts';
import { moveStage } from './move_stage.ts';
import { productionLine, versionBefore } from './production_line.ts';
import { rollbackCall } from './promotion_words.ts';
import { untilSettled } from './settled.ts';
import { type Preview, previewOfChange, type StageDependencies } from './stage_change.ts';
import { describeShares, type GuardedStanding, readStanding } from './standing.ts';
import type { VersionRecord } from './version_record.ts';

export interface Rollback {
  modelId: string;
  /** undefined: the version that was in production before the present one. */
  toVersion?: string | undefined;
  reason: string;
  dryRun: boolean;
}

export interface RollbackOutcome {
  /** The version that was in production; null when there was none. */
  fromVersion: string | null;
  toVersion: string;
  applied: boolean;
  /** The version that was active before; null when the model served nothing: then the rollback moves no traffic. */
  previousActive: string | null;
  transitionId: string | null;
  undo: string;
  warnings: string[];
  preview?: Preview | undefined;
}

interface Facts {
  current: string | undefined;
  target: VersionRecord;
  activeVersion: string | undefined;
  guarded: GuardedStanding;
}

/**
 * Takes production back to the version before, or to one that is named, and the traffic with it, in one
 * transaction. The version is loaded and warm before that; when it cannot be, nothing is changed. No gate but
 * that of its bytes runs: it was in production before.
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, ILLEGAL_TRANSITION (nothing to go back to), ARTIFACT_MISMATCH,
 *   APPROVAL_REQUIRED, and what loading throws
 */
export async function rollbackModel(
  dependencies: StageDependencies,
  rollback: Rollback,
  origin: Origin,
  approver: Approver,
): Promise<RollbackOutcome> {
  const { database, deployer, evidence } = dependencies;
  const { modelId } = rollback;
  await requireModel(database, modelId);
  return untilSettled(async (stale) => {
    const facts = await readFacts(database, rollback);
    const { current, target, activeVersion } = facts;
    await evidence.verifyArtifact(target);
    const movesTraffic = activeVersion !== undefined;
    const { dryRun } = rollback;
    const takenBack =
      current === undefined
        ? callWords('promote_model', {
            model_id: modelId,
            version: target.version,
            target_stage: 'archived',
          })
        : rollbackCall(modelId, current);
    const outcome = {
      fromVersion: current ?? null,
      toVersion: target.version,
      previousActive: activeVersion ?? null,
      undo: dryRun ? `Afterwards ${takenBack} would take it back.` : `Call ${takenBack}.`,
      warnings: movesTraffic
        ? []
        : [
            `${modelId} serves nothing, so no traffic ${dryRun ? 'would be' : 'was'} moved: call deploy_model to serve it.`,
          ],
    };
    const plan = planOf(rollback, facts);
    if (dryRun)
      return {
        ...outcome,
        applied: false,
        transitionId: null,
        preview: previewOf(modelId, facts, approver.needs(plan.change) !== 'nobody'),
      };
    const approval = await approver.obtain(plan);
    if (movesTraffic) await deployer.prepare(target, origin);
    const transitionId = await changeModel(
      dependencies,
      origin,
      { modelId, version: target.version },
      async (transaction, at) => {
        const now = await readFacts(transaction, rollback);
        if (fingerprint(now) !== fingerprint(facts)) throw stale;
        if (!stillAgreed(approver, approval, plan, planOf(rollback, now))) throw stale;
        await approval.use(transaction, at);
        const by = nameOf(origin.caller);
        const result = await applyRollback(transaction, rollback, facts, at, by);
        if (movesTraffic) await deployer.activate(transaction, modelId, target.version, at, by);
        return {
          result,
          before: { production: current ?? null, active: activeVersion ?? null },
          after: {
            production: target.version,
            active: movesTraffic ? target.version : null,
            ...approvedBy(approval),
          },
        };
      },
    );
    return { ...outcome, applied: true, transitionId };
  });
}

function previewOf(modelId: string, { current, target, activeVersion }: Facts, asksPerson: boolean): Preview {
  const wouldArchive = current === undefined ? [] : [current];
  return previewOfChange(
    [
      `${modelId} would go back to ${target.version} in production`,
      ...wouldArchive.map((version) => `${version} would be archived`),
      ...(activeVersion === undefined
        ? []
        : [`all traffic would go to ${target.version}, once it were loaded`]),
    ],
    asksPerson,
    wouldArchive,
  );
}

function planOf({ modelId, reason }: Rollback, { target, activeVersion, guarded }: Facts): ChangePlan {
  const { standing, productionWantsPerson } = guarded;
  const { production: current } = standing;
  const movesTraffic = activeVersion !== undefined;
  return {
    modelId,
    summary: [
      `Model ${modelId} goes back to version ${target.version} in production.`,
      ...(current === undefined ? [] : [`Version ${current}, now in production, is archived.`]),
      ...(movesTraffic
        ? [`All traffic goes to version ${target.version} (now: ${describeShares(standing)}).`]
        : []),
      `Reason given: ${reason}`,
    ],
    change: {
      ...untouched(standing),
      after: {
        production: target.version,
        weights: movesTraffic ? [[target.version, 1]] : standing.weights,
      },
      productionWantsPerson,
    },
    facts: {
      from: current ?? null,
      to: target.version,
      artifact: target.artifact.sha256,
      traffic: standing.weights,
    },
  };
}

async function readFacts(database: Database, { modelId, toVersion }: Rollback): Promise<Facts> {
  const guarded = await readStanding(database, modelId);
  const current = guarded.standing.production;
  const route = await database
    .selectFrom('routes')
    .select('active_version')
    .where('model_id', '=', modelId)
    .executeTakeFirst();
  return {
    current,
    target: await targetOf(database, modelId, current, toVersion),
    activeVersion: route?.active_version,
    guarded,
  };
}

async function targetOf(
  database: Database,
  modelId: string,
  current: string | undefined,
  named: string | undefined,
): Promise<VersionRecord> {
  const entries = await database
    .selectFrom('stage_transitions')
    .leftJoin('versions', (join) =>
      join
        .onRef('versions.model_id', '=', 'stage_transitions.model_id')
        .onRef('versions.version', '=', 'stage_transitions.version'),
    )
    .select(['stage_transitions.version', 'kind', 'versions.version as existing'])
    .where('stage_transitions.model_id', '=', modelId)
    .where('to_stage', '=', 'production')
    .orderBy('stage_transitions.revision')
    .execute();
  const existing = new Set(entries.flatMap((entry) => entry.existing ?? []));
  if (named !== undefined) {
    const record = await findVersion(database, modelId, named);
    if (record.version === current)
      throw new ModelYardError(
        'ILLEGAL_TRANSITION',
        `${modelId} ${record.version} is in production already.`,
        'Nothing needs to be done.',
      );
    if (existing.has(record.version)) return record;
    throw new ModelYardError(
      'ILLEGAL_TRANSITION',
      `${modelId} ${record.version} has never been in production, so there is no going back to it.`,
      'Call promote_model instead, or name one that was: get_model shows the history.',
    );
  }
  const before = versionBefore(productionLine(entries), current, (version) => existing.has(version));
  if (before !== undefined) return findVersion(database, modelId, before);
  throw new ModelYardError(
    'ILLEGAL_TRANSITION',
    `${modelId} has no earlier version in production to go back to.`,
    'Name one with to_version, or promote another version: get_model shows the history.',
  );
}

function fingerprint({ current, target, activeVersion }: Facts): string {
  return JSON.stringify([current, target.version, target.stage, activeVersion]);
}

async function applyRollback(
  transaction: Transaction<Tables>,
  { modelId, reason }: Rollback,
  { current, target }: Facts,
  at: number,
  by: string,
): Promise<string> {
  const step = { modelId, kind: 'rollback', forced: false, at, by } as const;
  if (current !== undefined)
    await moveStage(transaction, {
      ...step,
      version: current,
      from: 'production',
      to: 'archived',
      reason: `rolled back to ${target.version}: ${reason}`,
    });
  return moveStage(transaction, {
    ...step,
    version: target.version,
    from: target.stage,
    to: 'production',
    reason,
  });
}
