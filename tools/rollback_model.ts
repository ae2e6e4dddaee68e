import { z } from 'zod';
import { defineTool } from './define_tool.ts';
import { modelId, version, warnings } from './schemas.ts';

export const rollbackModel = defineTool({
  name: 'rollback_model',
  title: 'Roll a model back',
  description:
    'Takes production back to the version that was there before (or the one named) and all traffic with it, in one transaction; the present version is archived. Called twice it goes two versions back. Use it when a promotion turns out bad; dry_run=true shows where it would go. To go forward call promote_model. Next: health_check.',
  permission: 'WRITE',
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    to_version: version.optional(),
    reason: z.string().min(1).max(2000),
    dry_run: z.boolean().default(false),
  }),
  output: z.strictObject({
    model_id: z.string(),
    from_version: z.string().nullable(),
    to_version: z.string(),
    applied: z.boolean(),
    previous_active: z.string().nullable(),
    active: z.string().nullable(),
    transition_id: z.string().nullable(),
    undo: z.string(),
    warnings,
  }),
  async handle(services, input, call) {
    const outcome = await services.registry.rollback(
      {
        modelId: input.model_id,
        toVersion: input.to_version,
        reason: input.reason,
        dryRun: input.dry_run,
      },
      call,
    );
    return {
      model_id: input.model_id,
      from_version: outcome.fromVersion,
      to_version: outcome.toVersion,
      applied: outcome.applied,
      previous_active: outcome.previousActive,
      active: outcome.applied && outcome.previousActive !== null ? outcome.toVersion : outcome.previousActive,
      transition_id: outcome.transitionId,
      undo: outcome.undo,
      warnings: outcome.warnings,
    };
  },
});
