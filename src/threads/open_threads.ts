import { Worker } from 'node:worker_threads';
import { ModelYardError, systemCodeOf } from '../errors.ts';
import { type NativeCalls, watchNativeCalls } from '../native_calls.ts';
import { isTaskMessage, type TaskMessage, type TaskRequest, type TaskTable } from './messages.ts';
import type { ReportProgress } from './serve_tasks.ts';
import { memoryOf } from './transfer.ts';

export interface ThreadOptions {
  /** Most threads at once; further tasks wait. Default 1. */
  threads?: number;
  /** Whether a thread gets a task while it runs another. Default: one at a time. */
  shared?: boolean;
  /** How long a thread without tasks is kept, milliseconds; default until closed. 0 releases its memory at once. */
  idleMs?: number;
  /** How long a task may run before its thread is ended, milliseconds. */
  timeLimitMs?: number;
  /** Memory of JavaScript values that a thread may take, MB. */
  memoryMb?: number;
}

interface TaskOptions {
  signal?: AbortSignal | undefined;
  progress?: ReportProgress | undefined;
}

export interface Threads<Tasks extends TaskTable> {
  /**
   * Runs a task in a thread. The typed arrays of the input are transferred: they are empty afterwards.
   *
   * @throws the task's own error where it has a code, STORAGE_UNAVAILABLE when the database was away, CANCELLED when
   * the signal was aborted or the threads were closed, LIMIT_EXCEEDED when it took too long or too much memory; for a
   * defect a plain error with the thread's stack
   */
  run<Name extends keyof Tasks & string>(
    name: Name,
    input: Tasks[Name]['input'],
    options?: TaskOptions,
  ): Promise<Tasks[Name]['output']>;
  /** Ends the threads without finishing their tasks. */
  close(): Promise<void>;
}

interface Job {
  request: TaskRequest;
  progress: ReportProgress | undefined;
  resolve(output: unknown): void;
  reject(error: Error): void;
}

interface Member {
  worker: Worker;
  nativeCalls: NativeCalls;
  jobs: Map<number, Job>;
  idle: NodeJS.Timeout | undefined;
}

/**
 * Threads for tasks that take longer than the thread that answers calls can spare. They start with the first task and
 * do not keep the process alive.
 *
 * @param entry the compiled module that calls {@link serveTasks}
 */
