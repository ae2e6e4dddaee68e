import { z } from 'zod';
import { storedNote, storedTexts } from './answers/stored_texts.ts';
import { modelId } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

const undone = {
  push: 'Cannot be undone from here: what was sent stays in MLflow, where it can be removed.',
  pull: 'By hand: promote_model a registered version to archived, then delete_model it; its name is not given again.',
};

export const syncMlflow = defineTool({
  name: 'sync_mlflow',
  title: 'Sync with MLflow',
  description:
    'Compares with MLflow now, not in the background; seldom needed. push sends what it lacks, retries what it refused, lists what is left; with model_id remakes what was deleted there. pull registers versions made there. Conflicts: in failed, never overwritten.',
  permission: 'WRITE',
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: true },
  input: z.strictObject({
    model_id: modelId.optional(),
    direction: z.enum(['push', 'pull']).default('push'),
  }),
  output: z.strictObject({
    note: storedNote.optional(),
    queued: z.int(),
    sent: z.int(),
    failed: z.array(z.strictObject({ what: z.string(), why: z.string() })),
    connected: z.boolean(),
    undo: z.string().optional(),
  }),
  async handle(services, input, { origin, signal, progress }) {
    const wanted = { modelId: input.model_id, direction: input.direction };
    const outcome = await services.mlflow.sync(wanted, origin, progress, signal);
    return {
      note: storedTexts,
      ...outcome,
      ...(outcome.sent > 0 && { undo: undone[wanted.direction] }),
    };
  },
});
