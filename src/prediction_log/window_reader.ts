import { builtFile } from '../built_file.ts';
import type { Database, DatabaseAddress } from '../storage/database.ts';
import { openThreads } from '../threads/index.ts';
import type { LogWindow, WindowRequest } from './log_window.ts';
import { listWindow, readWindow, windowRows } from './window.ts';

export type WindowTasks = {
  readWindow: { input: { address: DatabaseAddress; request: WindowRequest }; output: LogWindow };
};

/** Reads a window of the log. @throws STORAGE_UNAVAILABLE */
export type WindowReader = (request: WindowRequest) => Promise<LogWindow>;

/** Cells that are read on this thread, a segment at a time; larger windows are read in a worker thread. */
const cellsInPlace = 300_000;

const threads = openThreads<WindowTasks>(builtFile('window_thread.js'), {
  threads: 2,
  idleMs: 0,
});

/**
 * Reads small windows on this thread and large ones in a worker thread, which transfers the columns without copying.
 */
export function windowReader({
  database,
  ...address
}: DatabaseAddress & { database: Database }): WindowReader {
  return async (request) => {
    const rows = windowRows(await listWindow(database, request), request.rows);
    if (rows * (request.features.length + 3) <= cellsInPlace) return readWindow(database, request);
    return threads.run('readWindow', { address, request });
  };
}
