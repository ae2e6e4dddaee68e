import { setImmediate as turn } from 'node:timers/promises';
import type { CallContext, Tool } from '../tools/define_tool.ts';
import { openNotes } from './access/known_tools.ts';
import { type Origin, originOf } from './access/origin.ts';
import { type Caller, isChange } from './access/roles.ts';
import { knownError, presentable, requirePermission, tooLarge, withOpenHint } from './call_error.ts';
import type { CallOrder } from './call_order.ts';
import { signalOf } from './cancelling.ts';
import { ModelYardError } from './errors.ts';
import { argumentsFault } from './json_shape.ts';
import { maxTextBytes } from './message_size.ts';
import { argumentsOf, parseArguments, unfit } from './parse_arguments.ts';
import type { Services } from './services.ts';
import { requireWanted } from './storage/wanted.ts';
import type { Logger } from './telemetry/logger.ts';
import { errorAnswer, type ToolAnswer, toolAnswer } from './tool_answer.ts';

/** A call as a front hands it in. */
export type IncomingCall = Pick<
  CallContext,
  'caller' | 'ask' | 'progress' | 'cancelling' | 'traceId' | 'front'
>;

export interface PipelineDependencies {
  services: () => Promise<Services>;
  order: CallOrder;
  logger: Logger;
  /** Tools that the caller may not call: nothing that it is told names one. */
  lacking: readonly string[];
}

/**
 * The one way every call of a tool takes: check the permission, parse the arguments, handle, log, turn an error into
 * an answer. Never throws.
 */
export async function callTool(
  dependencies: PipelineDependencies,
  tool: Tool,
  given: unknown,
  call: IncomingCall,
): Promise<ToolAnswer> {
  const fault = argumentsFault(argumentsOf(given), tool.rowArguments ?? []);
  // Nothing looks further into what is not fit to be looked at, the audit trail neither.
  const shown = () => (fault === undefined ? shownArguments(tool, argumentsOf(given)) : {});
  const origin = originOf(call.caller, tool.name, shown, call.cancelling);
  try {
    return await guardCall(dependencies, tool, origin, call, async () => {
      if (fault !== undefined) throw unfit(fault);
      const input = parseArguments(tool, given);
      let pictures: Buffer[] = [];
      const handle = () =>
        withServices(dependencies, tool, call, (opened) => {
          // A call may be tried again: what counts is its last try.
          const drawn: Buffer[] = [];
          pictures = drawn;
          return tool.handle(opened, input, new HandledCall(call, origin, drawn));
        });
      const output = openNotes(await inOrder(dependencies.order, tool, input, handle), dependencies.lacking);
      const answer = toolAnswer(output, pictures, tool.links?.(output) ?? []);
      if (answer === undefined) throw tooLarge(tool, Buffer.byteLength(JSON.stringify(output)));
      // Other calls have their turn before a large answer is written.
      if ((answer.json?.length ?? 0) > maxTextBytes) await turn();
      return answer;
    });
  } catch (error) {
    return errorAnswer(knownError(error));
  }
}

/** What the rules of a call look at of it. */
export type GuardedCall = Pick<IncomingCall, 'caller' | 'cancelling' | 'traceId'>;

/** What the rules of a call go by: a tool, or what a front other than MCP offers. */
export type Operation = Pick<Tool, 'name' | 'permission'>;

/**
 * The way of a call that is no tool's: check the permission, handle, log.
 *
 * @param given what the audit trail shows of what was asked
 * @throws ModelYardError of bounded size, whatever went wrong
 */
export function carryOut<T>(
  dependencies: Omit<PipelineDependencies, 'order'>,
  operation: Operation,
  given: () => Record<string, unknown>,
  call: GuardedCall,
  handle: (services: Services, origin: Origin) => Promise<T>,
): Promise<T> {
  const origin = originOf(call.caller, operation.name, given, call.cancelling);
  return guardCall(dependencies, operation, origin, call, () =>
    withServices(dependencies, operation, call, (opened) => handle(opened, origin)),
  );
}

