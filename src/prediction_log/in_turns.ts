import { setImmediate as turn } from 'node:timers/promises';

/** Work that can be left alone for a while wherever it yields. */
export type Steps<Result> = Generator<undefined, Result>;

/** Does it all at once. */
export function atOnce<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** Lets the event loop turn between the steps, so that nobody waits for all of it. */
export async function inTurns<Result>(steps: Steps<Result>): Promise<Result> {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    await turn();
  }
}
