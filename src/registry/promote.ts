import { isDeepStrictEqual } from 'node:util';
import type { Transaction } from 'kysely';
import type { Approval, Approver } from '../access/approval.ts';
import { changeModel } from '../access/change_model.ts';
import { nameOf, type Origin } from '../access/origin.ts';
import { may } from '../access/roles.ts';
import { ModelYardError } from '../errors.ts';
import type { Database } from '../storage/database.ts';
import type { Tables } from '../storage/schema.ts';
import { type GatePolicy, readGatePolicy } from './gate_policy.ts';
import { type Contender, type Gate, type GateEvidence, runGates } from './gates.ts';
import { findVersion } from './lookup.ts';
import { moveStage } from './move_stage.ts';
import { untilSettled } from './settled.ts';
import { judgeTransition, type Stage, stepsBetween } from './stages.ts';
import type { VersionRecord } from './version_record.ts';

/** What a change of stage needs of serving. */
export interface Deployer {
  /** Loads and warms a version and records it as deployed, without moving traffic. */
  prepare(record: VersionRecord, origin: Origin): Promise<void>;
  /** Gives a version all the traffic, in the transaction of the change. */
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

export interface PromotionOutcome {
  version: string;
  fromStage: Stage;
  toStage: Stage;
  applied: boolean;
  archived: string[];
  gates: Gate[];
  transitionId: string | null;
  undo: string;
  warnings: string[];
}

export interface StageDependencies {
  database: Database;
  evidence: GateEvidence;
  deployer: Deployer;
  clock: () => number;
}

/** Everything that decides what a promotion does; a promotion that was planned on other facts is planned again. */
interface Facts {
  record: VersionRecord;
  metrics: Record<string, number>;
  /** The version in production. */
  production: string | undefined;
  /** The same, where the candidate is measured against it. */
  incumbent: Contender | undefined;
  inStagingSince: number | undefined;
  policy: GatePolicy;
  activeVersion: string | undefined;
}

/**
 * Moves a version to another stage. All gates of the model's policy run first. Promotion to production archives
 * the incumbent, and with `activate` moves the traffic, in the same transaction: all of it happens or none.
 * @throws VERSION_NOT_FOUND, ILLEGAL_TRANSITION, GATE_FAILED, APPROVAL_REQUIRED, PERMISSION_DENIED (force without ADMIN)
 */
export async function promoteVersion(
  dependencies: StageDependencies,
  promotion: Promotion,
  origin: Origin,
  approver: Approver,
): Promise<PromotionOutcome> {
  requireSensible(promotion, origin);
  const { database, deployer } = dependencies;
  const { modelId, targetStage } = promotion;
  return untilSettled(async (stale) => {
    const facts = await readFacts(database, promotion);
    requireLegal(facts.record, targetStage);
    const gates = await runGates(dependencies.evidence, facts.policy, {
      candidate: facts,
      incumbent: facts.incumbent,
      inStagingSince: facts.inStagingSince,
      now: dependencies.clock(),
    });
    if (promotion.dryRun)
      return {
        ...describeOutcome(facts, promotion),
        applied: false,
        gates: [...gates, ...approvalGate(facts.policy, undefined)],
        transitionId: null,
      };
    const failed = gates.filter((gate) => !gate.passed);
    if (failed.length > 0 && !promotion.force)
      throw new ModelYardError(
        'GATE_FAILED',
        failed.map((gate) => `Gate ${gate.name}: ${gate.detail}`).join(' '),
        'Remove the cause, then promote again; dry_run=true shows all gates.',
      );
    const approval = await obtainApproval(approver, promotion, facts, failed);
    if (promotion.activate) await deployer.prepare(facts.record, origin);
    const { version } = facts.record;
    const applied = await changeModel(dependencies, origin, { modelId, version }, async (transaction, at) => {
      const now = await readFacts(transaction, promotion);
      requireLegal(now.record, targetStage);
      if (!stillHolds(facts, now, approval)) throw stale;
      await approval?.use(transaction, at);
      const transitionId = await applyPromotion(
        transaction,
        deployer,
        promotion,
        now,
        failed.length > 0,
        at,
        origin,
      );
      return {
        result: { facts: now, transitionId },
        before: {
          stage: now.record.stage,
          production: now.production ?? null,
          active: now.activeVersion ?? null,
        },
        after: {
          stage: targetStage,
          archived: archivedBy(now, promotion),
          activated: promotion.activate,
          ...(failed.length > 0 && { overridden: failed.map(({ name }) => name) }),
          ...(approval?.by && { approved_by: approval.by }),
        },
      };
    });
    deployer.routeChanged(modelId);
    return {
      ...describeOutcome(applied.facts, promotion),
      applied: true,
      gates: [...gates, ...approvalGate(facts.policy, approval)],
      transitionId: applied.transitionId,
    };
  });
}

function archivedBy({ incumbent }: Facts, { targetStage }: Promotion): string[] {
  return incumbent !== undefined && targetStage === 'production' ? [incumbent.record.version] : [];
}

function describeOutcome(facts: Facts, promotion: Promotion) {
  const { record } = facts;
  const { targetStage } = promotion;
  const archived = archivedBy(facts, promotion);
  return {
    version: record.version,
    fromStage: record.stage,
    toStage: targetStage,
    archived,
    undo: undoSentence(record, targetStage, archived[0]),
    warnings: [...requireLegal(record, targetStage).warnings, ...trafficWarnings(facts, promotion)],
  };
}

/** Whether what the gates judged, and what a person agreed to, is still what will happen. */
function stillHolds(planned: Facts, now: Facts, approval: Approval | undefined): boolean {
  const judged = ({ record, metrics, incumbent, policy, inStagingSince }: Facts) => [
    record.version,
    record.stage,
    // It may have left and come back.
    inStagingSince,
    policy,
    (policy.min_metrics || policy.max_metrics || policy.not_worse_than_incumbent) && metrics,
    (policy.not_worse_than_incumbent || policy.signature) &&
      incumbent && [incumbent.record.version, incumbent.metrics],
  ];
  const agreed = ({ incumbent, activeVersion }: Facts) =>
    approval?.by ? [incumbent?.record.version, activeVersion] : [];
  return isDeepStrictEqual([judged(planned), agreed(planned)], [judged(now), agreed(now)]);
}

function requireSensible({ force, activate, targetStage }: Promotion, { caller }: Origin): void {
  if (force && !may(caller, 'ADMIN'))
    throw new ModelYardError(
      'PERMISSION_DENIED',
      `force needs the role admin; this server's role is ${caller.role}.`,
      'Leave force out.',
    );
  if (activate && targetStage === 'archived')
    throw new ModelYardError(
      'INVALID_INPUT',
      'activate cannot go with target_stage=archived.',
      'Leave activate out.',
    );
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

async function readFacts(database: Database, { modelId, version, targetStage }: Promotion): Promise<Facts> {
  const record = await findVersion(database, modelId, version);
  const production = await productionVersion(database, modelId);
  const isCompared = targetStage === 'production' || targetStage === 'staging';
  const replaced =
    !isCompared || production === undefined || production === record.version
      ? undefined
      : await findVersion(database, modelId, production);
  const route = await database
    .selectFrom('routes')
    .select('active_version')
    .where('model_id', '=', modelId)
    .executeTakeFirst();
  return {
    record,
    metrics: await metricsOf(database, record),
    production,
    incumbent: replaced && { record: replaced, metrics: await metricsOf(database, replaced) },
    inStagingSince: record.stage === 'staging' ? await enteredStageAt(database, record) : undefined,
    policy: await readGatePolicy(database, modelId, targetStage),
    activeVersion: route?.active_version,
  };
}

export async function productionVersion(database: Database, modelId: string): Promise<string | undefined> {
  const row = await database
    .selectFrom('versions')
    .select('version')
    .where('model_id', '=', modelId)
    .where('stage', '=', 'production')
    .executeTakeFirst();
  return row?.version;
}

async function metricsOf(database: Database, record: VersionRecord): Promise<Record<string, number>> {
  const rows = await database
    .selectFrom('version_metrics')
    .select(['name', 'value'])
    .where('number', '=', record.number)
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

/** A promotion to production, and any step that overrides a gate, may need a person's word. */
async function obtainApproval(
  approver: Approver,
  promotion: Promotion,
  facts: Facts,
  overridden: readonly Gate[],
): Promise<Approval | undefined> {
  const { modelId, targetStage, activate, reason } = promotion;
  const { record, incumbent, policy, activeVersion } = facts;
  const personRequired = policy.approval ?? false;
  if (targetStage !== 'production' && overridden.length === 0 && !personRequired) return undefined;
  const replaced = targetStage === 'production' ? incumbent?.record.version : undefined;
  return approver.obtain({
    modelId,
    summary: [
      `Version ${record.version} of model ${modelId} goes from ${record.stage} to ${targetStage}.`,
      ...(replaced === undefined ? [] : [`Version ${replaced}, now in production, is archived.`]),
      ...(activate
        ? [
            `All traffic goes to version ${record.version}${activeVersion === undefined || activeVersion === record.version ? '' : ` (now ${activeVersion})`}.`,
          ]
        : []),
      ...overridden.map((gate) => `Overridden: gate ${gate.name}: ${gate.detail}`),
      ...(reason === undefined ? [] : [`Reason given: ${reason}`]),
    ],
    reversible: true,
    personRequired,
    facts: {
      version: record.version,
      artifact: record.artifact.sha256,
      from: record.stage,
      to: targetStage,
      replaced: replaced ?? null,
      activate,
      active: activeVersion ?? null,
      overridden: overridden.map(({ name }) => name),
    },
  });
}

/** The gate of a policy that wants a person's word; it is asked for when the change is made. */
function approvalGate(policy: GatePolicy, approval: Approval | undefined): Gate[] {
  if (!policy.approval) return [];
  return [
    approval === undefined
      ? {
          name: 'approval',
          passed: false,
          detail: 'A person has to approve; asked for when it is promoted.',
        }
      : { name: 'approval', passed: true, detail: `Approved by ${approval.by ?? 'nobody'}.` },
  ];
}

async function applyPromotion(
  transaction: Transaction<Tables>,
  deployer: Deployer,
  promotion: Promotion,
  { record, incumbent }: Facts,
  forced: boolean,
  at: number,
  origin: Origin,
): Promise<string> {
  const { modelId, targetStage, activate } = promotion;
  const { version } = record;
  const by = nameOf(origin.caller);
  const step = { modelId, kind: 'promotion', at, by } as const;
  if (targetStage === 'production' && incumbent !== undefined)
    await moveStage(transaction, {
      ...step,
      version: incumbent.record.version,
      forced: false,
      from: 'production',
      to: 'archived',
      reason: `replaced in production by ${version}`,
    });
  const transitionId = await moveStage(transaction, {
    ...step,
    version,
    forced,
    from: record.stage,
    to: targetStage,
    reason: promotion.reason ?? null,
  });
  if (activate) await deployer.activate(transaction, modelId, version, at, by);
  return transitionId;
}

function trafficWarnings({ activeVersion, incumbent, record }: Facts, promotion: Promotion): string[] {
  if (promotion.activate) return [];
  if (promotion.targetStage === 'production' && activeVersion !== record.version)
    return [
      activeVersion === undefined
        ? `${record.version} is not deployed: call deploy_model to serve it.`
        : `Traffic still goes to ${activeVersion}${incumbent?.record.version === activeVersion ? ', which is archived now' : ''}: promote with activate=true or call deploy_model to move it.`,
    ];
  return promotion.targetStage === 'archived' && activeVersion === record.version
    ? [`${record.version} still carries the traffic of ${promotion.modelId}.`]
    : [];
}

/** Which call takes the promotion back. */
function undoSentence(record: VersionRecord, to: Stage, replaced: string | undefined): string {
  if (to === 'production' && replaced !== undefined)
    return `Call rollback_model with to_version=${replaced}: it takes production and the traffic back and ${record.version} is archived.`;
  const steps = stepsBetween(to, record.stage).map((stage) => `target_stage=${stage}`);
  return `Call promote_model with version=${record.version} and ${steps.join(', then ')}.`;
}
