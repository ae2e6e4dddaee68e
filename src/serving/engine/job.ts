import type { Cancelling } from '../../cancelling.ts';
import type { Deadlines, Timed } from '../../deadlines.ts';
import { ModelYardError } from '../../errors.ts';
import type { TensorSpec } from '../../registry/signature.ts';
import type { NamedTensors } from './protocol.ts';

/** Told of the run that answered a call: how long the model took, and how long the call waited before, milliseconds. */
export type OnRun = (timing: { runMs: number; queueMs: number }) => void;

export interface JobOptions {
  signal?: Cancelling | undefined;
  /** The outputs that are computed; undefined: all. */
  outputs?: readonly TensorSpec[] | undefined;
  onRun?: OnRun | undefined;
  /** A run that only looks for the rows of a failure: its own failures count for nothing. */
  isSearch?: boolean | undefined;
}

/** A call that waits for a host or runs on one. */
export interface Job extends Timed {
  /** Those of a call that was answered are gone. */
  tensors: NamedTensors;
  /** The outputs that are computed. */
  outputs: readonly TensorSpec[];
  /** undefined: runs alone. */
  rows: number | undefined;
  isSearch: boolean;
  settled: boolean;
  /** Whether its sizes were found to fit together. */
  checked: boolean;
  queuedAt: number;
  /** Its present or last run; undefined while it waits for one. */
  run: { startedAt: number; isShared: boolean } | undefined;
  /**
   * Set when a run that it shared took too long. `first`: alone it has `limitMs` while others wait. `last`: it took
   * longer than that alone as well, and has the rest of its time after those others.
   */
  afterHang: { try: 'first' | 'last'; limitMs: number } | undefined;
  onRun: OnRun | undefined;
  /** No time limit applies any more: what remains is to find whose fault a failure was. */
  stopClock(): void;
  /** Its time is up, as the deadlines say. */
  timeIsUp(): void;
  resolve(outputs: NamedTensors): void;
  reject(error: unknown): void;
}

/** The cause of a TIMEOUT that says nothing against the model: the call waited, or shared its run with others. */
export const waitedForTurn = 'waited for its turn';

/** Whether too many calls wait for the model or for room to load it, or this one waited too long for its turn. */
export function isBusy(error: unknown): boolean {
  if (!(error instanceof ModelYardError)) return false;
  return error.code === 'LIMIT_EXCEEDED' ? error.retryable : error.cause === waitedForTurn;
}

/** A run that begins within this share of the call's time has had the whole of it. */
const promptly = 0.1;

/** A call whose time ran out while another call's run took too long gets this extra time for the next host: a share of its limit, and a minimum. */
const extension = { share: 0.25, leastMs: 5_000 };

/** The pool that a call waits in. */
export interface JobOwner {
  timeoutMs: number;
  deadlines: Deadlines<Job>;
  /** Whether calls wait for a host that another call holds up and that is about to be replaced. */
  isHeldUp(): boolean;
  /** The call is settled, answered or not. */
  leave(job: Job): void;
  /** The time of a call is up while it waits, or in a run that is shared or began late. @returns what its caller is told */
  late(job: Job, error: ModelYardError): unknown;
}

/** A call with its time limit and its caller's signal. */
export function createJob(
  tensors: NamedTensors,
  options: JobOptions,
  given: Pick<Job, 'outputs' | 'rows'> & {
    owner: JobOwner;
    resolve(outputs: NamedTensors): void;
    reject(error: unknown): void;
  },
): Job {
  return new WaitingJob(tensors, options, given);
}

/** A class: functions made for each call would take longer than the rest of what is made for it. */
class WaitingJob implements Job {
  tensors: NamedTensors;
  readonly outputs: readonly TensorSpec[];
  rows: number | undefined;
  readonly isSearch: boolean;
  settled = false;
  checked = false;
  readonly queuedAt = performance.now();
  dueAt: number;
  run: Job['run'];
  afterHang: Job['afterHang'];
  onRun: OnRun | undefined;
  readonly #owner: JobOwner;
  #resolve: (outputs: NamedTensors) => void;
  #reject: (error: unknown) => void;
  #signal: Cancelling | undefined;
  #abort: (() => void) | undefined;
  #isExtended = false;

