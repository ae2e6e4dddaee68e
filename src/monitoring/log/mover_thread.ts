/**
 * A worker thread that moves journals to the database and merges what is there, so that reading, parsing, packing and
 * inserting take no time of the thread that answers calls. It does what it is told to, one thing after the other.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../errors.ts';
import { openDatabase } from '../../storage/database.ts';
import { isAbandoned } from './journal.ts';
import { moveLog, tidyLog } from './move_log.ts';
import type { ThreadAnswer, ThreadOptions, ThreadRequest } from './thread_mover.ts';

const options: ThreadOptions = workerData;
const opened = openDatabase(options);
// Whoever asks first is told; until then it is nobody's.
opened.catch(() => undefined);

async function answer(request: ThreadRequest): Promise<number> {
  const { database } = await opened;
  if (request.task === 'tidy') {
    await tidyLog(database, options.retention, { now: Date.now, maxWeight: Number.POSITIVE_INFINITY });
    return 0;
  }
  // Which journals of this process are finished only its main thread knows.
  const isFinished = (name: string) => isAbandoned(name) || request.finished.includes(name);
  return moveLog(database, options.directory, { isFinished });
}

parentPort?.on('message', async (request: ThreadRequest) => {
  const done: ThreadAnswer = { id: request.id, unreadable: 0, failure: undefined };
  try {
    done.unreadable = await answer(request);
  } catch (error) {
    done.failure = messageOf(error);
  }
  parentPort?.postMessage(done);
});
