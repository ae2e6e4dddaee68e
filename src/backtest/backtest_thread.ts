/** A thread that replays rows, so that neither reading nor comparing them takes time of the thread that answers calls. */
import { readlinkSync } from 'node:fs';
import { serveTasks } from '../threads/serve_tasks.ts';
import type { BacktestTasks } from './backtest.ts';
import { replayRows } from './replay_rows.ts';
import { yieldToOthers } from './replayed_version.ts';

yieldToOthers(ownThread());

serveTasks<BacktestTasks>({
  replay: (task, progress) => replayRows(task, progress),
});

/** What the system calls this thread, where threads have priorities of their own (Linux); elsewhere undefined. */
function ownThread(): number | undefined {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1)) || undefined;
  } catch {
    return undefined;
  }
}
