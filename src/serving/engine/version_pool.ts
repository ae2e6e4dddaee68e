import { ModelYardError } from '../../errors.ts';
import { batchRows, fitTogether, joinRows, splitRows } from './batching.ts';
import type { HostProcess } from './host_process.ts';
import { type EngineModel, runOn, type Warmup } from './model_host.ts';
import type { NamedTensors } from './protocol.ts';

export interface LoadReport {
  loadMs: number;
  warmupMs: number;
  /** Why the warm-up run on zeros failed, if it did; the model may still serve proper inputs. */
  warmupFailure: ModelYardError | undefined;
}

export interface PoolStatus {
  state: 'not_loaded' | 'loading' | 'ready';
  hosts: number;
  waiting: number;
  /** How long the longest present run has taken, milliseconds; undefined at rest. */
  runningMs: number | undefined;
}

/** The hosts of one version and the calls that wait for them. */
export interface VersionPool {
  model: EngineModel;
  /** Sets how many hosts there should be; more start with the next calls, surplus ones end when they are idle. */
  resize(instances: number): void;
  /** Starts and warms all instances that are missing. */
  load(): Promise<LoadReport>;
  run(tensors: NamedTensors, signal?: AbortSignal): Promise<NamedTensors>;
  status(): PoolStatus;
  /** True when no call runs or waits and nothing is being loaded. */
  isIdle(): boolean;
  /** When a call last came or ended, by performance.now(). */
  lastUsed(): number;
  /** Ends the hosts; calls that wait start new ones. */
  unload(): void;
  /** Resolves when no call runs or waits. */
  drained(): Promise<void>;
}

export interface PoolSettings {
  runTimeoutMs: number;
  /** Calls that may wait for one version. */
  maxQueue: number;
  /** Whether calls that wait may share a run. */
  batching: boolean;
}

/** Starts, loads and warms one host; may reuse one that has the artifact in it already. */
export type StartWarmHost = (
  model: EngineModel,
  instances: number,
) => Promise<{ host: HostProcess; loadMs: number; warmup: Warmup }>;

interface Member {
  host: HostProcess;
  runningSince: number | undefined;
}

interface Job {
  tensors: NamedTensors;
  /** undefined: runs alone. */
  rows: number | undefined;
  settled: boolean;
  started: boolean;
  resolve(outputs: NamedTensors): void;
  reject(error: unknown): void;
}

/** What one run may carry when calls coalesce. */
const maxBatchRows = 1024;

/**
 * Adaptive batching: a free host takes all calls that wait, up to 1 024 rows, in one run; nothing ever waits
 * for company. When such a run fails, each of its calls runs again alone, so that a fault is its own call's only.
 */
