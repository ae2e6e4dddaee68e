import type { Transaction } from 'kysely';
import { changeModel } from '../access/change_model.ts';
import { nameOf, type Origin } from '../access/origin.ts';
import { may } from '../access/roles.ts';
import { ModelYardError } from '../errors.ts';
import type { ArtifactStore } from '../storage/artifact_store.ts';
import type { Database } from '../storage/database.ts';
import type { Tables } from '../storage/schema.ts';
import { findVersion } from './lookup.ts';
import { moveStage } from './move_stage.ts';
import { judgeTransition, type Stage, stepsBetween } from './stages.ts';
import type { VersionRecord } from './version_record.ts';

/** What promotion with `activate` needs of serving. */
export interface Deployer {
  /** Loads and warms a version and records it as deployed, without moving traffic. */
  prepare(record: VersionRecord, origin: Origin): Promise<void>;
  /** Gives a version all the traffic, in the promotion's transaction. */
  activate(
    transaction: Transaction<Tables>,
    modelId: string,
    version: string,
    at: number,
    by: string,
  ): Promise<void>;
  /** Called after a change of routing was committed here. */
  routeChanged(modelId: string): void;
}

export interface Promotion {
  modelId: string;
  version: string;
  targetStage: Stage;
  reason?: string | undefined;
  dryRun: boolean;
  force: boolean;
  activate: boolean;
}

export interface Gate {
  name: string;
  passed: boolean;
  detail: string;
}

export interface PromotionOutcome {
  fromStage: Stage;
  toStage: Stage;
  applied: boolean;
  archived: string[];
  gates: Gate[];
  transitionId: string | null;
  undo: string;
  warnings: string[];
}

export interface PromoteDependencies {
  database: Database;
  artifacts: ArtifactStore;
  deployer: Deployer;
  clock: () => number;
}

/**
 * Moves a version to another stage. Promotion to production archives the incumbent, and with `activate`
 * moves the traffic, in the same transaction: all of it happens or none.
 * @throws VERSION_NOT_FOUND, ILLEGAL_TRANSITION, GATE_FAILED, PERMISSION_DENIED (force without ADMIN)
 */
export async function promoteVersion(
  dependencies: PromoteDependencies,
  promotion: Promotion,
  origin: Origin,
): Promise<PromotionOutcome> {
  const { database, deployer } = dependencies;
  const { caller } = origin;
  const { modelId, version, targetStage } = promotion;
  if (promotion.force && !may(caller, 'ADMIN'))
    throw new ModelYardError(
      'PERMISSION_DENIED',
      `force needs the role admin; this server's role is ${caller.role}.`,
      'Leave force out.',
    );
  const record = await findVersion(database, modelId, version);
  const transition = requireLegal(record, targetStage);
  if (promotion.activate && targetStage === 'archived')
    throw new ModelYardError(
      'INVALID_INPUT',
      'activate cannot go with target_stage=archived.',
      'Leave activate out.',
    );
  const gates = await runGates(dependencies.artifacts, record);
  const incumbents = targetStage === 'production' ? await productionVersions(database, modelId) : [];
  const outcome = {
    fromStage: record.stage,
    toStage: targetStage,
    gates,
    undo: undoSentence(record, targetStage, incumbents, promotion.activate),
  };
  const warnings = [...transition.warnings, ...(await trafficWarnings(database, promotion, incumbents))];
  if (promotion.dryRun)
    return { ...outcome, applied: false, archived: incumbents, transitionId: null, warnings };
  const failed = gates.filter((gate) => !gate.passed);
  if (failed.length > 0 && !promotion.force)
    throw new ModelYardError(
      'GATE_FAILED',
      failed.map((gate) => `Gate ${gate.name}: ${gate.detail}`).join(' '),
      'Remove the cause, then promote again; dry_run=true shows all gates.',
    );

  if (promotion.activate) await deployer.prepare(record, origin);
  const applied = await changeModel(dependencies, origin, { modelId, version }, async (transaction, at) => {
    const result = await applyPromotion(transaction, deployer, promotion, at, nameOf(caller));
    const { fromStage, archived } = result;
    return {
      result,
      before: { stage: fromStage, production: archived },
      after: { stage: targetStage, archived, activated: promotion.activate },
    };
  });
  deployer.routeChanged(modelId);
  return {
    ...outcome,
    fromStage: applied.fromStage,
    applied: true,
    archived: applied.archived,
    transitionId: applied.transitionId,
    undo: undoSentence(
      { ...record, stage: applied.fromStage },
      targetStage,
      applied.archived,
      promotion.activate,
    ),
    warnings,
  };
}

