import { uuidv7 } from 'uuidv7';
import type { Caller } from './roles.ts';

/** Who makes a change, and by which call: what the audit trail says of it. */
export interface Origin {
  caller: Caller;
  /** The tool, or the command of the command line. */
  action: string;
  requestId: string;
  /** As they were given. */
  arguments: Record<string, unknown>;
}

export function originOf(caller: Caller, action: string, given: Record<string, unknown>): Origin {
  return { caller, action, requestId: uuidv7(), arguments: given };
}

/** `operator`, or `operator (claude-ai 1.2.3)` where the client said its name. */
export function nameOf({ role, client }: Caller): string {
  return client === undefined ? role : `${role} (${client})`;
}
