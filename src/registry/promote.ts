import type { Transaction } from 'kysely';
import { type Approver, approvedBy, stillAgreed } from '../access/approval.ts';
import { changeModel } from '../access/change_model.ts';
import { nameOf, type Origin } from '../access/origin.ts';
import { may } from '../access/roles.ts';
import { ModelYardError } from '../errors.ts';
import type { Tables } from '../storage/schema.ts';
import { type Gate, runGates } from './gates.ts';
import { moveStage } from './move_stage.ts';
import {
  archivedBy,
  type Promotion,
  type PromotionFacts,
  readFacts,
  requireLegal,
  stillHolds,
} from './promotion_facts.ts';
import { approvalGate, planOf } from './promotion_plan.ts';
import { describeOutcome, previewOf } from './promotion_words.ts';
import { untilSettled } from './settled.ts';
import type { Deployer, Preview, StageDependencies } from './stage_change.ts';
import type { Stage } from './stages.ts';

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
  /** What a dry run found; undefined when the promotion was made. */
  preview?: Preview | undefined;
}

/** Failing gates that an error names. */
const namedGates = 10;

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
    const failed = gates.filter((gate) => !gate.passed);
    if (promotion.dryRun) {
      const plan = planOf(promotion, facts, promotion.force ? failed : []);
      return {
        ...describeOutcome(facts, promotion),
        applied: false,
        archived: [],
        gates: [...gates, ...approvalGate(plan, undefined)],
        transitionId: null,
        preview: previewOf(promotion, facts, failed, approver.needs(plan.change) !== 'nobody'),
      };
    }
    if (failed.length > 0 && !promotion.force)
      throw new ModelYardError(
        'GATE_FAILED',
        [
          ...failed.slice(0, namedGates).map((gate) => `Gate ${gate.name}: ${gate.detail}`),
          ...(failed.length > namedGates ? [`${failed.length - namedGates} more gates fail.`] : []),
        ].join(' '),
        'Remove the cause, then promote again; dry_run=true shows all gates.',
      );
    const plan = planOf(promotion, facts, failed);
    const approval = await approver.obtain(plan);
    if (promotion.activate) await deployer.prepare(facts.record, origin);
    const { version } = facts.record;
    const applied = await changeModel(dependencies, origin, { modelId, version }, async (transaction, at) => {
      const now = await readFacts(transaction, promotion);
      requireLegal(now.record, targetStage);
      if (!stillHolds(facts, now)) throw stale;
      if (!stillAgreed(approver, approval, plan, planOf(promotion, now, failed))) throw stale;
      await approval.use(transaction, at);
      await promotion.alongside?.(transaction, at);
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
          ...approvedBy(approval),
        },
      };
    });
    return {
      ...describeOutcome(applied.facts, promotion),
      applied: true,
      gates: [...gates, ...approvalGate(plan, approval)],
      transitionId: applied.transitionId,
    };
  });
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

async function applyPromotion(
  transaction: Transaction<Tables>,
  deployer: Deployer,
  promotion: Promotion,
  { record, incumbent }: PromotionFacts,
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
      version: incumbent.version,
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