function requireLegal(record: VersionRecord, target: Stage): { warnings: string[] } {
  const transition = judgeTransition(record.stage, target);
  if (transition.legal) return transition;
  throw new ModelYardError(
    'ILLEGAL_TRANSITION',
    `${record.modelId} ${record.version}: ${transition.message}`,
    transition.hint,
  );
}

async function runGates(artifacts: ArtifactStore, record: VersionRecord): Promise<Gate[]> {
  const name = 'artifact_intact';
  try {
    await artifacts.verify(record.artifact);
    return [{ name, passed: true, detail: `SHA-256 ${record.artifact.sha256.slice(0, 12)}… verified.` }];
  } catch (error) {
    if (!(error instanceof ModelYardError)) throw error;
    return [{ name, passed: false, detail: error.message }];
  }
}

async function productionVersions(database: Database, modelId: string): Promise<string[]> {
  const rows = await database
    .selectFrom('versions')
    .select('version')
    .where('model_id', '=', modelId)
    .where('stage', '=', 'production')
    .execute();
  return rows.map((row) => row.version);
}

async function applyPromotion(
  transaction: Transaction<Tables>,
  deployer: Deployer,
  promotion: Promotion,
  at: number,
  by: string,
): Promise<{ fromStage: Stage; archived: string[]; transitionId: string }> {
  const { modelId, version, targetStage } = promotion;
  const record = await findVersion(transaction, modelId, version);
  requireLegal(record, targetStage);
  const incumbents = targetStage === 'production' ? await productionVersions(transaction, modelId) : [];
  for (const incumbent of incumbents)
    await moveStage(transaction, {
      kind: 'promotion',
      forced: false,
      modelId,
      version: incumbent,
      from: 'production',
      to: 'archived',
      at,
      by,
      reason: `replaced in production by ${version}`,
    });
  const reason = promotion.reason ?? null;
  const transitionId = await moveStage(transaction, {
    kind: 'promotion',
    forced: promotion.force,
    modelId,
    version,
    from: record.stage,
    to: targetStage,
    at,
    by,
    reason,
  });
  if (promotion.activate) await deployer.activate(transaction, modelId, version, at, by);
  return { fromStage: record.stage, archived: incumbents, transitionId };
}

async function trafficWarnings(
  database: Database,
  promotion: Promotion,
  incumbents: string[],
): Promise<string[]> {
  if (promotion.activate) return [];
  const route = await database
    .selectFrom('routes')
    .select('active_version')
    .where('model_id', '=', promotion.modelId)
    .executeTakeFirst();
  const active = route?.active_version;
  if (promotion.targetStage === 'production' && active !== promotion.version)
    return [
      active === undefined
        ? `${promotion.version} is not deployed: call deploy_model to serve it.`
        : `Traffic still goes to ${active}${incumbents.includes(active) ? ', which is archived now' : ''}: promote with activate=true or call deploy_model to move it.`,
    ];
  return promotion.targetStage === 'archived' && active === promotion.version
    ? [`${promotion.version} still carries the traffic of ${promotion.modelId}.`]
    : [];
}

/** Which calls take the promotion back. */
function undoSentence(
  record: VersionRecord,
  to: Stage,
  archived: readonly string[],
  activate: boolean,
): string {
  const steps = (way: Stage[]) => way.map((stage) => `target_stage=${stage}`).join(', then ');
  const [incumbent] = archived;
  return incumbent === undefined
    ? `Call promote_model with version=${record.version} and ${steps(stepsBetween(to, record.stage))}.`
    : `Call promote_model with version=${incumbent} and ${steps(stepsBetween('archived', 'production'))}${activate ? ' with activate=true' : ''}: it takes production${activate ? ' and the traffic' : ''} back and ${record.version} is archived.`;
}
