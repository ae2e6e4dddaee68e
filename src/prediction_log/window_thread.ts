/**
 * A thread that reads large windows of the log, so that unpacking them takes no time from the thread that answers
 * calls.
 */
import { serveTasks } from '../threads/serve_tasks.ts';
import { withDatabase } from '../threads/with_database.ts';
import { readWindow } from './window.ts';
import type { WindowTasks } from './window_reader.ts';

serveTasks<WindowTasks>({
  readWindow: ({ address, request }) => withDatabase(address, (database) => readWindow(database, request)),
});
