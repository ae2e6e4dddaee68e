import { z } from 'zod';
import { describePreview } from './answers/preview.ts';
import { roomFor } from './answers/room.ts';
import { notWhole, warnings } from './answers/schemas.ts';
import { trafficNow, trafficNowOf } from './answers/traffic_now.ts';
import { modelId, version } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

export const rollbackModel = defineTool({
  name: 'rollback_model',
  title: 'Roll back model',
  description:
    'Takes production and all traffic back to the version before (or to_version) in one transaction, archiving the present one; twice goes two back. For a bad promotion; dry_run previews. Forward: promote_model.',
  permission: 'WRITE',
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    to_version: version.optional(),
    reason: z.string().min(1).max(2000),
    dry_run: z.boolean().default(false),
  }),
  output: z.strictObject({
    preview: z.string().optional(),
    would_apply: z.boolean().optional(),
    would_archive: z.array(z.string()).optional(),
    model_id: z.string(),
    from_version: z.string().nullable(),
    to_version: z.string(),
    applied: z.boolean(),
    previous_active: z.string().nullable(),
    active: z.string().nullable(),
    ...trafficNow,
    transition_id: z.string().nullable(),
    undo: z.string(),
    warnings,
    not_whole: notWhole,
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
    const room = roomFor(false);
    return {
      ...describePreview(outcome.preview, room),
      model_id: input.model_id,
      from_version: outcome.fromVersion,
      to_version: outcome.toVersion,
      applied: outcome.applied,
      previous_active: outcome.previousActive,
      active: outcome.applied && outcome.previousActive !== null ? outcome.toVersion : outcome.previousActive,
      ...(outcome.applied && (await trafficNowOf(services, input.model_id))),
      transition_id: outcome.transitionId,
      undo: outcome.undo,
      warnings: room.items(outcome.warnings, 'warnings'),
      ...room.notWhole('The rest: get_model.'),
    };
  },
});