  constructor(
    tensors: NamedTensors,
    { signal, onRun, isSearch = false }: JobOptions,
    { owner, outputs, rows, resolve, reject }: Parameters<typeof createJob>[2],
  ) {
    this.tensors = tensors;
    this.outputs = outputs;
    this.rows = rows;
    this.isSearch = isSearch;
    this.onRun = onRun;
    this.#owner = owner;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#signal = signal;
    if (signal !== undefined) {
      // A waiting call leaves the queue; a run that is under way cannot be stopped, and its result is dropped.
      this.#abort = () => this.reject(cancelled());
      signal.addEventListener('abort', this.#abort);
    }
    this.dueAt = this.queuedAt + owner.timeoutMs;
    owner.deadlines.add(this);
  }

  stopClock(): void {
    this.#owner.deadlines.leave(this);
  }

  resolve(outputs: NamedTensors): void {
    this.#settle();
    this.#resolve(outputs);
    this.#letGo();
  }

  reject(error: unknown): void {
    this.#settle();
    this.#reject(error);
  }

  #settle(): void {
    this.settled = true;
    this.#owner.leave(this);
    this.#owner.deadlines.leave(this);
    if (this.#abort !== undefined) this.#signal?.removeEventListener('abort', this.#abort);
  }

  /** Lists may hold an answered call for long enough that garbage collection would copy all that hangs on it. */
  #letGo(): void {
    this.tensors = nothing;
    this.onRun = undefined;
    this.#resolve = this.#reject = ignore;
    this.#signal = this.#abort = undefined;
  }

  timeIsUp(): void {
    const owner = this.#owner;
    // The run's own limit ends it; then whose fault it was is judged.
    if (hasItsTime(this, owner.timeoutMs)) return;
    if (!this.#isExtended && this.run === undefined && owner.isHeldUp()) {
      this.#isExtended = true;
      this.dueAt = performance.now() + Math.max(extension.leastMs, extension.share * owner.timeoutMs);
      owner.deadlines.add(this);
      return;
    }
    this.#settle();
    this.#reject(owner.late(this, tooLate(this, owner.timeoutMs)));
  }
}

const nothing: NamedTensors = new Map();
const ignore = () => undefined;

/** Whether it runs alone by a limit that leaves it all its time. */
function hasItsTime({ run, queuedAt, afterHang }: Job, timeoutMs: number): boolean {
  if (run === undefined || run.isShared) return false;
  return afterHang !== undefined || run.startedAt - queuedAt < promptly * timeoutMs;
}

export function cancelled(): ModelYardError {
  return new ModelYardError(
    'CANCELLED',
    'The call was cancelled.',
    'Nothing was logged: call again if the answer is wanted.',
  );
}

export function queueFull(maxQueue: number): ModelYardError {
  return new ModelYardError(
    'LIMIT_EXCEEDED',
    `${maxQueue} calls wait for this version already.`,
    'Call again when there is less load, send more rows in one call, or deploy the version with more instances.',
    { retryable: true },
  );
}

function tooLate({ run, afterHang }: Job, timeoutMs: number): ModelYardError {
  const hasRun = run !== undefined || afterHang?.try === 'last';
  return new ModelYardError(
    'TIMEOUT',
    hasRun
      ? `The model did not answer within ${timeoutMs} ms.`
      : `The call waited ${timeoutMs} ms for its turn on the model.`,
    hasRun
      ? 'Try again with fewer or simpler rows, or start the server with a higher MODELYARD_PREDICT_TIMEOUT_MS.'
      : 'Try again when there is less load, or deploy the version with more instances.',
    { cause: waitedForTurn },
  );
}