export function createVersionPool(
  model: EngineModel,
  settings: PoolSettings,
  start: StartWarmHost,
): VersionPool {
  const members = new Set<Member>();
  let queue: Job[] = [];
  let starting = 0;
  let instances = model.instances ?? 1;
  let coalesce = false;
  let firstReport: Promise<LoadReport> | undefined;
  let usedAt = performance.now();
  let waitingForDrain: (() => void)[] = [];

  const isIdle = () =>
    starting === 0 && queue.length === 0 && [...members].every((member) => member.runningSince === undefined);

  /** Starts one more host; calls that wait go on with it, or are told why there is none. */
  async function startMember(): Promise<LoadReport> {
    starting++;
    try {
      const { host, loadMs, warmup } = await start(model, instances);
      coalesce = settings.batching && warmup.coalesce;
      members.add({ host, runningSince: undefined });
      starting--;
      dispatch();
      return { loadMs, warmupMs: warmup.warmupMs, warmupFailure: warmup.failure };
    } catch (error) {
      starting--;
      rejectWaiting(error);
      throw error;
    }
  }

  function removeDead(): void {
    for (const member of members) if (!member.host.isAlive()) members.delete(member);
  }

  /** The report of the first host that is there or on its way. */
  function ensureLoaded(): Promise<LoadReport> {
    removeDead();
    if (firstReport !== undefined && members.size + starting > 0) return firstReport;
    const report = startMember();
    firstReport = report;
    report.catch(() => {
      if (firstReport === report) firstReport = undefined;
    });
    return report;
  }

  function dispatch(): void {
    usedAt = performance.now();
    removeDead();
    const free = [...members].filter((member) => member.runningSince === undefined);
    for (const member of free.splice(0, Math.max(0, members.size - instances))) {
      member.host.kill();
      members.delete(member);
    }
    queue = queue.filter((job) => !job.settled);
    free.forEach((member, index) => {
      // What waits is shared out among the hosts that are free.
      const batch = takeBatch(Math.ceil(queue.length / (free.length - index)));
      if (batch.length > 0) void runBatch(member, batch);
    });
    if (queue.length > 0 && members.size + starting < instances)
      (members.size + starting === 0 ? ensureLoaded() : startMember()).catch(() => undefined);
    if (isIdle()) {
      const settled = waitingForDrain;
      waitingForDrain = [];
      for (const resolve of settled) resolve();
    }
  }

  /** No host can be started: whoever waits is told why. */
  function rejectWaiting(error: unknown): void {
    removeDead();
    if (members.size + starting === 0) {
      const rejected = queue;
      queue = [];
      for (const job of rejected) job.reject(error);
    }
    dispatch();
  }

  function takeBatch(mostCalls: number): Job[] {
    const [first] = queue;
    if (first === undefined) return [];
    let rows = first.rows;
    if (rows === undefined || !coalesce) {
      queue.shift();
      return [first];
    }
    let taken = 1;
    for (; taken < Math.min(queue.length, mostCalls); taken++) {
      const next = queue[taken];
      if (next?.rows === undefined || rows + next.rows > maxBatchRows) break;
      if (!fitTogether(first.tensors, next.tensors)) break;
      rows += next.rows;
    }
    return queue.splice(0, taken);
  }

  async function runBatch(member: Member, batch: Job[]): Promise<void> {
    member.runningSince = performance.now();
    for (const job of batch) job.started = true;
    try {
      const outputs = await runOn(
        member.host,
        model,
        joinRows(batch.map((job) => job.tensors)),
        settings.runTimeoutMs,
      );
      const [only] = batch;
      if (batch.length === 1) only?.resolve(outputs);
      else
        settle(
          batch,
          splitRows(
            outputs,
            batch.map((job) => job.rows ?? 0),
          ),
        );
    } catch (error) {
      if (batch.length === 1) batch[0]?.reject(error);
      else runAlone(batch);
    }
    member.runningSince = undefined;
    dispatch();
  }

  function settle(batch: Job[], parts: NamedTensors[] | undefined): void {
    if (parts === undefined) {
      coalesce = false;
      runAlone(batch);
      return;
    }
    batch.forEach((job, index) => {
      const part = parts[index];
      if (part !== undefined) job.resolve(part);
    });
  }

  function runAlone(batch: Job[]): void {
    const unanswered = batch.filter((job) => !job.settled);
    for (const job of unanswered) {
      job.rows = undefined;
      job.started = false;
    }
    queue.unshift(...unanswered);
  }

  return {
    model,
    isIdle,
    lastUsed: () => usedAt,

    resize(count) {
      if (count === instances) return;
      instances = count;
      dispatch();
    },

    async load() {
      const report = await ensureLoaded();
      const missing = instances - members.size - starting;
      await Promise.all(Array.from({ length: Math.max(0, missing) }, startMember));
      return report;
    },

    run: (tensors, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(cancelled());
        if (queue.length >= settings.maxQueue) return reject(queueFull(settings.maxQueue));
        const job: Job = {
          tensors,
          rows: batchRows(tensors),
          settled: false,
          started: false,
          resolve: (outputs) => {
            forget();
            resolve(outputs);
          },
          reject: (error) => {
            forget();
            reject(error);
          },
        };
        const forget = () => {
          job.settled = true;
          // One that nobody waits for any more takes no place in the queue.
          if (!job.started) queue = queue.filter((other) => other !== job);
          clearTimeout(timer);
          signal?.removeEventListener('abort', abort);
        };
        // A call that waits is taken off the queue; a run that is under way cannot be stopped, nobody waits for it.
        const abort = () => job.reject(cancelled());
        signal?.addEventListener('abort', abort);
        const timer = setTimeout(
          () => job.reject(tooLate(job.started, settings.runTimeoutMs)),
          settings.runTimeoutMs,
        );
        queue.push(job);
        // After everything that is ready to run now: calls that came in together share a run.
        if (queue.length === 1) process.nextTick(dispatch);
      }),

    status() {
      const alive = [...members].filter((member) => member.host.isAlive());
      const since = alive.flatMap(({ runningSince }) => runningSince ?? []);
      return {
        state: alive.length > 0 ? 'ready' : starting > 0 ? 'loading' : 'not_loaded',
        hosts: alive.length,
        waiting: queue.length,
        runningMs: since.length === 0 ? undefined : performance.now() - Math.min(...since),
      };
    },

    unload() {
      for (const member of members) member.host.kill();
      members.clear();
      firstReport = undefined;
    },

    drained: () =>
      new Promise((resolve) => {
        waitingForDrain.push(resolve);
        dispatch();
      }),
  };
}

function queueFull(maxQueue: number): ModelYardError {
  return new ModelYardError(
    'LIMIT_EXCEEDED',
    `${maxQueue} calls wait for this version already.`,
    'Call again when there is less load, send more rows in one call, or deploy the version with more instances.',
  );
}

function cancelled(): ModelYardError {
  return new ModelYardError('CANCELLED', 'The call was cancelled.', 'Nothing was logged.');
}

function tooLate(started: boolean, timeoutMs: number): ModelYardError {
  return new ModelYardError(
    'TIMEOUT',
    started
      ? `The model did not answer within ${timeoutMs} ms.`
      : `The call waited ${timeoutMs} ms for its turn on the model.`,
    started
      ? 'Try again with fewer or simpler rows, or start the server with a higher MODELYARD_PREDICT_TIMEOUT_MS.'
      : 'Try again when there is less load, or deploy the version with more instances.',
    { cause: started ? undefined : waitedForTurn },
  );
}

/** The cause of a TIMEOUT that came before the model saw the call: load, not a fault of the model. */
export const waitedForTurn = 'waited for its turn';
