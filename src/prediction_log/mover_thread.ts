/**
 * A thread that moves journals to the database and merges segments, so that this takes no time from the thread that
 * answers calls.
 */
import { serveTasks } from '../threads/serve_tasks.ts';
import { keptDatabase } from '../threads/with_database.ts';
import { isAbandoned } from './journal.ts';
import { moveJournals } from './move_journals.ts';
import type { MoverTasks } from './mover.ts';
import { tidyLog } from './tidy_log.ts';

serveTasks<MoverTasks>({
  async move({ address, finished }) {
    // Only its main thread knows which journals of this process are finished.
    const isFinished = (name: string) => isAbandoned(name) || finished.includes(name);
    return moveJournals(await keptDatabase(address), address.directory, { isFinished });
  },
  async tidy({ address, retention }) {
    const options = { now: Date.now, maxWeight: Number.POSITIVE_INFINITY };
    await tidyLog(await keptDatabase(address), retention, options);
    return undefined;
  },
});
