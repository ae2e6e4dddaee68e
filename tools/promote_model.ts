import { z } from 'zod';
import { describePreview } from './answers/preview.ts';
import { warnings } from './answers/schemas.ts';
import { storedNote, storedTexts } from './answers/stored_texts.ts';
import { trafficNow, trafficNowOf } from './answers/traffic_now.ts';
import { modelId, stage, version } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

export const promoteModel = defineTool({
  name: 'promote_model',
  title: 'Promote model',
  description:
    'Moves the stage: development → staging → production → archived → development. Production archives the one there, in one transaction. Traffic moves only with activate=true, which deploys too. Gates run first; dry_run previews. Undo: rollback_model.',
  permission: 'WRITE',
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    version,
    target_stage: stage,
    reason: z.string().min(1).max(2000).optional(),
    dry_run: z.boolean().default(false),
    force: z.boolean().default(false).describe('Despite failing gates; admin'),
    activate: z.boolean().default(false),
  }),
  output: z.strictObject({
    note: storedNote.optional(),
    preview: z.string().optional(),
    would_apply: z.boolean().optional(),
    would_archive: z.array(z.string()).optional(),
    model_id: z.string(),
    version: z.string(),
    from_stage: stage,
    to_stage: stage,
    applied: z.boolean(),
    archived: z.array(z.string()),
    ...trafficNow,
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
      note: storedTexts,
      ...describePreview(outcome.preview),
      model_id: input.model_id,
      version: outcome.version,
      from_stage: outcome.fromStage,
      to_stage: outcome.toStage,
      applied: outcome.applied,
      archived: outcome.archived,
      ...(outcome.applied && input.activate && (await trafficNowOf(services, input.model_id))),
      undo: outcome.undo,
      gates: outcome.gates,
      transition_id: outcome.transitionId,
      warnings: outcome.warnings,
    };
  },
});
