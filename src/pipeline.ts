import { z } from 'zod';
import type { CallContext, ResourceLink, Tool } from '../tools/define_tool.ts';
import { type Origin, originOf } from './access/origin.ts';
import { may } from './access/roles.ts';
import type { CallOrder } from './call_order.ts';
import { ModelYardError, systemCodeOf } from './errors.ts';
import type { Services } from './services.ts';
import { storageError } from './storage/database.ts';
import type { Logger } from './telemetry/logger.ts';

/** A tool's result as MCP has it: the same facts as text and as structured content, then pictures and links to files. */
export type ToolResult = {
  content: (
    | { type: 'text'; text: string }
    | { type: 'image'; data: string; mimeType: string }
    | ({ type: 'resource_link' } & ResourceLink)
  )[];
  structuredContent: Record<string, unknown>;
  isError?: true;
};

export interface PipelineDependencies {
  services: () => Promise<Services>;
  order: CallOrder;
  logger: Logger;
}

/**
 * The one way every call takes: check the permission, parse the arguments, handle, log, turn an error into
 * a result. Never throws.
 */
export async function callTool(
  { services, order, logger }: PipelineDependencies,
  tool: Tool,
  given: unknown,
  call: Omit<CallContext, 'origin' | 'show'>,
): Promise<ToolResult> {
  const started = performance.now();
  const context: Omit<CallContext, 'show'> = {
    ...call,
    origin: originOf(call.caller, tool.name, shownArguments(tool, argumentsOf(given))),
  };
  try {
    requirePermission(tool, context);
    const input = parseArguments(tool, given);
    let pictures: Buffer[] = [];
    const handle = async () => {
      // A call may be tried again: what counts is its last try.
      const drawn: Buffer[] = [];
      pictures = drawn;
      return tool.handle(await services(), input, { ...context, show: (png) => drawn.push(png) });
    };
    const output = await inOrder(order, tool, input, handle);
    logger[tool.hints.readOnly || tool.permission === 'PREDICT' ? 'debug' : 'info'](`${tool.name} done`, {
      ms: Math.round(performance.now() - started),
    });
    const links = tool.links?.(output) ?? [];
    return {
      content: [
        { type: 'text', text: JSON.stringify(output) },
        ...pictures.map((png) => ({
          type: 'image' as const,
          data: png.toString('base64'),
          mimeType: 'image/png',
        })),
        ...links.map((link) => ({ type: 'resource_link' as const, ...link })),
      ],
      structuredContent: output,
    };
  } catch (thrown) {
    const error = knownError(thrown);
    logger[error.code === 'INTERNAL' ? 'error' : 'info'](`${tool.name} failed: ${error.code}`, {
      ms: Math.round(performance.now() - started),
      detail: error.message,
      ...(error.code === 'INTERNAL' && { error: thrown }),
    });
    if (isChange(tool)) await auditFailure(services, context.origin, error, logger);
    return errorResult(error);
  }
}

function isChange(tool: Tool): boolean {
  return tool.permission === 'WRITE' || tool.permission === 'ADMIN';
}

function argumentsOf(given: unknown): Record<string, unknown> {
  return typeof given === 'object' && given !== null ? { ...given } : {};
}

/** The arguments as the audit trail and the person asked may see them: rows of data by their number. */
function shownArguments(
  { rowArguments = [] }: Tool,
  given: Record<string, unknown>,
): Record<string, unknown> {
  const shown = Object.entries(given).map(([name, value]): [string, unknown] => {
    if (!rowArguments.includes(name)) return [name, value];
    return [name, Array.isArray(value) ? { rows: value.length } : { characters: String(value).length }];
  });
  return Object.fromEntries(shown);
}

/** A change that was tried and refused is in the audit trail too; where the store is away, in the log alone. */
async function auditFailure(
  services: PipelineDependencies['services'],
  origin: Origin,
  error: ModelYardError,
  logger: Logger,
): Promise<void> {
  const { model_id: modelId, version } = origin.arguments;
  try {
    const { audit } = await services();
    await audit.append(origin, {
      modelId: nameIn(modelId),
      version: nameIn(version),
      before: undefined,
      after: undefined,
      outcome: error.code,
      detail: error.message,
    });
  } catch (thrown) {
    logger.warn('a refused change could not be written to the audit trail', { error: thrown });
  }
}

function nameIn(given: unknown): string | undefined {
  return typeof given === 'string' || typeof given === 'number' ? String(given).slice(0, 128) : undefined;
}

function inOrder<T>(
  order: CallOrder,
  tool: Tool,
  input: Record<string, unknown>,
  handle: () => Promise<T>,
): Promise<T> {
  const modelId = input.model_id;
  if (typeof modelId !== 'string') return handle();
  if (isChange(tool)) return order.change(modelId, handle);
  return order.use(
    modelId,
    handle,
    (error) => error instanceof ModelYardError && missing.includes(error.code),
  );
}

