/** A worker thread that reads one large window of the log, so that unpacking it takes no time of the thread that answers calls. */
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../errors.ts';
import { openDatabase } from '../../storage/database.ts';
import { type LogWindow, readWindow } from './window.ts';
import type { WindowColumn } from './window_column.ts';
import type { WindowAnswer, WindowThreadData } from './window_reader.ts';

const { directory, databaseUrl, request }: WindowThreadData = workerData;

/** The memory of the columns, each once: it changes hands. */
function buffersOf(window: LogWindow): ArrayBuffer[] {
  const columns = [...window.features, ...window.values, window.actual, window.errors];
  const arrays = [
    window.at,
    window.latencyMs,
    ...window.probabilities.map(({ values }) => values),
    ...columns.flatMap((column) => (column === undefined ? [] : [arrayOf(column)])),
  ];
  const buffers = arrays.map(({ buffer }) => buffer);
  return [...new Set(buffers)].filter((buffer) => buffer instanceof ArrayBuffer);
}

function arrayOf(column: WindowColumn): Float64Array | Int32Array {
  return column.kind === 'numeric' ? column.values : column.codes;
}

async function read(): Promise<LogWindow> {
  const { database, close } = await openDatabase({ directory, databaseUrl });
  try {
    return await readWindow(database, request);
  } finally {
    await close();
  }
}

try {
  const window = await read();
  const answer: WindowAnswer = { window };
  parentPort?.postMessage(answer, buffersOf(window));
} catch (error) {
  const answer: WindowAnswer = { failure: messageOf(error) };
  parentPort?.postMessage(answer);
}
