import { z } from 'zod';
import { warnings } from './answers/schemas.ts';
import { undoRetirement } from './answers/undo.ts';
import { modelId, version } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

export const retireModel = defineTool({
  name: 'retire_model',
  title: 'Retire model',
  description:
    "Unloads a deployed version once calls under way are answered; it stays registered, in its stage (promote_model). Refused while it carries traffic unless force=true; then the route's others share its part.",
  permission: 'WRITE',
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: false },
  input: z.strictObject({ model_id: modelId, version, force: z.boolean().default(false) }),
  output: z.strictObject({
    model_id: z.string(),
    version: z.string(),
    retired: z.literal(true),
    active_version: z.string().nullable(),
    undo: z.string().optional(),
    warnings,
  }),
  async handle(services, input, call) {
    const retired = await services.serving.retire(
      { modelId: input.model_id, version: input.version, force: input.force },
      call,
    );
    return {
      model_id: input.model_id,
      version: retired.version,
      retired: true as const,
      active_version: retired.current?.activeVersion ?? null,
      undo: undoRetirement({ modelId: input.model_id, version: retired.version }, retired),
      warnings: retired.warnings,
    };
  },
});
