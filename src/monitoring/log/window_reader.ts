import { Worker } from 'node:worker_threads';
import { ModelYardError } from '../../errors.ts';
import type { Database } from '../../storage/database.ts';
import { type LogWindow, listWindow, readWindow, type WindowRequest, windowRows } from './window.ts';

export interface WindowThreadData {
  directory: string;
  databaseUrl: string | undefined;
  request: WindowRequest;
}

export type WindowAnswer = { window: LogWindow } | { failure: string };

/** Reads a window of the log. @throws STORAGE_UNAVAILABLE */
export type WindowReader = (request: WindowRequest) => Promise<LogWindow>;

/** Numbers that are read in place, a segment at a time; more are a thread's. */
const cellsInPlace = 300_000;

/** The compiled thread; a server that runs from its TypeScript sources (the tests) uses the built one. */
const threadFile = new URL(
  import.meta.url.endsWith('.ts')
    ? '../../../dist/src/monitoring/log/window_thread.js'
    : './window_thread.js',
  import.meta.url,
);

/** Reads small windows in place and large ones in a thread, whose columns change hands without being copied. */
export function windowReader(options: {
  database: Database;
  directory: string;
  databaseUrl?: string | undefined;
}): WindowReader {
  const { database, directory, databaseUrl } = options;
  return async (request) => {
    const rows = windowRows(await listWindow(database, request), request.rows);
    if (rows * (request.features.length + 3) <= cellsInPlace) return readWindow(database, request);
    return inThread({ directory, databaseUrl, request });
  };
}

function inThread(workerData: WindowThreadData): Promise<LogWindow> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string) =>
      reject(
        new ModelYardError(
          'STORAGE_UNAVAILABLE',
          `The window of the prediction log could not be read (${reason}).`,
          'Try again shortly, or with a shorter window.',
        ),
      );
    const thread = new Worker(threadFile, { workerData });
    thread.on('message', (answer: WindowAnswer) => {
      if ('window' in answer) resolve(answer.window);
      else fail(answer.failure);
    });
    thread.on('error', (error) => fail(error.message));
    thread.on('exit', () => fail('the thread ended'));
  });
}
