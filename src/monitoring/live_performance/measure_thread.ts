/** A worker thread that reads and measures a large window of the log, so that it takes no time of the thread that answers calls. */
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../errors.ts';
import { openDatabase } from '../../storage/database.ts';
import { readWindow } from '../log/window.ts';
import { type Measurement, measure } from './measure.ts';
import type { MeasureAnswer, MeasureThreadData } from './measurer.ts';

const { directory, databaseUrl, request }: MeasureThreadData = workerData;

async function carryOut(): Promise<Measurement> {
  const { database, close } = await openDatabase({ directory, databaseUrl });
  try {
    return await measure({ database, readWindow: readWindow.bind(undefined, database) }, request);
  } finally {
    await close();
  }
}

let answer: MeasureAnswer;
try {
  answer = { measurement: await carryOut() };
} catch (error) {
  answer = { failure: messageOf(error) };
}
parentPort?.postMessage(answer);
