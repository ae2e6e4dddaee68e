import { createDeadlines } from '../../deadlines.ts';
import { ModelYardError } from '../../errors.ts';
import type { KnownInput } from '../graph/known_inputs.ts';
import type { RowIndependence } from '../graph/rows/row_independence.ts';
import { batchRows, joinRows, splitRows } from './batching.ts';
import { createBlame } from './blame.ts';
import { RunFailure } from './fault.ts';
import { cancelled, createJob, type Job, type JobOptions, type JobOwner, queueFull } from './job.ts';
import { createJudge, isHang } from './judge.ts';
import { askedHost, type EngineModel, timedRunOn } from './model_host.ts';
import {
  createPoolHosts,
  type LoadReport,
  type Member,
  type PoolStatus,
  type StartWarmHost,
} from './pool_hosts.ts';
import type { NamedDimensions, NamedTensors } from './protocol.ts';
import { refusedInputs } from './refused_inputs.ts';
import { dimensionMismatch } from './shared_dimensions.ts';
import { countOfBatch, rowsOf, sharedLimit } from './sharing.ts';

/** The hosts of one version and the calls that wait for them. */
export interface VersionPool {
  model: EngineModel;
  /** Sets how many hosts there should be; more start with the next calls, surplus ones end when they are idle. */
  resize(instances: number): void;
  /** Starts and warms all instances that are missing. */
  load(): Promise<LoadReport>;
  /** @throws a RunFailure where the model ran and failed, ran too long, or ended its host */
  run(tensors: NamedTensors, options?: PoolRun): Promise<NamedTensors>;
  /** Whether rows can change one another's answers; loads a host where there is none. */
  rows(): Promise<RowIndependence>;
  known(): KnownOfInputs;
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

export interface PoolRun extends JobOptions {
  /** The run is not shared with other calls, so that its numbers are the same to the last digit each time. */
  alone?: boolean | undefined;
}

export interface KnownOfInputs {
  /** The smallest input that the model ran on. */
  good: NamedTensors | undefined;
  /** What the graph says of the inputs. */
  inputs: readonly KnownInput[];
}

export interface PoolSettings {
  runTimeoutMs: number;
  /** Calls that may wait for one version. */
  maxQueue: number;
  /** Whether calls that wait may share a run. */
  batching: boolean;
  /** Whether the model's bytes are on their way from where it is kept. */
  isFetching(): boolean;
  /** An input that the version was deployed with as one that it must run on, if there is one. */
  storedInput(): Promise<NamedTensors | undefined>;
}

/**
 * Adaptive batching: a free host takes all calls that wait, up to 1 024 rows, in one run; nothing ever waits
 * for company. When such a run fails, or takes much longer than it should, each of its calls runs again alone, so that a
 * fault is its own call's only.
 */
export function createVersionPool(
  model: EngineModel,
  settings: PoolSettings,
  start: StartWarmHost,
): VersionPool {
  const { runTimeoutMs } = settings;
  let queue: Job[] = [];
  let coalesce = false;
  let usedAt = performance.now();
  const waitingForDrain: (() => void)[] = [];
  let msPerRow = 0;
  let dimensions: readonly NamedDimensions[] | undefined;
  let knownInputs: readonly KnownInput[] = [];
  const blame = createBlame(model, runTimeoutMs, settings.storedInput);
  const refused = refusedInputs(() => performance.now());
  const hosts = createPoolHosts(model, runTimeoutMs, start, {
    async warmed(host, warmup, isSuspected) {
      coalesce = settings.batching && warmup.coalesce;
      knownInputs = warmup.known;
      dimensions = warmup.dimensions;
      if (warmup.knownGood !== undefined) blame.worked(warmup.knownGood, warmup.warmupMs);
      else if (isSuspected) await blame.ask(askedHost(host, model), { isNew: true });
    },
    ready: dispatch,
    failed(error) {
      // No host can be started: whoever waits is told why.
      if (hosts.isEmpty()) for (const job of queue.splice(0)) job.reject(error);
      dispatch();
    },
  });

  const judge = createJudge(blame, (host) => askedHost(host, model), hosts, refused);

  const isIdle = () => queue.length === 0 && hosts.isIdle();

  function dispatch(): void {
    usedAt = performance.now();
    const free = hosts.free();
    queue = queue.filter((job) => !job.settled);
    rejectMismatched();
    free.forEach((member, index) => {
      // What waits is shared out among the hosts that are free.
      const most = Math.ceil(queue.length / (free.length - index));
      const batch = queue.splice(0, coalesce ? countOfBatch(queue, most, msPerRow) : 1);
      if (batch.length > 0) void runBatch(member, batch);
    });
    if (queue.length > 0) hosts.grow();
    if (isIdle()) for (const resolve of waitingForDrain.splice(0)) resolve();
  }

  /** Calls whose sizes do not fit together are never run. */
  function rejectMismatched(): void {
    if (dimensions === undefined) return;
    for (const job of queue) {
      if (job.checked) continue;
      job.checked = true;
      const mismatch = dimensionMismatch(dimensions, job.tensors);
      if (mismatch !== undefined) job.reject(mismatch);
    }
  }

  async function runBatch(member: Member, batch: Job[]): Promise<void> {
    const [first] = batch;
    if (first === undefined) return;
    const startedAt = performance.now();
    member.runningSince = startedAt;
    const run = { startedAt, isShared: batch.length > 1 };
    for (const job of batch) job.run = run;
    const rows = rowsOf(batch);
    const isTrial = first.afterHang?.try === 'first' && queue.length > 0;
    const limitMs = run.isShared
      ? sharedLimit(runTimeoutMs, msPerRow === 0 ? undefined : msPerRow * rows)
      : limitAlone(first, isTrial, startedAt);
    try {
      const tensors = joinRows(batch.map((job) => job.tensors));
      const { outputs, runMs } = await timedRunOn(member.host, first, tensors, limitMs);
      blame.answered(first, runMs);
      if (batch.every((job) => job.rows !== undefined)) msPerRow = runMs / Math.max(1, rows);
      for (const job of batch) job.onRun?.({ runMs, queueMs: startedAt - job.queuedAt });
      settle(batch, outputs);
    } catch (error) {
      if (run.isShared) await runApart(member, batch, limitMs, error);
      else if (isTrial && isHang(error)) await runLast(member, first);
      else {
        first.stopClock();
        first.reject(await judge.judged(member, first, error));
      }
    }
    member.runningSince = undefined;
    dispatch();
  }

  /** Milliseconds that a call may run alone. */
  function limitAlone({ afterHang, queuedAt }: Job, isTrial: boolean, now: number): number {
    if (afterHang === undefined) return runTimeoutMs;
    return isTrial ? afterHang.limitMs : Math.max(afterHang.limitMs, queuedAt + runTimeoutMs - now);
  }

  function settle(batch: readonly Job[], outputs: NamedTensors): void {
    const rows = batch.map((job) => job.rows ?? 0);
    const parts = batch.length === 1 ? [outputs] : splitRows(outputs, rows);
    parts?.forEach((part, index) => {
      batch[index]?.resolve(part);
    });
    if (parts !== undefined) return;
    coalesce = false;
    queueAlone(batch);
  }

  function queueAlone(batch: readonly Job[]): void {
    const unanswered = batch.filter((job) => !job.settled);
    for (const job of unanswered) Object.assign(job, { rows: undefined, run: undefined });
    queue.unshift(...unanswered);
  }

  /** The calls of a shared run that failed run again one by one, before those that came later. */
  async function runApart(member: Member, batch: Job[], limitMs: number, error: unknown): Promise<void> {
    if (isHang(error)) {
      for (const job of batch) job.afterHang = { try: 'first', limitMs };
      await hosts.replace(member).catch(() => undefined);
      if (blame.isBroken()) for (const job of batch) job.reject(new RunFailure(error, 'model'));
    }
    queueAlone(batch);
  }

  /** A call that ran too long in company and alone has the rest of its time when those that wait are answered. */
  async function runLast(member: Member, job: Job): Promise<void> {
    job.afterHang = { try: 'last', limitMs: job.afterHang?.limitMs ?? 0 };
    await hosts.replace(member).catch(() => undefined);
    if (job.settled) return;
    job.run = undefined;
    queue.push(job);
  }

  const owner: JobOwner = {
    timeoutMs: runTimeoutMs,
    deadlines: createDeadlines((job) => job.timeIsUp()),
    isHeldUp: hosts.isHeldUp,
    // One that nobody waits for any more takes no place in the queue.
    leave(job) {
      if (job.run === undefined) queue = queue.filter((other) => other !== job);
    },
    late(job, error) {
      if (job.afterHang?.try === 'last') return judge.blamed(job, error);
      return job.run === undefined && settings.isFetching() ? onItsWay() : error;
    },
  };

  return {
    model,
    isIdle,
    lastUsed: () => usedAt,

    resize(count) {
      if (hosts.resize(count)) dispatch();
    },

    load: hosts.load,
    rows: async () => (await hosts.ensureLoaded()).rows,
    known: () => ({ good: blame.knownGood(), inputs: knownInputs }),

    run: (tensors, options = {}) =>
      new Promise((resolve, reject) => {
        if (options.signal?.aborted) return reject(cancelled());
        if (queue.length >= settings.maxQueue) return reject(queueFull(settings.maxQueue));
        const refusal = refused.refusal(tensors);
        if (refusal !== undefined) return reject(refusal);
        const job = createJob(tensors, options, {
          owner,
          outputs: options.outputs ?? model.outputs,
          rows: options.alone ? undefined : batchRows(tensors),
          resolve,
          reject,
        });
        queue.push(job);
        // After everything that is ready to run now: calls that came in together share a run.
        if (queue.length === 1) process.nextTick(dispatch);
      }),

    status: () => ({ ...hosts.status(), waiting: queue.length }),
    unload: hosts.unload,

    drained: () =>
      new Promise((resolve) => {
        waitingForDrain.push(resolve);
        dispatch();
      }),
  };
}

/** Nothing of the model, nor of its load, made the call late. */
function onItsWay(): ModelYardError {
  return new ModelYardError(
    'STORAGE_UNAVAILABLE',
    "The model's artifact is still on its way to this machine.",
    'Call again shortly: it is kept here once it has come.',
  );
}
