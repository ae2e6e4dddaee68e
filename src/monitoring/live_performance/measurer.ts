import { builtFile } from '../../built_file.ts';
import { listWindow, readWindow, windowRows } from '../../prediction_log/window.ts';
import type { Database, DatabaseAddress } from '../../storage/database.ts';
import { openThreads } from '../../threads/index.ts';
import { type Measurement, type MeasuringRequest, measure } from './measure.ts';

export type MeasuringTasks = {
  measure: { input: { address: DatabaseAddress; request: MeasuringRequest }; output: Measurement };
};

/** Measures what is in the log. @throws STORAGE_UNAVAILABLE */
export type Measurer = (request: MeasuringRequest) => Promise<Measurement>;

/**
 * Rows that are measured on this thread, in a few milliseconds; more rows, and every reference, are measured in a
 * worker thread.
 */
const rowsInPlace = 1000;

/** One task at a time, since each may hold hundreds of megabytes. */
const threads = openThreads<MeasuringTasks>(builtFile('measure_thread.js'), { idleMs: 0 });

/** Measures small windows on this thread and large ones in a worker thread. */
export function createMeasurer({ database, ...address }: DatabaseAddress & { database: Database }): Measurer {
  const store = { database, readWindow: readWindow.bind(undefined, database) };
  return async (request) =>
    (await isQuick(database, request))
      ? measure(store, request)
      : threads.run('measure', { address, request });
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
