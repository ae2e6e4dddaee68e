import { ModelYardError } from '../errors.ts';
import type { Database } from '../storage/database.ts';
import { readOutbox, requestSync, scanTrail } from './outbox.ts';
import type { Problem } from './plan_sync.ts';
import type { Sender } from './sender.ts';

/** What a sync_mlflow call achieved. */
export interface SyncOutcome {
  /** What is still to be done. */
  queued: number;
  /** What was done meanwhile. */
  sent: number;
  failed: Problem[];
  connected: boolean;
}

/** How long a call waits for MLflow, milliseconds: clients give up after a minute. */
const longestMs = 45_000;
/** Between two looks at what another process sends. */
const lookMs = 200;

/**
 * Has the registry (or one model) compared with MLflow now, and waits until both agree, MLflow fails, or time is up;
 * what is left is sent in the background.
 * @throws MODEL_NOT_FOUND; CANCELLED
 */
export async function pushNow(
  { database, sender, clock }: { database: Database; sender: Sender; clock: () => number },
  modelId: string | undefined,
  signal: AbortSignal,
): Promise<SyncOutcome> {
  const before = await readOutbox(database, modelId);
  await scanTrail(database);
  await requestSync(database, modelId);
  const deadline = clock() + longestMs;
  for (;;) {
    await Promise.race([sender.round(), pause(lookMs * 5, signal)]);
    const state = await readOutbox(database, modelId);
    const done = state.waiting === 0;
    if (done || state.attempts > 0 || clock() >= deadline)
      return {
        queued: state.queued,
        sent: Math.max(0, before.queued - state.queued),
        failed: state.failed,
        connected: state.attempts === 0 && state.lastContactAt !== null,
      };
    if (signal.aborted)
      throw new ModelYardError(
        'CANCELLED',
        'The call was cancelled.',
        'What is queued is sent all the same.',
      );
    await pause(lookMs, signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
