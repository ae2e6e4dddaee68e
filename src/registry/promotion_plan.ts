import type { Approval, ChangePlan } from '../access/approval.ts';
import { gateWantsPerson, untouched } from '../access/approval_policy.ts';
import type { Gate } from './gates.ts';
import type { Promotion, PromotionFacts } from './promotion_facts.ts';
import { describeShares } from './standing.ts';

/** What a person is asked to agree to. */
export function planOf(promotion: Promotion, facts: PromotionFacts, overridden: readonly Gate[]): ChangePlan {
  const { modelId, targetStage, activate, reason } = promotion;
  const { record, incumbent, policy, production, guarded } = facts;
  const { standing, productionWantsPerson } = guarded;
  const replaced = targetStage === 'production' ? incumbent?.version : undefined;
  const leaves = production === record.version && targetStage !== 'production';
  return {
    modelId,
    summary: [
      `Version ${record.version} of model ${modelId} goes from ${record.stage} to ${targetStage}.`,
      ...(replaced === undefined ? [] : [`Version ${replaced}, now in production, is archived.`]),
      ...(leaves ? ['No version is in production any more.'] : []),
      ...(activate
        ? [`All traffic goes to version ${record.version} (now: ${describeShares(standing)}).`]
        : []),
      ...overridden.map((gate) => `Overridden: gate ${gate.name}: ${gate.detail}`),
      ...(reason === undefined ? [] : [`Reason given: ${reason}`]),
    ],
    change: {
      ...untouched(standing),
      after: {
        production: targetStage === 'production' ? record.version : leaves ? undefined : production,
        weights: activate ? [[record.version, 1]] : standing.weights,
      },
      overridesGate: overridden.length > 0,
      entryWantsPerson: policy.approval ?? false,
      productionWantsPerson,
    },
    facts: {
      version: record.version,
      artifact: record.artifact.sha256,
      from: record.stage,
      to: targetStage,
      replaced: replaced ?? null,
      activate,
      traffic: standing.weights,
      overridden: overridden.map(({ name }) => name),
    },
  };
}

/** The gate of a policy that wants a person's word; it is asked for when the change is made. */
export function approvalGate({ change }: ChangePlan, approval: Approval | undefined): Gate[] {
  if (!gateWantsPerson(change)) return [];
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
