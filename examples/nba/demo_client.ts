import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { getDefaultEnvironment, StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { z } from 'zod';
import { packageDirectory, packageVersion } from '../../src/package_info.ts';

/** The parts of the answers that the demo looks at. */
const predictAnswer = z.object({
  version: z.string(),
  route: z.string(),
  predictions: z.array(
    z.object({
      prediction_id: z.string(),
      value: z.unknown(),
      probabilities: z.record(z.string(), z.number()).optional(),
    }),
  ),
});
const searchAnswer = z.object({
  models: z.array(z.object({ version: z.string(), metrics: z.record(z.string(), z.number()) })),
});
const driftAnswer = z.object({
  is_drift: z.boolean(),
  drifted_features: z.array(z.string()),
  results: z.array(
    z.object({
      feature: z.string(),
      score: z.number().nullable(),
      is_drift: z.boolean(),
      reference_median: z.number().optional(),
      current_median: z.number().optional(),
    }),
  ),
  window: z.object({ rows: z.number() }),
  recommendation: z.string(),
});
const performanceAnswer = z.object({
  metrics: z.record(
    z.string(),
    z.object({ value: z.number().nullable(), interval: z.array(z.number()).nullable() }),
  ),
});
const healthAnswer = z.object({
  status: z.string(),
  models: z.array(
    z.object({
      model_id: z.string(),
      version: z.string(),
      stage: z.string(),
      active: z.boolean(),
      status: z.string(),
      request_count: z.number(),
      error_count: z.number(),
      latency_ms: z.object({ p50: z.number().nullable() }),
    }),
  ),
});

type Arguments = Record<string, unknown>;

export interface DemoClient {
  /** Calls a tool; throws with the tool's own words when it answers with an error. */
  call(name: string, given: Arguments): Promise<Record<string, unknown>>;
  predict(given: Arguments): Promise<z.output<typeof predictAnswer>>;
  search(given: Arguments): Promise<z.output<typeof searchAnswer>>;
  drift(given: Arguments): Promise<z.output<typeof driftAnswer>>;
  performance(given: Arguments): Promise<z.output<typeof performanceAnswer>>;
  health(given: Arguments): Promise<z.output<typeof healthAnswer>>;
  close(): Promise<void>;
}

/** Starts the built server on `directory`, as an MCP client does, and connects to it. */
export async function connect(directory: string): Promise<DemoClient> {
  const client = new Client({ name: 'modelyard-demo', version: packageVersion });
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [join(packageDirectory, 'dist', 'src', 'main.js')],
      env: { ...getDefaultEnvironment(), MODEL_REGISTRY_DIR: directory },
    }),
  );
  const call = async (name: string, given: Arguments) => {
    const result = await client.callTool({ name, arguments: given });
    if (result.isError === true) throw new Error(JSON.stringify(result.content));
    return z.record(z.string(), z.unknown()).parse(result.structuredContent);
  };
  return {
    call,
    predict: async (given) => predictAnswer.parse(await call('predict', given)),
    search: async (given) => searchAnswer.parse(await call('search_models', given)),
    drift: async (given) => driftAnswer.parse(await call('detect_drift', given)),
    performance: async (given) => performanceAnswer.parse(await call('get_performance', given)),
    health: async (given) => healthAnswer.parse(await call('health_check', given)),
    close: () => client.close(),
  };
}
