import { z } from 'zod';

const texts = z.record(z.string(), z.string());

/** What read_registry.py prints. */
export const registryView = z.object({
  models: z.record(
    z.string(),
    z.object({
      description: z.string(),
      tags: texts,
      aliases: z.record(z.string(), z.number()),
      versions: z.record(
        z.string(),
        z.object({
          stage: z.string(),
          tags: texts,
          description: z.string(),
          run_id: z.string(),
          status: z.string(),
        }),
      ),
    }),
  ),
  runs: z.array(
    z.object({
      run_id: z.string(),
      experiment_id: z.string(),
      name: z.string(),
      status: z.string(),
      params: texts,
      /** null: NaN. */
      metrics: z.record(z.string(), z.number().nullable()),
      tags: texts,
      /** By metric: time, step and value of every point. */
      history: z.record(z.string(), z.array(z.tuple([z.number(), z.number(), z.number()]))),
    }),
  ),
});
export type RegistryView = z.output<typeof registryView>;
