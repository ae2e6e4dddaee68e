import { setTimeout as pause } from 'node:timers/promises';

/** No answer came: the connection could not be made, or broke. */
export class ConnectionFailure extends Error {
  override readonly name = 'ConnectionFailure';
  /** Whether it is known that nothing was sent. */
  readonly isUnsent: boolean;

  constructor(message: string, { isUnsent, cause }: { isUnsent: boolean; cause: unknown }) {
    super(message, { cause });
    this.isUnsent = isUnsent;
  }
}

/** More came than may. */
export class AnswerTooLarge extends Error {
  override readonly name = 'AnswerTooLarge';
}

/** Of an answer to a run: ten million elements, which is what a run may give back, as text or bytes. */
export const maxRunBytes = 256e6;

/** How long is waited before each further try where no connection could be made, milliseconds. */
const triesAfterMs = [50, 250];

/** Sends once, and again only where no connection was made, so that nothing can have been sent. */
export async function repeatUnsent<Answer>(
  send: () => Promise<Answer>,
  signal: AbortSignal,
): Promise<Answer> {
  for (const afterMs of triesAfterMs) {
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof ConnectionFailure && error.isUnsent)) throw error;
    }
    await pause(afterMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) throw signal.reason;
  }
  return send();
}
