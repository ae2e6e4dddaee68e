import { uuidv7 } from 'uuidv7';
import { type CallCancelling, signalOf } from '../cancelling.ts';
import type { Caller } from './roles.ts';

/** Who makes a change, and by which call, for the audit trail. */
export interface Origin {
  readonly caller: Caller;
  /** The tool, or the command of the command line. */
  readonly action: string;
  readonly requestId: string;
  /** As they were given. */
  readonly arguments: Record<string, unknown>;
  /** Aborted when the caller cancels the call. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * @param given the arguments, or a function that is called once they are needed: most calls change nothing
 * @param cancelling aborted when the caller cancels the call; undefined: nobody can
 */
export function originOf(
  caller: Caller,
  action: string,
  given: Given,
  cancelling?: AbortSignal | CallCancelling,
): Origin {
  return new CallOrigin(caller, action, given, cancelling);
}

type Given = Record<string, unknown> | (() => Record<string, unknown>);

/** A class, since an object with getters of its own takes long to be made. */
class CallOrigin implements Origin {
  readonly caller: Caller;
  readonly action: string;
  readonly #given: Given;
  readonly #cancelling: AbortSignal | CallCancelling | undefined;
  #requestId: string | undefined;
  #shown: Record<string, unknown> | undefined;

  constructor(
    caller: Caller,
    action: string,
    given: Given,
    cancelling: AbortSignal | CallCancelling | undefined,
  ) {
    this.caller = caller;
    this.action = action;
    this.#given = given;
    this.#cancelling = cancelling;
  }

  get requestId(): string {
    this.#requestId ??= uuidv7();
    return this.#requestId;
  }

  get arguments(): Record<string, unknown> {
    const given = this.#given;
    this.#shown ??= typeof given === 'function' ? given() : given;
    return this.#shown;
  }

  get signal(): AbortSignal | undefined {
    return this.#cancelling && signalOf(this.#cancelling);
  }
}

/** The same caller and call, for another action: what a change does besides. */
export function asAction(origin: Origin, action: string): Origin {
  const { caller, requestId, arguments: given, signal } = origin;
  return { caller, action, requestId, arguments: given, signal };
}

/** `operator`, or `operator (claude-ai 1.2.3)` where it is known who called. */
export function nameOf(caller: Caller): string {
  const client = clientOf(caller);
  return client === undefined ? caller.role : `${caller.role} (${client})`;
}

/** `claude-ai 1.2.3`, `token ci`, or both, as far as they are known. */
export function clientOf({ token, client }: Caller): string | undefined {
  if (token === undefined || token === null) return client;
  return client === undefined ? `token ${token}` : `token ${token}, ${client}`;
}
