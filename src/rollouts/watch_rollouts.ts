import { randomUUID } from 'node:crypto';
import type { Database } from '../storage/database.ts';
import { type ReconcileDependencies, reconcile } from './reconcile.ts';
import { readOpenRollouts } from './rollout_store.ts';
import { lookInterval } from './waits.ts';

/** How long a process that says nothing keeps its place, and how often each looks whether something is due, milliseconds. */
const leaseMs = 10_000;
const tickMs = 500;

/**
 * This process's part in carrying rollouts on: of all processes on the store one does at a time. The lease saves work;
 * that a decision is made once does not hang on it.
 */
export function watchRollouts(dependencies: ReconcileDependencies): { close(): Promise<void> } {
  const { database, clock, logger } = dependencies;
  const holder = randomUUID();
  let underWay: Promise<void> | undefined;
  const reconciling = new Map<string, Promise<void>>();
  let [closed, failing] = [false, false];

  const look = async () => {
    const open = await readOpenRollouts(database);
    const due = open.filter((rollout) => {
      const since = clock() - rollout.lookedAt;
      return since < 0 || since >= lookInterval(rollout);
    });
    if (due.length === 0 || !(await takeLease(database, holder, clock()))) return;
    for (const rollout of due) {
      const { rolloutId } = rollout;
      if (closed || reconciling.has(rolloutId)) continue;
      // None waits for another: a replay takes minutes, and harm elsewhere is to be seen meanwhile.
      const done = reconcile(dependencies, rollout)
        .then(() => {
          failing = false;
        })
        .catch(warn)
        .finally(() => reconciling.delete(rolloutId));
      reconciling.set(rolloutId, done);
    }
  };
  const warn = (error: unknown) => {
    if (!failing && !closed) logger.warn('rollouts could not be carried on', { error });
    failing = true;
  };
  const tick = () => {
    underWay ??= look()
      .catch(warn)
      .finally(() => {
        underWay = undefined;
      });
  };
  const timer = setInterval(tick, tickMs).unref();
  return {
    async close() {
      closed = true;
      clearInterval(timer);
      await underWay;
      await Promise.all(reconciling.values());
      await releaseLease(database, holder).catch(() => undefined);
    },
  };
}

/** @returns whether `holder` has the lease now */
async function takeLease(database: Database, holder: string, now: number): Promise<boolean> {
  const row = await database.selectFrom('rollout_lease').selectAll().executeTakeFirstOrThrow();
  const isOver = row.expires_at <= now || row.expires_at > now + leaseMs;
  if (row.holder !== holder && !isOver) return false;
  // Renewed in its second half: reading is cheap, writing is not.
  if (row.holder === holder && !isOver && row.expires_at - now > leaseMs / 2) return true;
  const { numUpdatedRows } = await database
    .updateTable('rollout_lease')
    .set({ holder, expires_at: now + leaseMs })
    .where('expires_at', '=', row.expires_at)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

async function releaseLease(database: Database, holder: string): Promise<void> {
  await database.updateTable('rollout_lease').set({ expires_at: 0 }).where('holder', '=', holder).execute();
}
