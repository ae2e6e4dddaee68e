import type { z } from 'zod';
import type { Call } from '../src/access/approval.ts';
import type { Caller, Permission } from '../src/access/roles.ts';
import type { CallCancelling } from '../src/cancelling.ts';
import type { Services } from '../src/services.ts';

/** What a handler knows about the call besides its arguments. */
export interface CallContext extends Call {
  caller: Caller;
  /** Aborted when the client cancels the call. */
  signal: AbortSignal;
  /** The same, for a handler that takes no longer than a signal does to be made. */
  cancelling: AbortSignal | CallCancelling;
  /** The protocol that the call came by, as metrics name it; undefined: MCP. */
  front?: string | undefined;
  /** The trace that the caller says the call belongs to. */
  traceId?: string | undefined;
  /** Reports progress to the client; does nothing when the client did not ask for it. */
  progress(done: number, total: number, message: string): void;
  /** Adds a picture (PNG) to the answer, beside its facts. */
  show(png: Buffer): void;
}

/** A file that an answer points to. */
export interface ResourceLink {
  uri: string;
  name: string;
  mimeType: string;
}

/** One MCP tool: its declaration and a handler that calls one service. */
export interface Tool<Input extends z.ZodObject = z.ZodObject, Output extends z.ZodObject = z.ZodObject> {
  name: string;
  title: string;
  /** When to use it, when not, and what to call next; for an LLM. */
  description: string;
  permission: Permission;
  /** The four tool annotations of MCP. */
  hints: { readOnly: boolean; destructive: boolean; idempotent: boolean; openWorld: boolean };
  input: Input;
  output: Output;
  /** Arguments that hold rows of data. The audit trail records only their number, and they may hold any text. */
  rowArguments?: readonly string[];
  handle(services: Services, input: z.output<Input>, context: CallContext): Promise<z.input<Output>>;
  /** The files that the handler's output mentions, as links beside it. */
  links?(output: z.input<Output>): ResourceLink[];
}

/** Types a tool's handler by its schemas. */
export function defineTool<Input extends z.ZodObject, Output extends z.ZodObject>(
  tool: Tool<Input, Output>,
): Tool<Input, Output> {
  return tool;
}
