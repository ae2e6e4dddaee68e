import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Tool } from '../../tools/define_tool.ts';
import type { Origin } from '../access/origin.ts';
import type { Caller, Permission } from '../access/roles.ts';
import type { GuardedCall, IncomingCall, Operation } from '../pipeline.ts';
import type { Services } from '../services.ts';
import type { Settings } from '../settings.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ToolAnswer } from '../tool_answer.ts';
import type { Route } from './open_api/document.ts';
import type { ServeOptions } from './serve_options.ts';
import type { UnderWay } from './under_way.ts';

/** What a protocol's routes need of the server that they are part of. */
export interface HttpContext {
  settings: Settings;
  options: ServeOptions;
  services(): Promise<Services>;
  logger: Logger;
  clock: () => number;
  /** Whether calls are wanted here: false from the signal on that ends the server. */
  isReady(): boolean;
  /** Aborted when streams that are held open have to end. */
  stopping: AbortSignal;
  /** What has not been answered yet, of all fronts. */
  underWay: UnderWay;
  /** Has something done at the end, beside what is under way: other ports are closed then. */
  onClose(close: () => Promise<void>): void;
  /** The numbers of every process of this server, as prom-client's JSON. */
  metricsOfAll(): Promise<object[][]>;
  /** Who calls, of a front that is not of Fastify. @throws HttpRefusal 401, 429 */
  admit(authorization: string | undefined, address: string): Promise<Caller>;
  /** The caller of a request. @throws PERMISSION_DENIED when it may not do this */
  requirePermission(request: FastifyRequest, permission: Permission): Caller;
  /** The call that a request is: it is cancelled when the client hangs up. */
  callOf(request: FastifyRequest, reply: FastifyReply): IncomingCall;
  /** Runs what is no tool by the rules of all calls. @throws ModelYardError of bounded size */
  carryOut<T>(
    operation: Operation,
    given: () => Record<string, unknown>,
    call: GuardedCall,
    handle: (services: Services, origin: Origin) => Promise<T>,
  ): Promise<T>;
  /** All tools. */
  catalogue: readonly Tool[];
  /** Every route of the server, once it listens. */
  routes: readonly Route[];
  /** The tool of that name. */
  tool(name: string): Tool;
  /** Calls a tool. */
  callTool(tool: Tool, given: unknown, call: IncomingCall): Promise<ToolAnswer>;
}
