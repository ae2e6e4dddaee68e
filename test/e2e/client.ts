import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import type { RequestOptions } from '@modelcontextprotocol/sdk/shared/protocol.js';
import {
  type CallToolResult,
  CallToolResultSchema,
  type ElicitRequestFormParams,
  ElicitRequestSchema,
  type ElicitResult,
} from '@modelcontextprotocol/sdk/types.js';
import { expect } from 'vitest';
import { z } from 'zod';
import { acknowledgeAlert } from '../../tools/acknowledge_alert.ts';
import { backtest } from '../../tools/backtest.ts';
import { compareModels } from '../../tools/compare_models.ts';
import { controlRollout } from '../../tools/control_rollout.ts';
import { deleteModel } from '../../tools/delete_model.ts';
import { deployModel } from '../../tools/deploy_model.ts';
import { detectDrift } from '../../tools/detect_drift.ts';
import { getModel } from '../../tools/get_model.ts';
import { getPerformance } from '../../tools/get_performance.ts';
import { getRollout } from '../../tools/get_rollout.ts';
import { healthCheck } from '../../tools/health_check.ts';
import { catalogue } from '../../tools/index.ts';
import { listAlerts } from '../../tools/list_alerts.ts';
import { listPredictions } from '../../tools/list_predictions.ts';
import { logPredictions } from '../../tools/log_predictions.ts';
import { predict } from '../../tools/predict.ts';
import { predictFile } from '../../tools/predict_file.ts';
import { promoteModel } from '../../tools/promote_model.ts';
import { recordOutcomes } from '../../tools/record_outcomes.ts';
import { registerModel } from '../../tools/register_model.ts';
import { resetCircuitBreaker } from '../../tools/reset_circuit_breaker.ts';
import { retireModel } from '../../tools/retire_model.ts';
import { rollbackModel } from '../../tools/rollback_model.ts';
import { searchModels } from '../../tools/search_models.ts';
import { setReferenceData } from '../../tools/set_reference_data.ts';
import { setTraffic } from '../../tools/set_traffic.ts';
import { startRollout } from '../../tools/start_rollout.ts';
import { syncMlflow } from '../../tools/sync_mlflow.ts';
import { updateModel } from '../../tools/update_model.ts';
import { scratchDirectory, serverEnvironment, serverFile, workingDirectory } from './environment.ts';
import { until } from './until.ts';

/** The catalogue by name, so that an answer has its tool's type. */
const tools = {
  deploy_model: deployModel,
  predict,
  promote_model: promoteModel,
  detect_drift: detectDrift,
  health_check: healthCheck,
  register_model: registerModel,
  search_models: searchModels,
  get_model: getModel,
  set_reference_data: setReferenceData,
  predict_file: predictFile,
  set_traffic: setTraffic,
  retire_model: retireModel,
  reset_circuit_breaker: resetCircuitBreaker,
  list_predictions: listPredictions,
  log_predictions: logPredictions,
  sync_mlflow: syncMlflow,
  record_outcomes: recordOutcomes,
  get_performance: getPerformance,
  rollback_model: rollbackModel,
  delete_model: deleteModel,
  compare_models: compareModels,
  backtest,
  update_model: updateModel,
  list_alerts: listAlerts,
  acknowledge_alert: acknowledgeAlert,
  start_rollout: startRollout,
  get_rollout: getRollout,
  control_rollout: controlRollout,
};
export type ToolName = keyof typeof tools;
export type ToolOutput<Name extends ToolName> = z.output<(typeof tools)[Name]['output']>;
const outputs: { [Name in ToolName]: { output: z.ZodType<ToolOutput<Name>> } } = tools;

type Arguments = Record<string, unknown>;

const errorContent = z.strictObject({
  error: z.strictObject({
    code: z.string().regex(/^[A-Z_]+$/),
    message: z.string().min(1),
    hint: z.string().min(1),
    retryable: z.boolean(),
  }),
});
export type ToolError = z.output<typeof errorContent>['error'];

export interface ServerOptions {
  /** Where the registry is and files may be read; its own, removed at the end, unless given. */
  directory?: string;
  settings?: Record<string, string>;
  flags?: string[];
  /** Another server's main file than the clone's. */
  file?: string;
  /** Makes the client one that can ask its person, who answers so; else it declares no elicitation. */
  person?: (asked: ElicitRequestFormParams, withdrawn: AbortSignal) => Promise<ElicitResult>;
}

