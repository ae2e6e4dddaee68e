import { z } from 'zod';
import { defineTool } from './define_tool.ts';
import { isoTime, modelId, version } from './schemas.ts';

export const deleteModel = defineTool({
  name: 'delete_model',
  title: 'Delete a model or version',
  description:
    'Deletes a version, or without version the model with all its versions, for good: only what is archived and not deployed. First call it with dry_run=true: the answer says what goes and has the confirm token that the deletion itself needs where no person can be asked. To only take a version out of use call retire_model or promote_model target_stage=archived.',
  permission: 'ADMIN',
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    version: version.optional(),
    reason: z.string().min(1).max(2000).optional(),
    dry_run: z.boolean().default(false),
    confirm: z.string().max(200).optional().describe('The token of a dry_run'),
  }),
  output: z.strictObject({
    model_id: z.string(),
    versions: z.array(z.string()),
    applied: z.boolean(),
    effects: z.array(z.string()),
    confirm: z.string().nullable(),
    confirm_expires_at: z.string().nullable(),
    bytes_freed: z.number(),
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
    return {
      model_id: input.model_id,
      versions: outcome.versions,
      applied: outcome.applied,
      effects: outcome.effects,
      confirm: outcome.confirm?.token ?? null,
      confirm_expires_at: outcome.confirm === undefined ? null : isoTime(outcome.confirm.expiresAt),
      bytes_freed: outcome.bytesFreed,
    };
  },
});
