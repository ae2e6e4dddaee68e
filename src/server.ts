import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import {
  CallToolRequestSchema,
  type CallToolResult,
  ErrorCode,
  type Implementation,
  ListResourcesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  type ServerNotification,
} from '@modelcontextprotocol/sdk/types.js';
import type { jsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/types.js';
import { z } from 'zod';
import type { CallContext, Tool } from '../tools/define_tool.ts';
import type { Ask } from './access/approval.ts';
import { lackingTools } from './access/known_tools.ts';
import type { Caller } from './access/roles.ts';
import { visibleText } from './access/shown_text.ts';
import { callOrder } from './call_order.ts';
import { signalOf } from './cancelling.ts';
import { ModelYardError, messageOf } from './errors.ts';
import { instructionsFor } from './instructions.ts';
import { packageVersion } from './package_info.ts';
import { isPlainObject } from './plain_object.ts';
import type { Services } from './services.ts';
import type { Logger } from './telemetry/logger.ts';
import { traceIdOf } from './telemetry/trace_context.ts';
import { toolResult, toolResultJson } from './tool_answer.ts';
import { type ListedTool, toolsFor } from './tool_list.ts';
import { type DirectCall, type DirectCalls, directCalls } from './transports/direct_calls.ts';
import { writtenFiles } from './written_files.ts';

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

export interface ServerDependencies {
  catalogue: () => Promise<readonly Tool[]>;
  toolList: () => Promise<readonly ListedTool[]>;
  services: () => Promise<Services>;
  /** Told when the tools have been listed and when one is called: time to load what calls need. */
  needed: () => void;
  caller: Caller;
  /** How long a question to the person at the client waits for the answer, milliseconds. */
  askTimeoutMs: number;
  /** Aborted when the client's input ends: from then on nobody answers. */
  inputEnded: AbortSignal;
  logger: Logger;
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
  const { catalogue, toolList, services, needed, caller, logger } = dependencies;
  const server = new Server(
    { name: 'modelyard', title: 'ModelYard', version: packageVersion },
    {
      capabilities: { tools: {}, resources: {}, logging: {} },
      instructions: instructionsFor(caller),
      jsonSchemaValidator: anyAnswer,
    },
  );
  server.onerror = (error) => logger.warn('a protocol message could not be handled', { error });

  const order = callOrder();
  const askerOf = createAsking(server, dependencies);
  let loaded: Loaded | undefined;
  let loading: Promise<Loaded> | undefined;
  const ready = () => {
    loading ??= Promise.all([catalogue(), import('./pipeline.ts')]).then(([tools, { callTool }]) => {
      const byName = new Map(tools.map((tool) => [tool.name, tool]));
      loaded = { byName, callTool, lacking: lackingTools(tools, caller) };
      return loaded;
    });
    return loading;
  };
  let named: { client: Implementation | undefined; caller: Caller } | undefined;
  const callerNow = () => {
    const client = server.getClientVersion();
    if (named === undefined || named.client !== client)
      named = { client, caller: { ...caller, client: client && shownClient(client) } };
    return named.caller;
  };
  const files = writtenFiles();
  const answer = async ({ callTool, lacking }: Loaded, tool: Tool, given: unknown, call: DirectCall) => {
    const answered = await callTool({ services, order, logger, lacking }, tool, given, {
      caller: callerNow(),
      ask: askerOf(call),
      progress: progressReporter(call.progressToken, call.notify),
      cancelling: call.cancelling,
      traceId: traceIdOf(call.traceparent),
    });
    if (answered.attachments.length > 0)
      files.remember(answered.attachments.flatMap((one) => (one.type === 'resource_link' ? one : [])));
    return answered;
  };

  let listed: Promise<{ tools: object[] }> | undefined;
  server.setRequestHandler(ListToolsRequestSchema, () => {
    listed ??= toolList().then((list) => {
      // The answer goes out first.
      setImmediate(needed);
      return toolsFor(list, caller);
    });
    return listed;
  });

  server.setRequestHandler(ListResourcesRequestSchema, () => ({ resources: files.list() }));

  server.setRequestHandler(ReadResourceRequestSchema, async ({ params: { uri } }) => {
    const { settings } = await services();
    const content = await files.read(uri, settings.allowedRoots).catch((error: unknown) => {
      if (!(error instanceof ModelYardError)) throw error;
      throw new McpError(ErrorCode.InvalidParams, `${error.code}: ${error.message} ${error.hint}`);
    });
    if (content === undefined)
      throw new McpError(resourceNotFound, 'No answer of this session has a link to that resource.', { uri });
    return { contents: [content] };
  });

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

  const find = (name: string) => {
    const found = loaded;
    const tool = found?.byName.get(name);
    if (found === undefined || tool === undefined) return undefined;
    return async (given: unknown, call: DirectCall) => toolResultJson(await answer(found, tool, given, call));
  };
  return {
    server,
    directCalls: directCalls(find, (notification) => server.notification(notification)),
    prepare: ready,
  };
}

/** The protocol's code for a resource that there is not. */
const resourceNotFound = -32002;

interface Loaded {
  byName: ReadonlyMap<string, Tool>;
  callTool: typeof import('./pipeline.ts').callTool;
  lacking: readonly string[];
}

/** The client's name and version as it gave them, cut and on one line: they go to logs, the audit trail and screens. */
function shownClient({ name, version }: Implementation): string {
  return `${visibleText(name, 100)} ${visibleText(version, 50)}`;
}

/** One choice, which has to be made: a client that accepts without showing it has not asked anybody. */
const answerSchema = {
  type: 'object' as const,
  properties: { answer: { type: 'string' as const, title: 'Make this change?', enum: ['yes', 'no'] } },
  required: ['answer'],
};

/** The SDK's own is a compiler of JSON schemas, which is loaded for nothing else; what is answered is looked at below. */
const anyAnswer: jsonSchemaValidator = {
  // The type of the answer is the asking code's to claim, as it is with the SDK's own validator.
  getValidator: () => (input) => ({ valid: true, data: input as never, errorMessage: undefined }),
};

type AskingCall = Pick<DirectCall, 'cancelling' | 'requestId'>;

/** How the person at the client is asked during a call; undefined where the client did not say that it can. */
function createAsking(
  server: Server,
  { askTimeoutMs, inputEnded, logger }: ServerDependencies,
): (call: AskingCall) => Ask | undefined {
  let passedZero = false;
  /** Clients with this SDK do not take back a request with the id 0, a server's first: a ping has it. */
  const passZero = () => {
    if (passedZero) return;
    passedZero = true;
    server.ping().catch(() => undefined);
  };
  const cancelled = () =>
    new ModelYardError(
      'CANCELLED',
      'The call was cancelled.',
      'Nothing was changed: call again if it is wanted.',
    );
  const ask = async (call: AskingCall, question: string) => {
    if (call.cancelling.aborted) throw cancelled();
    if (inputEnded.aborted) return 'unanswered';
    passZero();
    // The SDK takes a question back whenever its signal is aborted, also when it has long been answered.
    const asked = new AbortController();
    const withdrawn = AbortSignal.any([signalOf(call.cancelling), inputEnded]);
    const withdraw = () => asked.abort(withdrawn.reason);
    withdrawn.addEventListener('abort', withdraw);
    try {
      const { action, content } = await server.elicitInput(
        { mode: 'form', message: question, requestedSchema: answerSchema },
        { timeout: askTimeoutMs, signal: asked.signal, relatedRequestId: call.requestId },
      );
      if (call.cancelling.aborted) throw cancelled();
      if (action === 'decline' || (action === 'accept' && content?.answer === 'no')) return 'declined';
      return action === 'accept' && content?.answer === 'yes' ? 'accepted' : 'unanswered';
    } catch (error) {
      if (call.cancelling.aborted) throw cancelled();
      logger.info('a question to the person at the client was not answered', { detail: messageOf(error) });
      return 'unanswered';
    } finally {
      withdrawn.removeEventListener('abort', withdraw);
    }
  };
  return (call) => {
    const canAsk = server.getClientCapabilities()?.elicitation?.form !== undefined;
    return canAsk ? (question) => ask(call, question) : undefined;
  };
}

/** How grave an alert is, in the words of the protocol. */
const alertLevel = { info: 'info', warning: 'warning', critical: 'critical' } as const;

/**
 * Tells the client of alerts, whichever process finds them, as log messages: from the level on that the client set, all
 * when it set none.
 */
export function tellAlerts(server: Server, { monitoring }: Services, logger: Logger): void {
  monitoring.subscribeToAlerts((message) => {
    const level = message.event === 'resolved' ? 'notice' : alertLevel[message.severity];
    server
      .sendLoggingMessage({ level, logger: 'modelyard.alerts', data: message })
      .catch((error: unknown) => logger.debug('the client could not be told of an alert', { error }));
  });
}

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
