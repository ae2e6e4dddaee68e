import { Worker } from 'node:worker_threads';
import { ModelYardError } from '../../errors.ts';
import type { Database } from '../../storage/database.ts';
import { listWindow, readWindow, windowRows } from '../log/window.ts';
import { type Measurement, type MeasuringRequest, measure } from './measure.ts';

export interface MeasureThreadData {
  directory: string;
  databaseUrl: string | undefined;
  request: MeasuringRequest;
}

export type MeasureAnswer = { measurement: Measurement } | { failure: string };

/** Measures what is in the log. @throws STORAGE_UNAVAILABLE */
export type Measurer = (request: MeasuringRequest) => Promise<Measurement>;

/** Rows that are measured in place, in a few milliseconds; more, and every reference, are a thread's. */
const rowsInPlace = 1000;

/** The compiled thread; a server that runs from its TypeScript sources (the tests) uses the built one. */
const threadFile = new URL(
  import.meta.url.endsWith('.ts')
    ? '../../../dist/src/monitoring/live_performance/measure_thread.js'
    : './measure_thread.js',
  import.meta.url,
);

/** Measures little in place and much in a thread, one at a time: each may hold hundreds of megabytes. */
export function createMeasurer(options: {
  database: Database;
  directory: string;
  databaseUrl?: string | undefined;
}): Measurer {
  const { database, directory, databaseUrl } = options;
  const store = { database, readWindow: readWindow.bind(undefined, database) };
  let last: Promise<unknown> = Promise.resolve();
  return async (request) => {
    if (await isQuick(database, request)) return measure(store, request);
    const measured = last.then(() => inThread({ directory, databaseUrl, request }));
    last = measured.catch(() => undefined);
    return measured;
  };
}

async function isQuick(database: Database, { versions, split }: MeasuringRequest): Promise<boolean> {
  if (versions.some(({ referenceId, chart }) => referenceId !== undefined || chart)) return false;
  const windows = [
    ...versions.map(({ record: { modelId, version }, since, until }) => ({ modelId, version, since, until })),
    ...(split?.versions ?? []).map(({ version }) => ({ modelId: '', since: 0, until: 0, ...split, version })),
  ];
  let rows = 0;
  for (const { modelId, version, since, until } of windows) {
    const request = { modelId, version, since, until, rows: 'served' as const, features: [] };
    rows += windowRows(await listWindow(database, request), 'served');
    if (rows > rowsInPlace) return false;
  }
  return true;
}

function inThread(workerData: MeasureThreadData): Promise<Measurement> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string) =>
      reject(
        new ModelYardError(
          'STORAGE_UNAVAILABLE',
          `The performance could not be measured (${reason}).`,
          'Try again shortly, or with a shorter window.',
        ),
      );
    // The process's own flags may be none that a thread takes, and what it writes must not get among the
    // messages of the protocol.
    const thread = new Worker(threadFile, { workerData, execArgv: [], stdout: true });
    thread.on('message', (answer: MeasureAnswer) => {
      if ('measurement' in answer) resolve(answer.measurement);
      else fail(answer.failure);
    });
    thread.on('error', (error) => fail(error.message));
    thread.on('exit', () => fail('the thread ended'));
  });
}
