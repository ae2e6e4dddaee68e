import { z } from 'zod';

// What MLflow's REST interface (2.0) answers, of which only the members in use are read. Those that it leaves out of an
// answer are empty here.

const pairs = z
  .array(z.object({ key: z.string(), value: z.string() }))
  .default([])
  .transform((list) => new Map(list.map(({ key, value }) => [key, value])));

/** The last point of each metric; NaN and infinities come as texts. */
const latestMetrics = z
  .array(
    z.object({
      key: z.string(),
      value: z.union([z.number(), z.string()]).transform(Number),
      timestamp: z.coerce.number().default(0),
      step: z.coerce.number().default(0),
    }),
  )
  .default([])
  .transform((list) => new Map(list.map((metric) => [metric.key, metric])));

export const run = z.object({
  info: z.object({
    run_id: z.string(),
    experiment_id: z.string(),
    artifact_uri: z.string(),
    status: z.string().default(''),
  }),
  data: z
    .object({ metrics: latestMetrics, params: pairs, tags: pairs })
    .default({ metrics: new Map(), params: new Map(), tags: new Map() }),
  outputs: z
    .object({ model_outputs: z.array(z.object({ model_id: z.string() })).default([]) })
    .default({ model_outputs: [] }),
});
export type Run = z.output<typeof run>;

export const runPage = z.object({ runs: z.array(run).default([]), next_page_token: z.string().default('') });

export const loggedModel = z.object({
  info: z.object({
    model_id: z.string(),
    name: z.string().default(''),
    artifact_uri: z.string(),
    source_run_id: z.string().optional(),
    creation_timestamp_ms: z.coerce.number().default(0),
    tags: pairs,
  }),
  data: z
    .object({ metrics: latestMetrics, params: pairs })
    .default({ metrics: new Map(), params: new Map() }),
});
export type LoggedModel = z.output<typeof loggedModel>;

export const modelVersion = z.object({
  name: z.string(),
  version: z.coerce.number().int(),
  current_stage: z.string().default('None'),
  description: z.string().default(''),
  source: z.string().default(''),
  run_id: z.string().default(''),
  status: z.string().default('READY'),
  tags: pairs,
});
export type ModelVersion = z.output<typeof modelVersion>;

export const versionPage = z.object({
  model_versions: z.array(modelVersion).default([]),
  next_page_token: z.string().default(''),
});

export const registeredModel = z.object({
  name: z.string(),
  description: z.string().default(''),
  tags: pairs,
  aliases: z
    .array(z.object({ alias: z.string(), version: z.coerce.number().int() }))
    .default([])
    .transform((list) => new Map(list.map(({ alias, version }) => [alias, version]))),
});
export type RegisteredModel = z.output<typeof registeredModel>;