/** What a change that is still under way may be about to put right. */
const missing: readonly string[] = ['MODEL_NOT_FOUND', 'VERSION_NOT_FOUND', 'NOT_DEPLOYED', 'NO_REFERENCE'];

export function errorResult(error: ModelYardError): ToolResult {
  const { code, message, hint, retryable } = error;
  return {
    content: [{ type: 'text', text: `${code}: ${message} ${hint}` }],
    structuredContent: { error: { code, message, hint, retryable } },
    isError: true,
  };
}

/** @throws INVALID_INPUT naming every argument that is wrong (the first three), with its value. */
function parseArguments(tool: Tool, given: unknown): Record<string, unknown> {
  const parsed = tool.input.safeParse(given ?? {}, { reportInput: true });
  if (parsed.success) {
    requireStorable(tool, parsed.data);
    return parsed.data;
  }
  const faults = parsed.error.issues.slice(0, 3).map(describeIssue);
  throw new ModelYardError(
    'INVALID_INPUT',
    faults.join(' '),
    `${tool.name} takes: ${describeShape(tool.input)}.`,
  );
}

/**
 * PostgreSQL has no place for a NUL in text, and SQLite ends a text there: none may come in but in rows of data.
 * @throws INVALID_INPUT
 */
function requireStorable({ rowArguments = [] }: Tool, input: Record<string, unknown>): void {
  const faulty = Object.entries(input).find(([name, value]) => !rowArguments.includes(name) && hasNul(value));
  if (faulty === undefined) return;
  throw new ModelYardError(
    'INVALID_INPUT',
    `${faulty[0]} has a NUL character (\\u0000) in it, which no text may have here.`,
    'Leave it out.',
  );
}

/** Whether a text anywhere in a value, or the name of a member, has a NUL; values may be nested as deep as JSON can be. */
function hasNul(value: unknown): boolean {
  const waiting = [value];
  for (let item = waiting.pop(); item !== undefined; item = waiting.pop()) {
    if (typeof item === 'string' && item.includes('\0')) return true;
    if (typeof item !== 'object' || item === null) continue;
    for (const [name, member] of Object.entries(item)) {
      if (name.includes('\0')) return true;
      if (member !== undefined) waiting.push(member);
    }
  }
  return false;
}

function describeIssue(issue: z.core.$ZodIssue): string {
  const path = issue.path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .slice(1);
  if (issue.code === 'unrecognized_keys') {
    const where = path === '' ? '' : ` in ${path}`;
    return `Unknown argument${issue.keys.length > 1 ? 's' : ''} ${issue.keys.slice(0, 5).join(', ')}${where}.`;
  }
  const name = path === '' ? 'arguments' : path;
  if (issue.input === undefined) return `${name} is required.`;
  // What is wrong with the name of a member stands inside.
  const [inside] = issue.code === 'invalid_key' ? issue.issues : [];
  const shown = (JSON.stringify(issue.input) ?? String(issue.input)).slice(0, 80);
  const message = (inside ?? issue).message
    .replace(/^Invalid (input|option): /, '')
    .replace(/^Invalid string: /, '');
  return `${name}=${shown} is not valid: ${message}.`;
}

/** `model_id, version, source?`: the argument names, with a mark on the optional ones. */
function describeShape(input: z.ZodObject): string {
  return Object.entries(input.shape)
    .map(([name, schema]) => (z.safeParse(schema, undefined).success ? `${name}?` : name))
    .join(', ');
}

function requirePermission(tool: Tool, { caller }: Pick<CallContext, 'caller'>): void {
  if (may(caller, tool.permission)) return;
  throw new ModelYardError(
    'PERMISSION_DENIED',
    `${tool.name} needs the permission ${tool.permission}, which ${caller.readOnly ? 'a read-only server' : `the role ${caller.role}`} does not have.`,
    caller.readOnly
      ? 'Start the server without --read-only (MODELYARD_READ_ONLY) to allow changes.'
      : 'Start the server with another MODELYARD_ROLE to allow it.',
  );
}

/** How the file system refuses a write; files that a caller names are checked before. */
const unwritable: readonly string[] = ['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'ENOTDIR', 'EEXIST'];

/** What the caller may see of anything thrown: a defect shows nothing but that it happened. */
function knownError(thrown: unknown): ModelYardError {
  const error = storageError(thrown);
  if (error instanceof ModelYardError) return error;
  const code = systemCodeOf(thrown);
  if (code !== undefined && unwritable.includes(code))
    return new ModelYardError(
      'STORAGE_UNAVAILABLE',
      `The registry directory cannot be written (${code}).`,
      'Free space, check its permissions or choose another MODEL_REGISTRY_DIR, then try again.',
      { cause: thrown },
    );
  return new ModelYardError(
    'INTERNAL',
    'The server failed in a way it should not have.',
    'The details are in the server log (logs in MODEL_REGISTRY_DIR); please report them.',
    { cause: thrown },
  );
}
