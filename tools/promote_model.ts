import { z } from 'zod';
import { describePreview } from './answers/preview.ts';
import { fittingAnswer } from './answers/room.ts';
import { notWhole, warnings } from './answers/schemas.ts';
import { storedNote, storedTexts } from './answers/stored_texts.ts';
import { trafficNow, trafficNowOf } from './answers/traffic_now.ts';
import { modelId, responseFormat, stage, version } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

/** Characters of the parts of a concise answer; gates have what is left. */
const most = { warnings: 1500, archived: 500 };

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
    response_format: responseFormat,
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
    not_whole: notWhole,
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
    const traffic = outcome.applied && input.activate && (await trafficNowOf(services, input.model_id));
    return fittingAnswer(input.response_format === 'detailed', (room) => {
      const preview = describePreview(outcome.preview, room);
      const told = room.items(outcome.warnings, 'warnings', most.warnings);
      const archived = room.items(outcome.archived, 'archived versions', most.archived);
      return {
        note: storedTexts,
        ...preview,
        model_id: input.model_id,
        version: outcome.version,
        from_stage: outcome.fromStage,
        to_stage: outcome.toStage,
        applied: outcome.applied,
        archived,
        ...traffic,
        undo: outcome.undo,
        // Those that fail first.
        gates: room.items(
          outcome.gates.toSorted((a, b) => Number(a.passed) - Number(b.passed)),
          `gates, those that fail first (${outcome.gates.filter(({ passed }) => !passed).length} fail)`,
        ),
        transition_id: outcome.transitionId,
        warnings: told,
        ...room.notWhole('All, moving nothing: dry_run=true with response_format=detailed.'),
      };
    });
  },
});
