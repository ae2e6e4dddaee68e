import type { Transaction } from 'kysely';
import { uuidv7 } from 'uuidv7';
import type { StageTransitionRow, Tables } from '../storage/schema.ts';
import type { Stage } from './stages.ts';

export interface StageStep {
  modelId: string;
  version: string;
  kind: StageTransitionRow['kind'];
  /** Whether a failed gate or a rule of the policy was overridden. */
  forced: boolean;
  from: Stage;
  to: Stage;
  at: number;
  by: string;
  reason: string | null;
}

/**
 * Moves a version to another stage: first the transition in the history, then the stage. Triggers in the database
 * refuse an illegal transition, and a stage that changes without one.
 *
 * @returns the transition's id
 */
export async function moveStage(transaction: Transaction<Tables>, step: StageStep): Promise<string> {
  const { transitions, revision } = await transaction
    .selectFrom('versions')
    .innerJoin('models', 'models.model_id', 'versions.model_id')
    .select(['versions.transitions', 'models.revision'])
    .where('versions.model_id', '=', step.modelId)
    .where('versions.version', '=', step.version)
    .executeTakeFirstOrThrow();
  const sequence = transitions + 1;
  const transitionId = uuidv7();
  await transaction
    .insertInto('stage_transitions')
    .values({
      transition_id: transitionId,
      model_id: step.modelId,
      version: step.version,
      sequence,
      revision,
      kind: step.kind,
      forced: step.forced ? 1 : 0,
      from_stage: step.from,
      to_stage: step.to,
      at: step.at,
      by: step.by,
      reason: step.reason,
    })
    .execute();
  await transaction
    .updateTable('versions')
    .set({ stage: step.to, transitions: sequence })
    .where('model_id', '=', step.modelId)
    .where('version', '=', step.version)
    .execute();
  return transitionId;
}
