import type { JSONRPCRequest, ServerNotification } from '@modelcontextprotocol/sdk/types.js';
import { CallCancelling } from '../cancelling.ts';

/** A call of a tool, as the protocol has it beside name and arguments. */
export interface DirectCall {
  readonly requestId: string | number;
  readonly progressToken: string | number | undefined;
  /** As the client gave it, see telemetry/trace_context.ts. */
  readonly traceparent?: unknown;
  /** Aborted when the client has taken the call back. */
  readonly cancelling: AbortSignal | CallCancelling;
  /** Tells the client something of the call; nothing once it was taken back. */
  notify(notification: ServerNotification): Promise<void>;
}

/** Runs a tool. @returns the result as JSON; it never throws */
type RunTool = (given: Record<string, unknown> | undefined, call: DirectCall) => Promise<string>;

/**
 * The short way of tools/call. The SDK reads such a request three times against its schemas, its answer once more, and makes
 * JSON of facts that are JSON already: more than a prediction itself costs. Here a plain request of a known tool, whose
 * arguments the pipeline validates, goes straight to it; all else (other methods, unknown tools, tasks, parameters of an
 * unexpected form) is left to the SDK. What a client sees is the same either way, which test/transports holds.
 */
export interface DirectCalls {
  /**
   * @param reply is called at most once, with the members of the response beside its id; never for a call that was taken back
   * @returns false: the request is left to the SDK
   */
  take(request: JSONRPCRequest, reply: (members: string) => void): boolean;
  cancel(requestId: string | number): void;
  /** Takes back what is under way: its client is gone. */
  close(): void;
}

/**
 * @param find the tool of that name; undefined: unknown, or not loaded yet
 * @param notify sends a notification to the client
 */
export function directCalls(
  find: (name: string) => RunTool | undefined,
  notify: (notification: ServerNotification) => Promise<void>,
): DirectCalls {
  const underWay = new Map<string | number, CallCancelling>();
  return {
    take(request, reply) {
      const asked = plainCall(request.params);
      const run = asked && find(asked.name);
      if (run === undefined) return false;
      const { id } = request;
      const cancelling = new CallCancelling();
      const call: DirectCall = {
        requestId: id,
        progressToken: asked?.progressToken,
        traceparent: asked?.traceparent,
        cancelling,
        notify: async (notification) => {
          if (!cancelling.aborted) await notify(notification);
        },
      };
      underWay.set(id, cancelling);
      const end = (members: string) => {
        if (underWay.get(id) === cancelling) underWay.delete(id);
        if (!cancelling.aborted) reply(members);
      };
      run(asked?.given, call).then(
        (result) => end(`"result":${result}`),
        () => end('"error":{"code":-32603,"message":"Internal error"}'),
      );
      return true;
    },
    cancel(requestId) {
      const entry = underWay.get(requestId);
      underWay.delete(requestId);
      entry?.abort();
    },
    close() {
      for (const entry of underWay.values()) entry.abort();
      underWay.clear();
    },
  };
}

interface PlainCall {
  name: string;
  given: Record<string, unknown> | undefined;
  progressToken: string | number | undefined;
  traceparent?: unknown;
}

/** The parameters of tools/call, where they are of the usual form. */
function plainCall(params: Record<string, unknown> | undefined): PlainCall | undefined {
  if (params === undefined || Object.hasOwn(params, 'task')) return undefined;
  const { name, arguments: given, _meta: meta } = params;
  if (typeof name !== 'string' || !(given === undefined || isPlainObject(given))) return undefined;
  if (meta === undefined) return { name, given, progressToken: undefined };
  if (!isPlainObject(meta) || Object.hasOwn(meta, 'io.modelcontextprotocol/related-task')) return undefined;
  const { progressToken, traceparent } = meta;
  return isToken(progressToken) ? { name, given, progressToken, traceparent } : undefined;
}

function isToken(value: unknown): value is string | number | undefined {
  return value === undefined || typeof value === 'string' || Number.isSafeInteger(value);
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
