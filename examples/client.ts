import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client as McpClient } from '@modelcontextprotocol/sdk/client/index.js';
import { getDefaultEnvironment, StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import type { z } from 'zod';
import { packageDirectory, packageVersion } from '../src/package_info.ts';
import { deployModel } from '../tools/deploy_model.ts';
import { detectDrift } from '../tools/detect_drift.ts';
import { getModel } from '../tools/get_model.ts';
import { getPerformance } from '../tools/get_performance.ts';
import { healthCheck } from '../tools/health_check.ts';
import { predict } from '../tools/predict.ts';
import { promoteModel } from '../tools/promote_model.ts';
import { recordOutcomes } from '../tools/record_outcomes.ts';
import { rollbackModel } from '../tools/rollback_model.ts';
import { searchModels } from '../tools/search_models.ts';
import { setReferenceData } from '../tools/set_reference_data.ts';
import { setTraffic } from '../tools/set_traffic.ts';
import { updateModel } from '../tools/update_model.ts';

/** The tools that the examples call, so that an answer has its tool's type. */
const tools = {
  deploy_model: deployModel,
  detect_drift: detectDrift,
  get_model: getModel,
  get_performance: getPerformance,
  health_check: healthCheck,
  predict,
  promote_model: promoteModel,
  record_outcomes: recordOutcomes,
  rollback_model: rollbackModel,
  search_models: searchModels,
  set_reference_data: setReferenceData,
  set_traffic: setTraffic,
  update_model: updateModel,
};
type ToolName = keyof typeof tools;
type Answer<Name extends ToolName> = z.output<(typeof tools)[Name]['output']>;
const outputs: { [Name in ToolName]: { output: z.ZodType<Answer<Name>> } } = tools;

export interface Client {
  /**
   * Calls a tool.
   * @throws with the tool's own words when it answers with an error
   */
  call<Name extends ToolName>(name: Name, given?: Record<string, unknown>): Promise<Answer<Name>>;
  close(): Promise<void>;
}

/** Starts the built server on the directory, with settings of its own if need be, and connects to it as MCP clients do. */
export type Connect = (settings?: Record<string, string>) => Promise<Client>;

/** Gives `run` servers on a store in a temporary directory, and removes it when they have ended. */
export async function inTemporaryStore(run: (connect: Connect) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'modelyard-example-'));
  const clients: Client[] = [];
  try {
    await run(async (settings) => {
      const client = await connect(directory, settings);
      clients.push(client);
      return client;
    });
  } finally {
    for (const client of clients) await client.close();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function connect(directory: string, settings: Record<string, string> = {}): Promise<Client> {
  const client = new McpClient({ name: 'modelyard-example', version: packageVersion });
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [join(packageDirectory, 'dist', 'src', 'main.js')],
      env: { ...getDefaultEnvironment(), MODEL_REGISTRY_DIR: directory, ...settings },
    }),
  );
  return {
    async call(name, given) {
      const result = CallToolResultSchema.parse(await client.callTool({ name, arguments: given ?? {} }));
      if (result.isError === true)
        throw new Error(result.content.map((part) => (part.type === 'text' ? part.text : '')).join(' '));
      return outputs[name].output.parse(result.structuredContent);
    },
    close: () => client.close(),
  };
}

/**
 * What the tool said that refused a call.
 * @throws when it did not refuse
 */
export async function refusal(call: Promise<unknown>): Promise<string> {
  const said = await call.then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  if (said === undefined) throw new Error('A call that had to be refused was not.');
  return said;
}
