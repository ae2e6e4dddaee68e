import { z } from 'zod';
import type { Services } from '../../src/services.ts';

/** In the answer of a change that moves calls by itself: who gets them now, and which version runs as the shadow. */
export const trafficNow = {
  traffic: z
    .strictObject({ weights: z.record(z.string(), z.number()), shadow_version: z.string().nullable() })
    .optional(),
};

/** Nothing where no version has traffic. */
export async function trafficNowOf(services: Services, modelId: string) {
  const { route } = await services.serving.describeTraffic(modelId);
  return (
    route && {
      traffic: {
        weights: Object.fromEntries(route.weights),
        shadow_version: route.shadowVersion ?? null,
      },
    }
  );
}
