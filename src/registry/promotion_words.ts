import { callWords } from '../call_words.ts';
import type { Gate } from './gates.ts';
import { archivedBy, type Promotion, type PromotionFacts, requireLegal } from './promotion_facts.ts';
import { type Preview, previewOfChange } from './stage_change.ts';
import { stepsBetween } from './stages.ts';
import type { VersionRecord } from './version_record.ts';

/** What would come of a promotion that is only tried. */
export function previewOf(
  promotion: Promotion,
  facts: PromotionFacts,
  failed: readonly Gate[],
  asksPerson: boolean,
): Preview {
  const { modelId, targetStage, activate, force } = promotion;
  const { record } = facts;
  const wouldArchive = archivedBy(facts, promotion);
  if (failed.length > 0 && !force)
    return {
      wouldApply: false,
      sentence: `Would be refused: ${failed.map((gate) => `gate ${gate.name}: ${gate.detail}`).join(' ')}`,
      wouldArchive,
    };
  return previewOfChange(
    [
      `${modelId} ${record.version} would go from ${record.stage} to ${targetStage}`,
      ...(wouldArchive.length > 0 ? [`${wouldArchive.join(', ')} would be archived`] : []),
      ...(activate ? [`all traffic would go to ${record.version}, once it were loaded`] : []),
      ...failed.map((gate) => `gate ${gate.name} would be overridden (${gate.detail})`),
    ],
    asksPerson,
    wouldArchive,
  );
}

/** What a promotion does, or would do, and which call takes it back. */
export function describeOutcome(facts: PromotionFacts, promotion: Promotion) {
  const { record } = facts;
  const { targetStage } = promotion;
  const archived = archivedBy(facts, promotion);
  return {
    version: record.version,
    fromStage: record.stage,
    toStage: targetStage,
    archived,
    undo: undoSentence(promotion, record, archived[0]),
    warnings: [
      ...requireLegal(record, targetStage).warnings.map((warning) =>
        promotion.dryRun ? warning.replace('It went', 'It would go') : warning,
      ),
      ...trafficWarnings(facts, promotion),
    ],
  };
}

function trafficWarnings(
  { activeVersion, incumbent, record }: PromotionFacts,
  promotion: Promotion,
): string[] {
  const { modelId, targetStage, activate, dryRun } = promotion;
  if (activate) return [];
  if (targetStage === 'production' && activeVersion !== record.version) {
    if (activeVersion === undefined)
      return [`${record.version} is not deployed: call deploy_model to serve it.`];
    const archived = incumbent?.version === activeVersion;
    const state = archived ? `, which ${dryRun ? 'would be archived' : 'is archived now'}` : '';
    return [
      `Traffic ${dryRun ? 'would still go' : 'still goes'} to ${activeVersion}${state}: promote with activate=true or call deploy_model to move it.`,
    ];
  }
  return targetStage === 'archived' && activeVersion === record.version
    ? [`${record.version} ${dryRun ? 'would still carry' : 'still carries'} the traffic of ${modelId}.`]
    : [];
}

/** Which call takes the promotion back, or would take it back. */
function undoSentence(
  { modelId, targetStage: to, dryRun }: Promotion,
  record: VersionRecord,
  replaced: string | undefined,
): string {
  if (to === 'production' && replaced !== undefined)
    return dryRun
      ? `Afterwards ${rollbackCall(modelId, replaced)} would take production and the traffic back; ${record.version} would then be archived.`
      : `Call ${rollbackCall(modelId, replaced)}: it takes production and the traffic back and ${record.version} is archived.`;
  const call = stepsBetween(to, record.stage)
    .map((stage) =>
      callWords('promote_model', { model_id: modelId, version: record.version, target_stage: stage }),
    )
    .join(', then ');
  return dryRun ? `Afterwards ${call} would take it back.` : `Call ${call}.`;
}

/** The call that takes production back to a version; its reason is the caller's to word. */
export function rollbackCall(modelId: string, to: string): string {
  return callWords('rollback_model', { model_id: modelId, to_version: to, reason: 'taken back' });
}
