/**
 * A worker thread that moves journals to the database, so that reading, parsing and inserting them takes no
 * time of the thread that answers calls. It moves when it is told to, and says when it is done.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../errors.ts';
import { openDatabase } from '../../storage/database.ts';
import { isAbandoned } from './journal.ts';
import { moveJournals } from './move_journals.ts';
import type { MoveAnswer, ThreadOptions } from './thread_mover.ts';

const options: ThreadOptions = workerData;
const opened = openDatabase(options);

parentPort?.on('message', async () => {
  const answer: MoveAnswer = { unreadable: 0, failure: undefined };
  try {
    const { database } = await opened;
    // Which journal of this process is finished only its main thread knows.
    answer.unreadable = await moveJournals(database, options.directory, { isFinished: isAbandoned });
  } catch (error) {
    answer.failure = messageOf(error);
  }
  parentPort?.postMessage(answer);
});
