import { existsSync } from 'node:fs';
import { ModelYardError } from '../../errors.ts';
import { noteRuntime } from '../../native_parts.ts';
import type { TensorSpec } from '../../registry/signature.ts';
import { type Artifact, damagedArtifact } from '../../storage/artifact.ts';
import type { ArtifactStore } from '../../storage/artifact_store.ts';
import type { KnownInput } from '../graph/known_inputs.ts';
import type { RowIndependence } from '../graph/rows/row_independence.ts';
import { batchRows, hasFreeBatch, splitRows } from './batching.ts';
import type { Asked } from './blame.ts';
import type { HostAhead } from './host_ahead.ts';
import { type HostProcess, spawnHost } from './host_process.ts';
import type { NamedDimensions } from './protocol.ts';
import {
  type HostAnswer,
  maxOutputElements,
  type NamedTensors,
  packTensors,
  unpackTensors,
} from './protocol.ts';
import { fixedRowsAreApart, rowsAreApart } from './row_trial.ts';
import { cleanMessage, loadFailure } from './runtime_message.ts';
import { type InputSizes, namesCategories, sizedInputs, warmupTensors } from './warmup.ts';

/** A version as the engine needs to know it. */
export interface EngineModel {
  /** Unique to the model and version. */
  key: string;
  /** The engine that runs it; undefined: the embedded one. */
  engine?: string | undefined;
  artifact: Artifact;
  inputs: readonly TensorSpec[];
  outputs: readonly TensorSpec[];
  /** Sizes of inputs that are known to fit, where dimensions are free. */
  sizes?: InputSizes | undefined;
  /** How many hosts run it side by side; undefined leaves it as it is, or one. */
  instances: number | undefined;
}

export interface HostSettings {
  withFile: ArtifactStore['withFile'];
  loadTimeoutMs: number;
  runTimeoutMs: number;
  /** Threads of one run; undefined: see threadsPerHost. */
  threads?: number | undefined;
  /** A host whose resident memory passes this is ended, bytes; undefined: half of the machine's. */
  memoryBytes?: number | undefined;
  /** The first to need a host gets this one. */
  ahead?: HostAhead | undefined;
}

/**
 * Threads of one run where no setting says: half the processors, which leaves room for the server and for another
 * version's run, shared out among the hosts that a version has side by side; at least one.
 */
export function threadsPerHost(processors: number, instances: number): number {
  return Math.max(1, Math.floor(processors / 2 / instances));
}

/** A host with a model in it. */
export interface LoadedHost {
  host: HostProcess;
  loadMs: number;
  description: Extract<HostAnswer, { status: 'loaded' }>;
}

/**
 * Starts a host and loads an artifact in it.
 * @throws ARTIFACT_MISMATCH, ARTIFACT_INVALID, TIMEOUT, ENGINE_CRASHED, LIMIT_EXCEEDED (memory), STORAGE_UNAVAILABLE
 */
export function startHost(settings: HostSettings, artifact: Artifact, threads: number): Promise<LoadedHost> {
  return settings.withFile(artifact, (path) => startHostOn(settings, artifact, path, threads));
}

async function startHostOn(
  settings: HostSettings,
  artifact: Artifact,
  path: string,
  threads: number,
): Promise<LoadedHost> {
  const started = performance.now();
  const host = settings.ahead?.take() ?? spawnHost(settings.memoryBytes);
  try {
    const { header } = await host.request(
      {
        operation: 'load',
        path,
        sha256: artifact.sha256,
        threads,
      },
      [],
      settings.loadTimeoutMs,
    );
    noteRuntime(undefined);
    if (header.status === 'artifact_mismatch') throw damagedArtifact(artifact.sha256, !existsSync(path));
    if (header.status !== 'loaded')
      throw invalidArtifact(header.status === 'failed' ? header.message : header.status);
    return { host, loadMs: performance.now() - started, description: header };
  } catch (error) {
    host.kill();
    throw error;
  }
}

/**
 * Runs the model once.
 * @throws TIMEOUT, ENGINE_CRASHED, INFERENCE_FAILED, LIMIT_EXCEEDED (memory)
 */
export async function runOn(
  host: HostProcess,
  model: Pick<EngineModel, 'outputs'>,
  tensors: NamedTensors,
  timeoutMs: number,
): Promise<NamedTensors> {
  return (await timedRunOn(host, model, tensors, timeoutMs)).outputs;
}

