import type { ErrorCode } from '../errors.ts';
import { isPlainObject } from '../plain_object.ts';

/** The tasks that a thread runs, by name. Inputs and outputs must be values that can be cloned. */
export type TaskTable = Record<string, { input: unknown; output: unknown }>;

export interface TaskRequest {
  id: number;
  name: string;
  input: unknown;
  /** Whether the caller wants progress reports. */
  reports: boolean;
}

export interface TaskProgress {
  done: number;
  total: number | undefined;
  message: string | undefined;
}

/** What a thread sends: progress, the result of a task, an error with a code, or a defect. */
export type TaskMessage = { id: number } & (
  | { progress: TaskProgress }
  | { output: unknown }
  | { refused: { code: ErrorCode; message: string; hint: string; retryable: boolean } }
  | { defect: { message: string; stack: string | undefined } }
);

/** What came over the port to a thread. @throws Error for anything that openThreads does not send */
export function taskRequest(message: unknown): TaskRequest {
  if (!isPlainObject(message) || typeof message.id !== 'number' || typeof message.name !== 'string')
    throw new Error('A message came to a thread that is no task.');
  const { id, name, input, reports } = message;
  return { id, name, input, reports: reports === true };
}

/** Whether what came over the port from a thread is what serveTasks sends. */
export function isTaskMessage(message: unknown): message is TaskMessage {
  if (!isPlainObject(message) || typeof message.id !== 'number') return false;
  const { progress, refused, defect } = message;
  return (
    'output' in message ||
    (isPlainObject(progress) && typeof progress.done === 'number') ||
    (isPlainObject(refused) && typeof refused.code === 'string' && typeof refused.message === 'string') ||
    (isPlainObject(defect) && typeof defect.message === 'string')
  );
}
