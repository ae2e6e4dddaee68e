import { parentPort } from 'node:worker_threads';
import { ModelYardError, messageOf } from '../errors.ts';
import { storageError } from '../storage/storage_error.ts';
import { readableStack } from '../telemetry/readable_stack.ts';
import {
  type TaskMessage,
  type TaskProgress,
  type TaskRequest,
  type TaskTable,
  taskRequest,
} from './messages.ts';
import { memoryOf } from './transfer.ts';

export type ReportProgress = (done: number, total?: number, message?: string) => void;

export type TaskHandlers<Tasks extends TaskTable> = {
  [Name in keyof Tasks]: (
    input: Tasks[Name]['input'],
    progress: ReportProgress,
  ) => Tasks[Name]['output'] | Promise<Tasks[Name]['output']>;
};

/**
 * The thread's side of {@link openThreads}: runs the tasks that it is sent. The typed arrays of a result are
 * transferred to the caller; what a task writes to standard output goes to standard error. An error with a code keeps
 * it, and a database that is away is STORAGE_UNAVAILABLE; anything else is a defect.
 */
export function serveTasks<Tasks extends TaskTable>(handlers: TaskHandlers<Tasks>): void {
  process.stdout.write = process.stderr.write.bind(process.stderr);
  const tasks = new Map(Object.entries(handlers));
  parentPort?.on('message', async (message: unknown) => {
    const request = taskRequest(message);
    const answer = await answerTo(tasks, request);
    try {
      parentPort?.postMessage(answer, memoryOf(answer));
    } catch (error) {
      // A result that cannot be cloned is a defect of the task too.
      parentPort?.postMessage({ id: request.id, defect: defectOf(error) } satisfies TaskMessage);
    }
  });
}

type AnyHandler = (input: never, progress: ReportProgress) => unknown;

async function answerTo(
  tasks: ReadonlyMap<string, AnyHandler>,
  { id, name, input, reports }: TaskRequest,
): Promise<TaskMessage> {
  try {
    const handler = tasks.get(name);
    if (handler === undefined) throw new Error(`The thread knows no task ${name}.`);
    // The table of tasks says what each takes, which the message itself does not.
    const output = await handler(input as never, reports ? reporter(id) : () => undefined);
    return { id, output };
  } catch (thrown) {
    const error = storageError(thrown);
    if (!(error instanceof ModelYardError)) return { id, defect: defectOf(error) };
    return { id, refused: errorOf(error) };
  }
}

function reporter(id: number): ReportProgress {
  return (done, total, message) => {
    const progress: TaskProgress = { done, total, message };
    parentPort?.postMessage({ id, progress } satisfies TaskMessage);
  };
}

function errorOf({ code, message, hint, retryable }: ModelYardError) {
  return { code, message, hint, retryable };
}

function defectOf(error: unknown): { message: string; stack: string | undefined } {
  const stack = error instanceof Error ? error.stack : undefined;
  return { message: messageOf(error), stack: stack && readableStack(stack) };
}
