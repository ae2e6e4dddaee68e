import { z } from 'zod';
import { roomFor } from './answers/room.ts';
import { isoTime, notWhole } from './answers/schemas.ts';
import { storedNote, storedTexts } from './answers/stored_texts.ts';
import { modelId, version } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

/** Characters of the effects in an answer. */
const effectCharacters = 3000;

export const deleteModel = defineTool({
  name: 'delete_model',
  title: 'Delete model',
  description:
    'Deletes a version, or without version the model, for good, if archived and not deployed. First dry_run=true: what would go, and the confirm token where no person can be asked. Out of use only: retire_model, promote_model target_stage=archived.',
  permission: 'ADMIN',
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    version: version.optional(),
    reason: z.string().min(1).max(2000).optional(),
    dry_run: z.boolean().default(false),
    confirm: z.string().max(200).optional(),
  }),
  output: z.strictObject({
    note: storedNote.optional(),
    preview: z.string().optional(),
    would_apply: z.boolean().optional(),
    model_id: z.string(),
    versions: z.array(z.string()),
    applied: z.boolean(),
    undo: z.string().optional(),
    effects: z.array(z.string()),
    confirm: z.string().nullable(),
    confirm_expires_at: z.string().nullable(),
    bytes_freed: z.int(),
    not_whole: notWhole,
  }),
  async handle(services, input, call) {
    const outcome = await services.registry.delete(
      {
        modelId: input.model_id,
        version: input.version,
        reason: input.reason,
        dryRun: input.dry_run,
        confirm: input.confirm,
      },
      call,
    );
    const room = roomFor(false);
    const effects = room.items(outcome.effects, 'effects', effectCharacters);
    return {
      note: storedTexts,
      ...(input.dry_run && {
        preview: `Would be done where a person agreed, or with confirm: ${outcome.versions.length} version${outcome.versions.length === 1 ? '' : 's'} would be deleted for good.`,
        would_apply: true,
      }),
      model_id: input.model_id,
      versions: room.items(outcome.versions, 'versions'),
      applied: outcome.applied,
      undo: `Cannot be undone${input.dry_run ? ' once it is done' : ''}: the names are never given again. History, audit trail and logged predictions stay; the file can be registered under another name.`,
      effects,
      confirm: outcome.confirm?.token ?? null,
      confirm_expires_at: outcome.confirm === undefined ? null : isoTime(outcome.confirm.expiresAt),
      bytes_freed: outcome.bytesFreed,
      ...room.notWhole(input.dry_run ? 'All: search_models with model_id.' : 'All are deleted.'),
    };
  },
});
