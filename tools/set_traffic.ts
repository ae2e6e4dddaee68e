import { z } from 'zod';
import type { Route } from '../src/serving/routing.ts';
import { defineTool } from './define_tool.ts';
import { modelId, numberMap, version, warnings } from './schemas.ts';

const route = z.strictObject({
  active_version: z.string(),
  weights: z.record(z.string(), z.number()),
  shadow_version: z.string().nullable(),
  sticky: z.boolean(),
});

export const setTraffic = defineTool({
  name: 'set_traffic',
  title: 'Set traffic',
  description:
    'Decides which deployed versions answer a model\'s calls, in one atomic change: A/B or canary by weights that sum to 1 ({"1": 0.9, "2": 0.1}), a blue-green switch ({"2": 1}), a standby with weight 0 that takes over when the others\' circuit breakers are open, and a shadow_version that gets every call too but whose answers only go to the log. sticky keeps calls with an entity_key on their version, also when a canary grows. To deploy a version first call deploy_model with set_active=false. Next: health_check.',
  permission: 'WRITE',
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    weights: numberMap.describe('Version to share of the calls, 0..1'),
    shadow_version: version.optional(),
    sticky: z.boolean().default(true),
  }),
  output: z.strictObject({
    model_id: z.string(),
    previous: route.nullable(),
    current: route,
    warnings,
  }),
  async handle(services, input, { origin }) {
    const changed = await services.traffic.set(
      {
        modelId: input.model_id,
        weights: input.weights,
        shadowVersion: input.shadow_version,
        sticky: input.sticky,
      },
      origin,
    );
    return {
      model_id: input.model_id,
      previous: changed.previous === undefined ? null : describeRoute(changed.previous),
      current: describeRoute(changed.current),
      warnings: changed.warnings,
    };
  },
});

export function describeRoute(given: Route): z.output<typeof route> {
  return {
    active_version: given.activeVersion,
    weights: Object.fromEntries(given.weights),
    shadow_version: given.shadowVersion ?? null,
    sticky: given.sticky,
  };
}
