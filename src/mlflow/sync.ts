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

export interface PushNowDependencies {
  database: Database;
  sender: Sender;
  /** Whether MLflow answers now. */
  isThere(signal: AbortSignal): Promise<boolean>;
  clock: () => number;
}

/** How long a call waits for MLflow, milliseconds: clients give up after a minute. */
const longestMs = 45_000;
const pingMs = 5000;
/** Between two looks at what another process sends. */
const lookMs = 200;

/**
 * Has the registry (or one model) compared with MLflow now, and waits until both agree, MLflow fails, or time is up;
 * what is left is sent in the background.
 * @throws MODEL_NOT_FOUND; CANCELLED
 */
export async function pushNow(
  { database, sender, isThere, clock }: PushNowDependencies,
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
        // Where there was nothing to send, nobody has tried yet.
        connected:
          state.attempts === 0 && (await isThere(AbortSignal.any([signal, AbortSignal.timeout(pingMs)]))),
      };
    if (signal.aborted)
      throw new ModelYardError(
        'CANCELLED',
        'The call was cancelled.',
        'What is queued is sent all the same: call again to see how far it is.',
      );
    await pause(lookMs, signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}
