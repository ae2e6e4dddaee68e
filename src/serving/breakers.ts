import { changeModel, type Follower } from '../access/change_model.ts';
import type { Origin } from '../access/origin.ts';
import type { Database } from '../storage/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import {
  breakerState,
  type CallOutcome,
  type CallWindow,
  opened,
  recordCall,
  type SharedBreaker,
  trialFailed,
  tripReason,
} from './breaker.ts';
import type { ServedVersion } from './served_models.ts';

/** The breakers of this process: its windows and trials, and access to the state that all processes share. */
export interface Breakers {
  /** Whether a call may go to the version now: the breaker is closed, or half-open with a trial left. */
  allows(version: ServedVersion): boolean;
  /** Records that a call has begun; half-open, it is one of the trials. */
  begin(version: ServedVersion): Ticket;
  /** Records the outcome of a call, and opens or closes the breaker if necessary. */
  end(version: ServedVersion, ticket: Ticket, outcome: CallOutcome | 'not_counted'): void;
  /** Clears this process's window of a version and closes its breaker for all processes. */
  reset(modelId: string, version: string, origin: Origin): Promise<{ wasOpen: boolean; trips: number }>;
}

/** Which half-open phase a trial belongs to, by its `reopensAt`; undefined for a call through a closed breaker. */
interface Ticket {
  trialOf: number | undefined;
}

interface Local {
  window: CallWindow;
  trials: { of: number; begun: number; succeeded: number } | undefined;
  /** The breaker as this process last opened it, and since when that is in the database (performance.now()). */
  opened: { breaker: SharedBreaker; sharedAt: number } | undefined;
}

export function createBreakers(options: {
  database: Database;
  served?: Follower | undefined;
  clock: () => number;
  logger: Logger;
}): Breakers {
  const { database, clock, logger } = options;
  const locals = new Map<string, Local>();

  const localOf = (key: string): Local => {
    let local = locals.get(key);
    if (local === undefined) {
      local = { window: [], trials: undefined, opened: undefined };
      locals.set(key, local);
    }
    return local;
  };

  /** The shared state as it was read, unless this process has opened the breaker since. */
  const sharedOf = (version: ServedVersion): SharedBreaker | undefined => {
    const opened = locals.get(version.engineModel.key)?.opened;
    if (opened !== undefined && version.readAt < opened.sharedAt) version.breaker = opened.breaker;
    return version.breaker;
  };

  const trialsOf = (version: ServedVersion, reopensAt: number) => {
    const local = localOf(version.engineModel.key);
    if (local.trials?.of !== reopensAt) local.trials = { of: reopensAt, begun: 0, succeeded: 0 };
    return local.trials;
  };

  function open(version: ServedVersion, reason: string): void {
    const { modelId, version: name } = version.record;
    const now = clock();
    const next = opened(sharedOf(version), version.policy, now);
    version.breaker = next;
    const local = localOf(version.engineModel.key);
    local.window = [];
    const own = { breaker: next, sharedAt: Number.POSITIVE_INFINITY };
    local.opened = own;
    logger.warn('circuit breaker opened', { model_id: modelId, version: name, reason });
    writeOpened(database, modelId, name, next, reason, now)
      .catch((error: unknown) => logger.warn('an opened circuit breaker could not be shared', { error }))
      .finally(() => {
        own.sharedAt = performance.now();
      });
  }

  function close(version: ServedVersion, trialOf: number): void {
    const { modelId, version: name } = version.record;
    version.breaker = undefined;
    Object.assign(localOf(version.engineModel.key), { trials: undefined, opened: undefined });
    logger.info('circuit breaker closed', { model_id: modelId, version: name });
    writeClosed(database, modelId, name, trialOf).catch((error: unknown) =>
      logger.warn('a closed circuit breaker could not be shared', { error }),
    );
  }

  return {
    allows(version) {
      const { policy } = version;
      const breaker = sharedOf(version);
      const state = breakerState(breaker, clock());
      if (state !== 'half_open' || breaker?.reopensAt === undefined) return state === 'closed';
      return trialsOf(version, breaker.reopensAt).begun < policy.trials;
    },

    begin(version) {
      const breaker = sharedOf(version);
      if (breakerState(breaker, clock()) !== 'half_open' || breaker?.reopensAt === undefined)
        return { trialOf: undefined };
      trialsOf(version, breaker.reopensAt).begun++;
      return { trialOf: breaker.reopensAt };
    },

    end(version, { trialOf }, outcome) {
      const local = localOf(version.engineModel.key);
      if (trialOf === undefined) {
        if (outcome === 'not_counted') return;
        local.window = recordCall(local.window, outcome, version.policy, clock());
        const reason = tripReason(local.window, version.policy);
        if (reason !== undefined && breakerState(sharedOf(version), clock()) === 'closed')
          open(version, reason);
        return;
      }
      const { trials } = local;
      // A trial that ends after its half-open phase decides nothing.
      if (trials?.of !== trialOf || sharedOf(version)?.reopensAt !== trialOf) return;
      if (outcome === 'not_counted') trials.begun--;
      else if (trialFailed(outcome, version.policy)) open(version, 'a trial call failed');
      else if (++trials.succeeded >= version.policy.trials) close(version, trialOf);
    },

    async reset(modelId, version, origin) {
      locals.delete(`${modelId}@${version}`);
      return changeModel(options, origin, { modelId, version }, async (transaction) => {
        const before = await transaction
          .selectFrom('breakers')
          .select(['reopens_at', 'trips'])
          .where('model_id', '=', modelId)
          .where('version', '=', version)
          .executeTakeFirst();
        await writeClosed(transaction, modelId, version);
        const wasOpen = before !== undefined && before.reopens_at !== null;
        return {
          result: { wasOpen, trips: before?.trips ?? 0 },
          before: { open: wasOpen },
          after: { open: false },
        };
      });
    },
  };
}

/** Of several processes that open it at once only one does; the others find it open already. */
async function writeOpened(
  database: Database,
  modelId: string,
  version: string,
  next: SharedBreaker,
  reason: string,
  now: number,
): Promise<void> {
  const values = {
    reopens_at: next.reopensAt ?? null,
    open_ms: next.openMs,
    last_tripped_at: now,
    last_reason: reason,
  };
  await database
    .insertInto('breakers')
    .values({ model_id: modelId, version, trips: 1, ...values })
    .onConflict((conflict) =>
      conflict
        .columns(['model_id', 'version'])
        .doUpdateSet((eb) => ({ ...values, trips: eb('breakers.trips', '+', 1) }))
        .where((eb) => eb.or([eb('breakers.reopens_at', 'is', null), eb('breakers.reopens_at', '<=', now)])),
    )
    .execute();
}

/** @param phase closes only this half-open phase, since another process's trial may have opened it again */
async function writeClosed(
  database: Database,
  modelId: string,
  version: string,
  phase?: number,
): Promise<void> {
  let closing = database
    .updateTable('breakers')
    .set({ reopens_at: null })
    .where('model_id', '=', modelId)
    .where('version', '=', version);
  if (phase !== undefined) closing = closing.where('reopens_at', '=', phase);
  await closing.execute();
}