export function openThreads<Tasks extends TaskTable>(
  entry: URL,
  options: ThreadOptions = {},
): Threads<Tasks> {
  const { threads = 1, shared = false, idleMs, timeLimitMs, memoryMb } = options;
  const members = new Set<Member>();
  let waiting: Job[] = [];
  let lastId = 0;
  let isClosed = false;

  function start(): Member {
    const nativeCalls = watchNativeCalls();
    const worker = new Worker(entry, {
      workerData: nativeCalls.shared,
      // The process may have flags that a thread refuses.
      execArgv: [],
      // Captured, so that its output does not mix with the protocol's messages; serveTasks writes it to standard
      // error.
      stdout: true,
      ...(memoryMb !== undefined && { resourceLimits: { maxOldGenerationSizeMb: memoryMb } }),
    });
    const member: Member = { worker, nativeCalls, jobs: new Map(), idle: undefined };
    members.add(member);
    worker.on('message', (message: unknown) => {
      if (isTaskMessage(message)) hear(member, message);
      else void end(member, new Error(`The thread ${entry.pathname} sent what tells of no task.`));
    });
    worker.on('error', (error) => end(member, endedBy(error, memoryMb)));
    worker.on('exit', (code) => {
      nativeCalls.forget();
      void end(member, new Error(`The thread ${entry.pathname} ended with code ${code}.`));
    });
    return member;
  }

  /** Removes a thread, rejecting the tasks that wait for it with the reason. */
  async function end(member: Member, reason: Error): Promise<void> {
    members.delete(member);
    clearTimeout(member.idle);
    for (const job of member.jobs.values()) job.reject(reason);
    member.jobs.clear();
    dispatch();
    await member.nativeCalls.keepOut();
    await member.worker.terminate();
  }

  function hear(member: Member, message: TaskMessage): void {
    const job = member.jobs.get(message.id);
    if (job === undefined) return;
    if ('progress' in message) {
      const { done, total, message: text } = message.progress;
      job.progress?.(done, total, text);
      return;
    }
    member.jobs.delete(message.id);
    if ('output' in message) job.resolve(message.output);
    else if ('refused' in message) {
      const { code, message: text, hint, retryable } = message.refused;
      job.reject(new ModelYardError(code, text, hint, { retryable }));
    } else job.reject(defect(job.request.name, message.defect));
    dispatch();
    if (member.jobs.size === 0 && members.has(member)) rest(member);
  }

  function rest(member: Member): void {
    member.worker.unref();
    if (idleMs === undefined) return;
    if (idleMs === 0) {
      void end(member, new Error('The thread is at rest.'));
      return;
    }
    member.idle = setTimeout(() => void end(member, new Error('The thread is at rest.')), idleMs).unref();
  }

  function dispatch(): void {
    while (waiting.length > 0) {
      const free = [...members].find(({ jobs }) => shared || jobs.size === 0);
      if (free === undefined && members.size >= threads) return;
      const job = waiting.shift();
      if (job !== undefined) give(free ?? start(), job);
    }
  }

  function give(member: Member, job: Job): void {
    clearTimeout(member.idle);
    member.jobs.set(job.request.id, job);
    member.worker.ref();
    try {
      member.worker.postMessage(job.request, memoryOf(job.request.input));
    } catch (error) {
      member.jobs.delete(job.request.id);
      job.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /**
   * Drops a task that is no longer wanted: removes it from the queue, or ends its thread where that runs nothing
   * else.
   */
  function drop(id: number, reason: Error): void {
    waiting = waiting.filter(({ request }) => request.id !== id);
    for (const member of members) {
      if (!member.jobs.has(id)) continue;
      if (!shared) void end(member, reason);
      return;
    }
  }

  return {
    run: (name, input, { signal, progress } = {}) =>
      new Promise((resolve, reject) => {
        if (isClosed) return reject(closed());
        if (signal?.aborted) return reject(cancelled());
        const id = ++lastId;
        const stop = (reason: Error) => {
          forget();
          reject(reason);
          drop(id, reason);
        };
        const abort = () => stop(cancelled());
        const timer =
          timeLimitMs === undefined
            ? undefined
            : setTimeout(() => stop(tooLong(name, timeLimitMs)), timeLimitMs);
        const forget = () => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', abort);
        };
        signal?.addEventListener('abort', abort);
        waiting.push({
          request: { id, name, input, reports: progress !== undefined },
          progress,
          resolve: (output) => {
            forget();
            // The handler of that name made it, so it is of that type.
            resolve(output as Tasks[typeof name]['output']);
          },
          reject: (error) => {
            forget();
            reject(error);
          },
        });
        dispatch();
      }),
    async close() {
      isClosed = true;
      const left = waiting;
      waiting = [];
      for (const job of left) job.reject(closed());
      await Promise.all([...members].map((member) => end(member, closed())));
    },
  };
}

function defect(name: string, { message, stack }: { message: string; stack: string | undefined }): Error {
  const error = new Error(`The task ${name} failed: ${message}`);
  if (stack !== undefined) error.stack = `${error.message}\n${stack}`;
  return error;
}

function endedBy(error: Error, memoryMb: number | undefined): Error {
  if (systemCodeOf(error) !== 'ERR_WORKER_OUT_OF_MEMORY') return error;
  return new ModelYardError(
    'LIMIT_EXCEEDED',
    `It took more memory than it may${memoryMb === undefined ? '' : ` (${memoryMb} MB)`}.`,
    'Ask about fewer rows, fewer features or a shorter window.',
  );
}

function tooLong(name: string, timeLimitMs: number): ModelYardError {
  return new ModelYardError(
    'LIMIT_EXCEEDED',
    `The task ${name} took longer than ${timeLimitMs} ms.`,
    'Ask about fewer rows, fewer features or a shorter window.',
  );
}

function cancelled(): ModelYardError {
  return new ModelYardError('CANCELLED', 'The call was cancelled.', 'Call again if the answer is wanted.');
}

function closed(): ModelYardError {
  return new ModelYardError('CANCELLED', 'The server is ending.', 'Call again when it runs.');
}
