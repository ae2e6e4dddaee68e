import { z } from 'zod';
import type { Services } from '../src/services.ts';
import type { Route } from '../src/serving/routing.ts';
import { warnings } from './answers/schemas.ts';
import { undoTraffic } from './answers/undo.ts';
import { modelId, numberMap, version } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

const route = z.strictObject({
  active_version: z.string(),
  weights: z.record(z.string(), z.number()),
  shadow_version: z.string().nullable(),
  sticky: z.boolean(),
});

export const setTraffic = defineTool({
  name: 'set_traffic',
  title: 'Set traffic',
  description: `Sets at once which deployed versions answer: weights summing to 1 for A/B or canary ({"1": 0.9, "2": 0.1}) or blue-green ({"2": 1}); 0: standby while the others' circuit breakers are open; shadow_version gets each call too, answers only to the log. sticky keeps an entity_key on its version, also as a canary grows. First: deploy_model set_active=false. Next: health_check.`,
  permission: 'WRITE',
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    weights: numberMap,
    shadow_version: version.optional(),
    sticky: z.boolean().default(true),
  }),
  output: z.strictObject({
    model_id: z.string(),
    previous: route.nullable(),
    current: route,
    undo: z.string().optional(),
    warnings,
  }),
  async handle(services, input, call) {
    const changed = await services.serving.setTraffic(
      {
        modelId: input.model_id,
        weights: input.weights,
        shadowVersion: input.shadow_version,
        sticky: input.sticky,
      },
      call,
    );
    return {
      model_id: input.model_id,
      previous: changed.previous === undefined ? null : describeRoute(changed.previous),
      current: describeRoute(changed.current),
      undo: undoTraffic(input.model_id, changed.previous, changed.current),
      warnings: [...changed.warnings, ...(await stickyWarnings(services, input.model_id, changed.current))],
    };
  },
});

/** Newest logged calls that are checked. */
const lookedAt = 25;

/** Warns where sticky routing has no effect because calls have no entity key. */
async function stickyWarnings(
  services: Services,
  modelId: string,
  { sticky, weights }: Route,
): Promise<string[]> {
  if (!sticky || weights.filter(([, weight]) => weight > 0).length < 2) return [];
  const { predictions } = await services.log.list({
    modelId,
    only: 'all',
    limit: lookedAt,
  });
  const without = predictions.filter(({ entityKey }) => entityKey === null).length;
  if (predictions.length > 0 && without === 0) return [];
  const seen = predictions.length === 0 ? '' : ` (${without} of the last ${predictions.length} had none)`;
  return [`sticky works by the entity_key of a call: calls without one${seen} are spread anew each time.`];
}

function describeRoute(given: Route): z.output<typeof route> {
  return {
    active_version: given.activeVersion,
    weights: Object.fromEntries(given.weights),
    shadow_version: given.shadowVersion ?? null,
    sticky: given.sticky,
  };
}
