import { z } from 'zod';
import { defineTool } from './define_tool.ts';
import { modelId, stage, version, warnings } from './schemas.ts';

export const promoteModel = defineTool({
  name: 'promote_model',
  title: 'Promote a model version',
  description:
    'Moves a version along development → staging → production → archived (and from archived back to development). Promotion to production archives the version that was there, in one transaction. It changes the stage only; activate=true moves the traffic too. All gates of the model run first and are reported; dry_run=true shows them and what would happen. To undo call rollback_model. Next: health_check, get_model.',
  permission: 'WRITE',
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    version,
    target_stage: stage,
    reason: z.string().min(1).max(2000).optional().describe('Kept in the stage history'),
    dry_run: z.boolean().default(false),
    force: z.boolean().default(false).describe('Although a gate fails; needs the role admin'),
    activate: z.boolean().default(false).describe('Also deploy it and move all traffic to it'),
  }),
  output: z.strictObject({
    model_id: z.string(),
    version: z.string(),
    from_stage: stage,
    to_stage: stage,
    applied: z.boolean(),
    archived: z.array(z.string()),
    gates: z.array(z.strictObject({ name: z.string(), passed: z.boolean(), detail: z.string() })),
    transition_id: z.string().nullable(),
    undo: z.string(),
    warnings,
  }),
  async handle(services, input, call) {
    const outcome = await services.registry.promote(
      {
        modelId: input.model_id,
        version: input.version,
        targetStage: input.target_stage,
        reason: input.reason,
        dryRun: input.dry_run,
        force: input.force,
        activate: input.activate,
      },
      call,
    );
    return {
      model_id: input.model_id,
      version: outcome.version,
      from_stage: outcome.fromStage,
      to_stage: outcome.toStage,
      applied: outcome.applied,
      archived: outcome.archived,
      gates: outcome.gates,
      transition_id: outcome.transitionId,
      undo: outcome.undo,
      warnings: outcome.warnings,
    };
  },
});
