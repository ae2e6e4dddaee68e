/** A worker thread that carries out one task and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { ModelYardError, messageOf } from '../../errors.ts';
import type { TaskAnswer } from './run_task.ts';
import { carryOut, type TaskName, type TaskOrder } from './tasks.ts';
import { memoryOf } from './transfer.ts';

const order: TaskOrder<TaskName> = workerData;

let answer: TaskAnswer<unknown>;
try {
  answer = { output: await carryOut(order) };
} catch (error) {
  answer =
    error instanceof ModelYardError
      ? { refused: { code: error.code, message: error.message, hint: error.hint } }
      : { failure: error instanceof Error ? (error.stack ?? error.message) : messageOf(error) };
}
parentPort?.postMessage(answer, memoryOf(answer));
