import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import {
  CallToolRequestSchema,
  type CallToolResult,
  ErrorCode,
  ListToolsRequestSchema,
  McpError,
  type ServerNotification,
} from '@modelcontextprotocol/sdk/types.js';
import type { CallContext, Tool } from '../tools/define_tool.ts';
import type { Ask } from './access/approval.ts';
import { type Caller, may } from './access/roles.ts';
import { visibleText } from './access/shown_text.ts';
import { callOrder } from './call_order.ts';
import { ModelYardError, messageOf } from './errors.ts';
import { packageVersion } from './package_info.ts';
import type { Services } from './services.ts';
import type { Logger } from './telemetry/logger.ts';

const instructions = `ModelYard deploys, serves, promotes and watches ONNX models.
Workflow: deploy_model (registers the .onnx file, loads and warms it, moves the traffic) → predict (records of features; every answer is logged) → promote_model (development → staging → production) → set_reference_data (training rows) → detect_drift → health_check.
Look first: search_models lists what exists, get_model shows the features a model expects and which version is active.
A new version stands beside the active one with deploy_model set_active=false; reach it with predict's version.
Errors read "CODE: what happened. What to do next."; follow the second sentence. retryable says whether the same call may succeed later.
promote_model dry_run=true previews; its answer says how to undo it. File paths must be absolute.`;

export interface ServerDependencies {
  catalogue: () => Promise<readonly Tool[]>;
  services: () => Promise<Services>;
  caller: Caller;
  /** How long a question to the person at the client waits for the answer, milliseconds. */
  askTimeoutMs: number;
  /** Aborted when the client's input ends: from then on nobody answers. */
  inputEnded: AbortSignal;
  logger: Logger;
}

/** The MCP server over the catalogue of tools; together with the transports the only user of the SDK. */
export function createServer(dependencies: ServerDependencies): Server {
  const { catalogue, services, caller, logger } = dependencies;
  const server = new Server(
    { name: 'modelyard', title: 'ModelYard', version: packageVersion },
    { capabilities: { tools: {}, logging: {} }, instructions },
  );
  server.onerror = (error) => logger.warn('a protocol message could not be handled', { error });

  const order = callOrder();
  const askerOf = createAsking(server, dependencies);
  let loaded: Promise<[readonly Tool[], typeof import('./pipeline.ts')]> | undefined;
  const ready = () => {
    loaded ??= Promise.all([catalogue(), import('./pipeline.ts')]);
    return loaded;
  };
  let listed: Promise<{ tools: object[] }> | undefined;
  server.setRequestHandler(ListToolsRequestSchema, () => {
    listed ??= listTools(catalogue, caller);
    return listed;
  });

  server.setRequestHandler(CallToolRequestSchema, async (request, extra): Promise<CallToolResult> => {
    const { name, arguments: given, _meta: meta } = request.params;
    const [tools, { callTool }] = await ready();
    const tool = tools.find((candidate) => candidate.name === name);
    if (tool === undefined) {
      const known = tools.map((candidate) => candidate.name).join(', ');
      throw new McpError(ErrorCode.InvalidParams, `There is no tool ${name.slice(0, 100)}. Tools: ${known}.`);
    }
    const context: Omit<CallContext, 'origin' | 'show'> = {
      caller: { ...caller, client: clientName(server) },
      ask: askerOf(extra),
      signal: extra.signal,
      progress: progressReporter(meta?.progressToken, extra.sendNotification),
    };
    return callTool({ services, order, logger }, tool, given, context);
  });
  return server;
}

/** The client's name and version as it gave them, cut and on one line: they go to logs, the audit trail and screens. */
function clientName(server: Server): string | undefined {
  const client = server.getClientVersion();
  return client && `${visibleText(client.name, 100)} ${visibleText(client.version, 50)}`;
}

/** One choice, which has to be made: a client that accepts without showing it has not asked anybody. */
const answerSchema = {
  type: 'object' as const,
  properties: { answer: { type: 'string' as const, title: 'Make this change?', enum: ['yes', 'no'] } },
  required: ['answer'],
};

interface AskingCall {
  signal: AbortSignal;
  requestId: string | number;
}

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
  const cancelled = () => new ModelYardError('CANCELLED', 'The call was cancelled.', 'Nothing was changed.');
  const ask = async (call: AskingCall, question: string) => {
    if (call.signal.aborted) throw cancelled();
    if (inputEnded.aborted) return 'unanswered';
    passZero();
    try {
      const { action, content } = await server.elicitInput(
        { mode: 'form', message: question, requestedSchema: answerSchema },
        {
          timeout: askTimeoutMs,
          signal: AbortSignal.any([call.signal, inputEnded]),
          relatedRequestId: call.requestId,
        },
      );
      if (call.signal.aborted) throw cancelled();
      if (action === 'decline' || (action === 'accept' && content?.answer === 'no')) return 'declined';
      return action === 'accept' && content?.answer === 'yes' ? 'accepted' : 'unanswered';
    } catch (error) {
      if (call.signal.aborted) throw cancelled();
      logger.info('a question to the person at the client was not answered', { detail: messageOf(error) });
      return 'unanswered';
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
export function tellAlerts(server: Server, { alerts }: Services, logger: Logger): void {
  alerts.subscribe((message) => {
    const level = message.event === 'resolved' ? 'notice' : alertLevel[message.severity];
    server
      .sendLoggingMessage({ level, logger: 'modelyard.alerts', data: message })
      .catch((error: unknown) => logger.debug('the client could not be told of an alert', { error }));
  });
}

/** The tools that the caller may call, with their schemas. */
async function listTools(
  catalogue: ServerDependencies['catalogue'],
  caller: Caller,
): Promise<{ tools: object[] }> {
  const [tools, { inputJsonSchema, outputJsonSchema }] = await Promise.all([
    catalogue(),
    import('./json_schema.ts'),
  ]);
  return {
    tools: tools
      .filter((tool) => may(caller, tool.permission))
      .map((tool) => ({
        name: tool.name,
        title: tool.title,
        description: tool.description,
        inputSchema: inputJsonSchema(tool.input),
        outputSchema: outputJsonSchema(tool.output),
        annotations: {
          readOnlyHint: tool.hints.readOnly,
          destructiveHint: tool.hints.destructive,
          idempotentHint: tool.hints.idempotent,
          openWorldHint: tool.hints.openWorld,
        },
      })),
  };
}

function progressReporter(
  token: string | number | undefined,
  send: (notification: ServerNotification) => Promise<void>,
): CallContext['progress'] {
  if (token === undefined) return () => undefined;
  return (done, total, message) => {
    // A client that has gone away needs no progress.
    send({
      method: 'notifications/progress',
      params: { progressToken: token, progress: done, total, message },
    }).catch(() => undefined);
  };
}
