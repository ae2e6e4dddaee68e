import type { Kysely, Transaction } from 'kysely';
import { ModelYardError } from '../errors.ts';
import type { Tables } from './schema.ts';

/**
 * Of the change whose transaction is being asked for; Kysely has no way to hand it to the driver, which takes it while
 * `execute` is called. An AsyncLocalStorage would do as well, and make every promise of the process dearer from then on.
 */
let asking: AbortSignal | undefined;

/** For the driver that hands out a connection: until when the change that asks for it is wanted. */
export function wantedNow(): AbortSignal | undefined {
  return asking;
}

/**
 * Makes a change in a transaction. On SQLite it gives up its place as soon as its caller takes the call back while it waits
 * for its turn or for the lock of another process; once it has begun, it looks itself whether it is still wanted.
 * @throws CANCELLED
 */
export function wantedTransaction<T>(
  database: Kysely<Tables>,
  signal: AbortSignal | undefined,
  change: (transaction: Transaction<Tables>) => Promise<T>,
): Promise<T> {
  asking = signal;
  try {
    return database.transaction().execute((transaction) => {
      requireWanted(signal);
      return change(transaction);
    });
  } finally {
    asking = undefined;
  }
}

/** Waits for something, no longer than the change is wanted that waits for it. @throws CANCELLED */
export async function untilUnwanted<T>(awaited: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return awaited;
  let stop: () => void = () => undefined;
  const aborted = new Promise<undefined>((resolve) => {
    stop = () => resolve(undefined);
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
  });
  try {
    const settled = await Promise.race([awaited.then((value) => ({ value })), aborted]);
    if (settled !== undefined) return settled.value;
    requireWanted(signal);
    return await awaited;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/**
 * Stops a call that was taken back before its next step.
 * @throws CANCELLED
 */
export function requireWanted(signal: { readonly aborted: boolean } | undefined): void {
  if (signal?.aborted)
    throw new ModelYardError(
      'CANCELLED',
      'The call was cancelled before this step.',
      'What it had not done by then is not done: see what is with get_model.',
    );
}
