import { z } from 'zod';
import { defineTool } from './define_tool.ts';
import { modelId } from './schemas.ts';

export const syncMlflow = defineTool({
  name: 'sync_mlflow',
  title: 'Sync with MLflow',
  description:
    'Compares the registry with MLflow now instead of in the background. push sends versions, tags, aliases and stages that MLflow lacks, tries again what it refused, and lists what is left; with model_id it also makes anew what was deleted in MLflow. pull registers versions that were made in MLflow. What both sides changed differently is reported in failed, never overwritten. Not needed in daily use.',
  permission: 'WRITE',
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: true },
  input: z.strictObject({
    model_id: modelId.optional().describe('Only this model'),
    direction: z.enum(['push', 'pull']).default('push'),
  }),
  output: z.strictObject({
    queued: z.number(),
    sent: z.number(),
    failed: z.array(z.strictObject({ what: z.string(), why: z.string() })),
    connected: z.boolean(),
  }),
  handle: (services, input, { origin, signal, progress }) =>
    services.mlflow.sync({ modelId: input.model_id, direction: input.direction }, origin, progress, signal),
});
