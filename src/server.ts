import { setImmediate as turn } from 'node:timers/promises';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import {
  CallToolRequestSchema,
  type CallToolResult,
  ErrorCode,
  type Implementation,
  ListToolsRequestSchema,
  LoggingLevelSchema,
  McpError,
  type ServerNotification,
  SetLevelRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import type { jsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/types.js';
import { z } from 'zod';
import type { CallContext, Tool } from '../tools/define_tool.ts';
import { lackingTools } from './access/known_tools.ts';
import type { Caller } from './access/roles.ts';
import { visibleText } from './access/shown_text.ts';
import { callOrder } from './call_order.ts';
import { instructionsFor } from './instructions.ts';
import type { AlertMessage } from './monitoring/alerts/index.ts';
import { packageVersion } from './package_info.ts';
import { isPlainObject } from './plain_object.ts';
import { resourceReading } from './resource_reading.ts';
import type { Services } from './services.ts';
import type { Logger } from './telemetry/logger.ts';
import { traceIdOf } from './telemetry/trace_context.ts';
import { toolResult, toolResultJson } from './tool_answer.ts';
import { type ListedTool, toolsFor } from './tool_list.ts';
import { isOffered, setsOf, type Toolset } from './toolsets.ts';
import { type AskingDependencies, createAsking } from './transports/asking.ts';
import { type DirectCall, type DirectCalls, directCalls } from './transports/direct_calls.ts';
import { offerPrompts } from './transports/prompt_requests.ts';
import { offerResources, offerSubscriptions } from './transports/resource_requests.ts';
import { type KnownLinks, writtenFiles } from './written_files.ts';

/** Arguments that are no object, by the empty object that stands for them: the SDK would refuse them in its own words. */
const oddArguments = new WeakMap<object, unknown>();

/** A call with its arguments as they came: the SDK's own schema drops an argument named __proto__ without a word. */
const callSchema = CallToolRequestSchema.extend({
  params: CallToolRequestSchema.shape.params.extend({
    arguments: z
      .unknown()
      .transform((given): Record<string, unknown> => {
        if (isPlainObject(given)) return given;
        const stand = {};
        oddArguments.set(stand, given);
        return stand;
      })
      .optional(),
  }),
});

export interface ServerDependencies extends AskingDependencies {
  catalogue: () => Promise<readonly Tool[]>;
  toolList: () => Promise<readonly ListedTool[]>;
  services: () => Promise<Services>;
  /** Told when the tools have been listed and when one is called: time to load what calls need. */
  needed: () => void;
  caller: Caller;
  /** The folders that tools read files from. */
  roots: readonly string[];
  /** The sets of tools that are offered; undefined: all. */
  toolsets?: readonly Toolset[] | undefined;
  /** What a session keeps that other processes answer too; undefined: this one alone has it. */
  shared?: SharedSession;
}

interface SharedSession {
  links: KnownLinks;
  /** Keeps the level from which on the client wants log messages. */
  keepLogLevel(level: string): Promise<void>;
  /** Whether calls of the tool are answered at once, and nothing is said to the client meanwhile. */
  answersAtOnce(tool: Tool): boolean;
}

/** The MCP server over the catalogue of tools; together with the transports the only user of the SDK. */
export interface ModelYardServer {
  server: Server;
  /** Calls of tools that a transport takes past the SDK. */
  directCalls: DirectCalls;
  /** Loads the tools and what calls them. */
  prepare(): Promise<unknown>;
}

export function createServer(dependencies: ServerDependencies): ModelYardServer {
  const { catalogue, toolList, services, needed, caller, roots, toolsets, logger, shared } = dependencies;
  const server = new Server(
    { name: 'modelyard', title: 'ModelYard', version: packageVersion },
    {
      capabilities: {
        tools: {},
        // A session that other processes answer too is not told of changes: docs/decisions/0055-resources-as-views.md.
        resources: shared === undefined ? { subscribe: true } : {},
        prompts: {},
        completions: {},
        logging: {},
      },
      instructions: instructionsFor(caller, toolsets),
      jsonSchemaValidator: anyAnswer,
    },
  );
  server.onerror = (error) => logger.warn('a protocol message could not be handled', { error });

  const order = callOrder();
  const askerOf = createAsking(server, dependencies);
  let loaded: Loaded | undefined;
  let loading: Promise<Loaded> | undefined;
  const ready = () => {
    loading ??= Promise.all([catalogue(), import('./pipeline.ts')]).then(
      ([tools, { callTool, carryOut }]) => {
        const byName = new Map(tools.map((tool) => [tool.name, tool]));
        loaded = { byName, callTool, carryOut, lacking: lackingTools(tools, caller, toolsets) };
        return loaded;
      },
    );
    return loading;
  };
  let named: { client: Implementation | undefined; caller: Caller } | undefined;
  const callerNow = () => {
    const client = server.getClientVersion();
    if (named === undefined || named.client !== client)
      named = { client, caller: { ...caller, client: client && shownClient(client) } };
    return named.caller;
  };
  const files = writtenFiles(shared?.links);
  const answer = async ({ callTool, lacking }: Loaded, tool: Tool, given: unknown, call: DirectCall) => {
    const answered = await callTool({ services, order, logger, lacking }, tool, given, {
      caller: callerNow(),
      ask: askerOf(call),
      progress: progressReporter(call.progressToken, call.notify),
      cancelling: call.cancelling,
      traceId: traceIdOf(call.traceparent),
    });
    if (answered.attachments.length > 0)
      await files.remember(answered.attachments.flatMap((one) => (one.type === 'resource_link' ? one : [])));
    return answered;
  };

  let listed: Promise<{ tools: object[] }> | undefined;
  server.setRequestHandler(ListToolsRequestSchema, () => {
    listed ??= toolList().then((list) => {
      // The answer goes out first.
      setImmediate(needed);
      return toolsFor(list, caller, toolsets);
    });
    return listed;
  });

  const promptArguments = offerPrompts(server, async () => ({
    lacking: lackingTools(
      (await toolList()).map(({ permission, told: { name } }) => ({ permission, name })),
      caller,
      toolsets,
    ),
    roots,
  }));

  const reading = async (cancelling: AbortSignal) => {
    // The list of tools goes first: what loads for the others would hold it up.
    await turn();
    await listed?.catch(() => undefined);
    needed();
    const { byName: tools, lacking, ...pipeline } = await ready();
    const call = { caller: callerNow(), cancelling };
    return resourceReading({ dependencies: { services, order, logger, lacking }, tools, pipeline, call });
  };
  offerResources(server, {
    files,
    readable: async () => (await services()).settings,
    reading,
    promptArguments,
  });
  if (shared === undefined) offerSubscriptions(server, reading);

  server.setRequestHandler(callSchema, async (request, extra): Promise<CallToolResult> => {
    needed();
    const { name, arguments: taken = {}, _meta: meta } = request.params;
    const given = oddArguments.has(taken) ? oddArguments.get(taken) : taken;
    const found = await ready();
    const tool = found.byName.get(name);
    if (tool === undefined) {
      const known = [...found.byName.keys()].filter((other) => !found.lacking.includes(other)).join(', ');
      throw new McpError(ErrorCode.InvalidParams, `There is no tool ${name.slice(0, 100)}. Tools: ${known}.`);
    }
    if (!isOffered(name, toolsets))
      throw new McpError(
        ErrorCode.InvalidParams,
        `${name} is not offered here: it is in the toolset ${setsOf(name).join(' and in ')}. The server was started with --toolsets ${toolsets?.join(',')} (or MODELYARD_TOOLSETS); add one that has it.`,
      );
    const { signal, requestId, sendNotification: notify } = extra;
    const call: DirectCall = {
      requestId,
      progressToken: meta?.progressToken,
      traceparent: meta?.traceparent,
      notify,
      cancelling: signal,
    };
    return toolResult(await answer(found, tool, given, call));
  });

  if (shared !== undefined)
    server.setRequestHandler(SetLevelRequestSchema, async ({ params: { level } }) => {
      await shared.keepLogLevel(level);
      return {};
    });

  const find = (name: string) => {
    const found = loaded;
    const tool = found?.byName.get(name);
    if (found === undefined || tool === undefined || shared?.answersAtOnce(tool) === false) return undefined;
    if (!isOffered(name, toolsets)) return undefined;
    return async (given: unknown, call: DirectCall) => toolResultJson(await answer(found, tool, given, call));
  };
  return {
    server,
    directCalls: directCalls(find, (notification) => server.notification(notification)),
    prepare: ready,
  };
}

interface Loaded {
  byName: ReadonlyMap<string, Tool>;
  callTool: typeof import('./pipeline.ts').callTool;
  carryOut: typeof import('./pipeline.ts').carryOut;
  lacking: readonly string[];
}

/** The client's name and version as it gave them, cut and on one line: they go to logs, the audit trail and screens. */
function shownClient({ name, version }: Implementation): string {
  return `${visibleText(name, 100)} ${visibleText(version, 50)}`;
}

/** The SDK's own is a compiler of JSON schemas, which is loaded for nothing else; what is answered is looked at below. */
const anyAnswer: jsonSchemaValidator = {
  // The type of the answer is the asking code's to claim, as it is with the SDK's own validator.
  getValidator: () => (input) => ({ valid: true, data: input as never, errorMessage: undefined }),
};

/** How grave an alert is, in the words of the protocol. */
const alertLevel = { info: 'info', warning: 'warning', critical: 'critical' } as const;

/**
 * Tells the client of an alert as a log message.
 * @param from the level from which on it wants them; undefined: as the server itself knows it, all when none was set
 */
export function tellAlert(server: Server, message: AlertMessage, logger: Logger, from?: string): void {
  const level = message.event === 'resolved' ? 'notice' : alertLevel[message.severity];
  if (from !== undefined && levels.indexOf(level) < levels.indexOf(from)) return;
  server
    .sendLoggingMessage({ level, logger: 'modelyard.alerts', data: message })
    .catch((error: unknown) => logger.debug('the client could not be told of an alert', { error }));
}

/** From the least grave on. */
const levels: readonly string[] = LoggingLevelSchema.options;

const nobodyAsked: CallContext['progress'] = () => undefined;

function progressReporter(
  token: string | number | undefined,
  send: (notification: ServerNotification) => Promise<void>,
): CallContext['progress'] {
  if (token === undefined) return nobodyAsked;
  let last = Number.NEGATIVE_INFINITY;
  return (done, total, message) => {
    // The protocol asks for a greater value each time.
    if (done <= last) return;
    last = done;
    // A client that has gone away needs no progress.
    send({
      method: 'notifications/progress',
      params: { progressToken: token, progress: done, total, message },
    }).catch(() => undefined);
  };
}