/** The rules of every call: who may, what is logged, what is told of an error, what the audit trail keeps of a refusal. */
async function guardCall<T>(
  { services, logger, lacking }: Omit<PipelineDependencies, 'order'>,
  operation: Operation,
  origin: Origin,
  call: GuardedCall,
  run: () => Promise<T>,
): Promise<T> {
  const { caller, cancelling } = call;
  const started = performance.now();
  try {
    requirePermission(operation, caller);
    const result = await run();
    logger[isChange(operation.permission) ? 'info' : 'debug'](`${operation.name} done`, {
      ms: Math.round(performance.now() - started),
      ...traced(call),
      // Its caller gets no answer: this line and the audit trail say that it is done.
      ...(cancelling.aborted && { cancelled: 'too late: it was carried out' }),
    });
    return result;
  } catch (thrown) {
    const error = presentable(knownError(thrown));
    logger[error.code === 'INTERNAL' ? 'error' : 'info'](`${operation.name} failed: ${error.code}`, {
      ms: Math.round(performance.now() - started),
      ...traced(call),
      detail: error.message,
      ...(error.code === 'INTERNAL' && { error: thrown }),
    });
    const isCancelled = error.code === 'CANCELLED' && cancelling.aborted;
    if (isChange(operation.permission) && !isCancelled) await auditFailure(services, origin, error, logger);
    throw withOpenHint(error, caller, lacking);
  }
}

/** Runs what a call is for, on services whose store is as it was opened. */
async function withServices<T>(
  { services }: Pick<PipelineDependencies, 'services'>,
  operation: Operation,
  { cancelling }: Pick<IncomingCall, 'cancelling'>,
  run: (services: Services) => Promise<T>,
): Promise<T> {
  requireWanted(cancelling);
  const opened = await services();
  requireWanted(cancelling);
  // Before, so that nothing is changed in vain; after, so that what was not kept is not said to be done.
  if (needsStore(operation)) opened.store.requireIntact();
  const result = await run(opened);
  if (needsStore(operation)) opened.store.requireIntact();
  return result;
}

/** Predictions go on while the database is away, and health_check says that it is. */
function needsStore({ name, permission }: Operation): boolean {
  return permission !== 'PREDICT' && permission !== 'FILE' && name !== 'health_check';
}

/** By which the call is found in its caller's traces. */
function traced({ traceId }: GuardedCall): { trace_id?: string } {
  return traceId === undefined ? {} : { trace_id: traceId };
}

/** A class, since an object with a getter of its own takes long to be made. */
class HandledCall implements CallContext {
  readonly caller: Caller;
  readonly origin: Origin;
  readonly ask: CallContext['ask'];
  readonly cancelling: CallContext['cancelling'];
  readonly progress: CallContext['progress'];
  readonly traceId: CallContext['traceId'];
  readonly front: CallContext['front'];
  readonly show: CallContext['show'];

  constructor(
    { caller, ask, cancelling, progress, traceId, front }: IncomingCall,
    origin: Origin,
    drawn: Buffer[],
  ) {
    this.caller = caller;
    this.origin = origin;
    this.ask = ask;
    this.cancelling = cancelling;
    this.progress = progress;
    this.traceId = traceId;
    this.front = front;
    this.show = (png) => drawn.push(png);
  }

  /** Made when the handler asks for it. */
  get signal(): AbortSignal {
    return signalOf(this.cancelling);
  }
}

/** The arguments as the audit trail and the person asked may see them: rows of data by their number. */
function shownArguments({ rowArguments = [] }: Tool, given: object): Record<string, unknown> {
  const shown = Object.entries(given).map(([name, value]): [string, unknown] => {
    if (!rowArguments.includes(name)) return [name, value];
    return [name, Array.isArray(value) ? { rows: value.length } : { characters: lengthOf(value) }];
  });
  return Object.fromEntries(shown);
}

/** Characters of a text, or of anything else as JSON. */
function lengthOf(value: unknown): number {
  return (typeof value === 'string' ? value : (JSON.stringify(value) ?? '')).length;
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
    const { audit } = (await services()).access;
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
  if (isChange(tool.permission)) return order.change(modelId, handle);
  return order.use(
    modelId,
    handle,
    (error) => error instanceof ModelYardError && missing.includes(error.code),
  );
}

/** What a change that is still under way may be about to put right. */
const missing: readonly string[] = ['MODEL_NOT_FOUND', 'VERSION_NOT_FOUND', 'NOT_DEPLOYED', 'NO_REFERENCE'];