/** The same, with what the run itself took, milliseconds. */
export async function timedRunOn(
  host: HostProcess,
  model: Pick<EngineModel, 'outputs'>,
  tensors: NamedTensors,
  timeoutMs: number,
): Promise<{ outputs: NamedTensors; runMs: number }> {
  const packed = packTensors(tensors);
  const fetches = model.outputs.map((output) => output.name);
  const { header, body, runMs } = await host.request(
    { operation: 'run', tensors: packed.tensors, fetches },
    packed.body,
    timeoutMs,
  );
  if (header.status === 'ran') return { outputs: unpackTensors(header.tensors, body), runMs };
  if (header.status === 'too_large') throw tooLargeAnswer(header.elements, maxOutputElements);
  throw new ModelYardError(
    'INFERENCE_FAILED',
    `The model could not run on these inputs: ${header.status === 'failed' ? cleanMessage(header.message) : header.status}`,
    'Check the inputs against the signature that get_model shows.',
  );
}

/** A host as one that is asked whether a version runs. */
export function askedHost(host: HostProcess, model: Pick<EngineModel, 'outputs'>): Asked {
  return {
    run: (tensors, timeoutMs) => timedRunOn(host, model, tensors, timeoutMs),
    endedByItself: host.endedByItself,
  };
}

/** The error of an answer with too many elements; an answer is never cut. */
export function tooLargeAnswer(elements: number, most: number): ModelYardError {
  return new ModelYardError(
    'LIMIT_EXCEEDED',
    `The model's answer has ${elements} elements; at most ${most} are given in one answer.`,
    'Send fewer rows in one call, name in `outputs` only those that you need, or serve a model with smaller outputs.',
  );
}

export interface Warmup {
  warmupMs: number;
  /** Why no run on made-up inputs succeeded, if none did: that is no verdict, proper ones may differ. */
  failure: ModelYardError | undefined;
  /** Whether rows can change one another's answers. */
  rows: RowIndependence;
  /** Whether rows of several calls may share a run. */
  coalesce: boolean;
  /** An input that the model ran on. */
  knownGood: NamedTensors | undefined;
  /** What the graph says of the inputs. */
  known: readonly KnownInput[];
  /** What the graph calls the dimensions of the inputs. */
  dimensions: readonly NamedDimensions[];
}

/** The report of a version that was not tried. */
export function notTried(
  failure: ModelYardError,
  { known, rows, dimensions }: LoadedHost['description'],
): Warmup {
  return { warmupMs: 0, failure, rows, coalesce: false, knownGood: undefined, known, dimensions };
}

/**
 * Runs the model on zeros, or where it fails on them with categories that its graph names. Where the graph proves its
 * rows independent, random rows are tried alone and in company: one that differs overrules the proof.
 * @throws what ended the host, if anything did.
 */
export async function warmUp(
  { host, description: { known, rows, dimensions } }: LoadedHost,
  model: EngineModel,
  timeoutMs: number,
): Promise<Warmup> {
  const started = performance.now();
  const attempt = async (tensors: NamedTensors) => {
    try {
      return await runOn(host, model, tensors, timeoutMs);
    } catch (error) {
      if (error instanceof ModelYardError && host.isAlive()) return error;
      throw error;
    }
  };
  const inputs = sizedInputs(model.inputs, model.sizes ?? new Map(), known);
  let zeros = warmupTensors(inputs, 0);
  let onZeros = await attempt(zeros);
  if (onZeros instanceof ModelYardError && namesCategories(known)) {
    const named = warmupTensors(inputs, 0, known);
    const onNamed = await attempt(named);
    if (!(onNamed instanceof ModelYardError)) [zeros, onZeros] = [named, onNamed];
  }
  const warmupMs = performance.now() - started;
  const isFree = hasFreeBatch(model.inputs, model.outputs);
  const seen = async () => {
    const count = batchRows(zeros);
    if (!rows.independent || onZeros instanceof ModelYardError || !rows.outputsByRow) return rows;
    const answered = async (tensors: NamedTensors) => {
      const answer = await attempt(tensors);
      return answer instanceof ModelYardError ? undefined : answer;
    };
    const [row] = count === undefined ? [] : (splitRows(zeros, Array(count).fill(1)) ?? []);
    if (count === undefined || row === undefined) return rows;
    const areApart =
      count === 1
        ? !isFree || (await rowsAreApart(zeros, onZeros, answered))
        : await fixedRowsAreApart(row, count, answered);
    return areApart ? rows : notSeen;
  };
  const independence = await seen();
  const coalesce = isFree && independence.independent && independence.outputsByRow;
  const failure = onZeros instanceof ModelYardError ? onZeros : undefined;
  const knownGood = failure === undefined ? zeros : undefined;
  return { warmupMs, failure, rows: independence, coalesce, knownGood, known, dimensions };
}

const notSeen: RowIndependence = { independent: false, because: 'rows that were tried in company' };

function invalidArtifact(reason: string): ModelYardError {
  const { message, hint } = loadFailure(reason);
  return new ModelYardError('ARTIFACT_INVALID', message, hint);
}