export interface TestServer {
  client: Client;
  pid: number;
  directory: string;
  /** Tools that were called with success. */
  called: ReadonlySet<ToolName>;
  /** Calls a tool that must succeed; checks the result's form and gives its structured content. */
  call<Name extends ToolName>(name: Name, given?: Arguments): Promise<ToolOutput<Name>>;
  /** Calls a tool that must fail; checks the result's form and gives the error. */
  fail(name: ToolName, given?: Arguments, options?: RequestOptions): Promise<ToolError>;
  /** Calls a tool either way, unchecked. */
  attempt(name: string, given?: Arguments, options?: RequestOptions): Promise<CallToolResult>;
  /** What the server has written to standard error. */
  standardError(): string;
  /** Resolves when the server's process has ended and everything it wrote has arrived. */
  ended: Promise<void>;
  /** kill -9, and waits for the end. */
  kill(): Promise<void>;
  /** Ends the server as a client does, by closing its input, and removes its own directory. */
  close(): Promise<void>;
}

/** Starts the built server with a real MCP client on it. */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const scratch = options.directory === undefined ? scratchDirectory() : undefined;
  const directory = options.directory ?? scratch?.path ?? '';
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [options.file ?? serverFile, ...(options.flags ?? [])],
    env: serverEnvironment(directory, options.settings),
    cwd: workingDirectory,
    stderr: 'pipe',
  });
  let standardError = '';
  transport.stderr?.on('data', (chunk: Buffer) => {
    standardError += chunk.toString('utf8');
  });
  const { person } = options;
  const client = new Client(
    { name: 'modelyard-e2e', version: '1.0.0' },
    { capabilities: person === undefined ? {} : { elicitation: {} } },
  );
  if (person !== undefined)
    client.setRequestHandler(ElicitRequestSchema, ({ params }, { signal }) => {
      if (params.mode === 'url') throw new Error('A form was to be asked for.');
      return person(params, signal);
    });
  const ended = new Promise<void>((resolve) => {
    client.onclose = resolve;
  });
  await client.connect(transport);
  const { pid } = transport;
  if (pid === null) throw new Error(`The server ended at once: ${standardError}`);

  const called = new Set<ToolName>();
  const attempt: TestServer['attempt'] = async (name, given = {}, requestOptions) => {
    // How long a call may take is the test's to say: the SDK gives up after a minute, which a busy machine needs for two gigabytes.
    const options = { timeout: 600_000, ...requestOptions };
    return CallToolResultSchema.parse(await client.callTool({ name, arguments: given }, undefined, options));
  };
  return {
    client,
    pid,
    directory,
    called,
    attempt,
    async call(name, given) {
      const output = await until('the last calls to be counted', async () => {
        const result = await attempt(name, given);
        return !isBehind(name, result) && readSuccess(name, result);
      });
      called.add(name);
      return output;
    },
    fail: async (name, given, requestOptions) => readError(name, await attempt(name, given, requestOptions)),
    standardError: () => standardError,
    ended,
    async kill() {
      process.kill(pid, 'SIGKILL');
      await ended;
    },
    async close() {
      await client.close();
      scratch?.remove();
    },
  };
}

/** Whether an answer does without the last calls, which a slow machine has not counted yet, and says so. */
function isBehind(name: ToolName, result: CallToolResult): boolean {
  return (
    countsCalls.includes(name) &&
    /the last calls are not counted yet|the newest predictions may be missing/.test(textOf(result))
  );
}

const countsCalls: readonly ToolName[] = ['health_check', 'get_performance', 'compare_models'];

/** The text of a result: there is one; pictures, then links to files may follow it. */
function textOf({ content: [content, ...others] }: CallToolResult): string {
  const pictures = others.filter(({ type }) => type === 'image').length;
  expect(others.map(({ type }) => type)).toEqual(
    others.map((_, index) => (index < pictures ? 'image' : 'resource_link')),
  );
  return content?.type === 'text' ? content.text : '';
}

/** A success says the same in text and structured content, exactly in the form its tool declares. */
export function readSuccess<Name extends ToolName>(name: Name, result: CallToolResult): ToolOutput<Name> {
  const text = textOf(result);
  if (result.isError) throw new Error(`${name} failed: ${text}`);
  expect(JSON.parse(text)).toEqual(result.structuredContent);
  expect(catalogue).toContain(tools[name]);
  return outputs[name].output.parse(result.structuredContent);
}

/** An error reads `CODE: message hint` and says the same in its structured content. */
export function readError(name: ToolName, result: CallToolResult): ToolError {
  const text = textOf(result);
  if (result.isError !== true) throw new Error(`${name} succeeded: ${text.slice(0, 500)}`);
  const { error } = errorContent.parse(result.structuredContent);
  expect(text).toBe(`${error.code}: ${error.message} ${error.hint}`);
  return error;
}
