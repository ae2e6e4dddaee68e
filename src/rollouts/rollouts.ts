import type { Approvals, Call } from '../access/approval.ts';
import type { Origin } from '../access/origin.ts';
import { may } from '../access/roles.ts';
import type { Backtest } from '../backtest/backtest.ts';
import type { LivePerformance } from '../monitoring/live_performance/index.ts';
import type { WindowReader } from '../prediction_log/window_reader.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Settings } from '../settings.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Actors } from './carry_out.ts';
import { controlRollout, type RolloutControl } from './control_rollout.ts';
import { findRollout, readDecisions, readNewestRollouts, readOpenRollouts } from './rollout_store.ts';
import { type RolloutRequest, startRollout } from './start_rollout.ts';
import { watchRollouts } from './watch_rollouts.ts';

export interface RolloutNeeds extends Actors {
  livePerformance: LivePerformance;
  approvals: Approvals;
  readWindow: WindowReader;
  backtest: Backtest['run'];
  flushLog: () => Promise<unknown>;
  prepare: (record: VersionRecord, origin: Origin) => Promise<void>;
  logger: Logger;
}

/** Rollouts: records of a plan, its steps and decisions, carried on by one of all processes at a time. */
export function openRollouts(settings: Settings, { livePerformance, ...needs }: RolloutNeeds) {
  const { database } = needs;
  const dependencies = { ...needs, measure: livePerformance.measuring.measure };
  // Who may change nothing carries nothing on.
  const watch = may(settings, 'WRITE') ? watchRollouts(dependencies) : undefined;
  return {
    start: (request: RolloutRequest, call: Call) => startRollout(needs, request, call),
    control: (control: RolloutControl, call: Call) => controlRollout(needs, control, call),
    /** The rollout of that id, or the newest of the model, with its decisions. @throws INVALID_INPUT */
    async find(which: { rolloutId?: string | undefined; modelId?: string | undefined }) {
      const rollout = await findRollout(database, which);
      return { rollout, decisions: await readDecisions(database, rollout.rolloutId) };
    },
    /** Those that are not over. */
    open: () => readOpenRollouts(database),
    /** Their ids, those that are not over first, else the newest. */
    newest: (limit: number) => readNewestRollouts(database, limit),
    close: async () => watch?.close(),
  };
}
