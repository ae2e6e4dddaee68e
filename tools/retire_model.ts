import { z } from 'zod';
import { defineTool } from './define_tool.ts';
import { modelId, version, warnings } from './schemas.ts';

export const retireModel = defineTool({
  name: 'retire_model',
  title: 'Retire a model version',
  description:
    'Takes a deployed version out of service: no new calls reach it, those under way are answered, then it is unloaded. It stays registered and can be deployed again. Refuses a version that carries traffic unless force=true; then the other versions of the route share its part. It does not change the stage: for that call promote_model.',
  permission: 'WRITE',
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: false },
  input: z.strictObject({ model_id: modelId, version, force: z.boolean().default(false) }),
  output: z.strictObject({
    model_id: z.string(),
    version: z.string(),
    retired: z.literal(true),
    active_version: z.string().nullable(),
    warnings,
  }),
  async handle(services, input, { origin }) {
    const retired = await services.traffic.retire(
      { modelId: input.model_id, version: input.version, force: input.force },
      origin,
    );
    return {
      model_id: input.model_id,
      version: retired.version,
      retired: true as const,
      active_version: retired.current?.activeVersion ?? null,
      warnings: retired.warnings,
    };
  },
});
