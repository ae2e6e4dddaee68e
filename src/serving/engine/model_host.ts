import { totalmem } from 'node:os';
import { ModelYardError } from '../../errors.ts';
import type { TensorSpec } from '../../registry/signature.ts';
import { type Artifact, damagedArtifact } from '../../storage/artifact_store.ts';
import { batchRows, hasFreeBatch, joinRows, sameRows, splitRows } from './batching.ts';
import { type HostProcess, spawnHost } from './host_process.ts';
import {
  type HostAnswer,
  maxOutputElements,
  type NamedTensors,
  packTensors,
  unpackTensors,
} from './protocol.ts';
import { warmupTensors } from './warmup.ts';

/** A version as the engine needs to know it. */
export interface EngineModel {
  /** Unique to the model and version. */
  key: string;
  artifact: Artifact;
  inputs: readonly TensorSpec[];
  outputs: readonly TensorSpec[];
  /** How many hosts run it side by side; undefined leaves it as it is, or one. */
  instances: number | undefined;
}

export interface HostSettings {
  pathOf: (sha256: string) => string;
  loadTimeoutMs: number;
  runTimeoutMs: number;
  /** Threads of one run; undefined: see threadsPerHost. */
  threads?: number | undefined;
  /** A host whose resident memory passes this is ended, bytes; undefined: half of the machine's. */
  memoryBytes?: number | undefined;
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
 * @throws ARTIFACT_MISMATCH, ARTIFACT_INVALID, TIMEOUT, ENGINE_CRASHED, LIMIT_EXCEEDED (memory)
 */
export async function startHost(
  settings: HostSettings,
  artifact: Artifact,
  threads: number,
): Promise<LoadedHost> {
  const started = performance.now();
  const host = spawnHost(settings.memoryBytes ?? totalmem() / 2);
  try {
    const { header } = await host.request(
      {
        operation: 'load',
        path: settings.pathOf(artifact.sha256),
        sha256: artifact.sha256,
        threads,
      },
      [],
      settings.loadTimeoutMs,
    );
    if (header.status === 'artifact_mismatch') throw damagedArtifact(artifact.sha256, false);
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
  const packed = packTensors(tensors);
  const fetches = model.outputs.map((output) => output.name);
  const { header, body } = await host.request(
    { operation: 'run', tensors: packed.tensors, fetches },
    packed.body,
    timeoutMs,
  );
  if (header.status === 'ran') return unpackTensors(header.tensors, body);
  if (header.status === 'too_large') throw tooLargeAnswer(header.elements, maxOutputElements);
  throw new ModelYardError(
    'INFERENCE_FAILED',
    `The model could not run on these inputs: ${header.status === 'failed' ? cleanMessage(header.message) : header.status}`,
    'Check the inputs against the signature that get_model shows.',
  );
}

/** An answer of more elements than may be given; it is refused, never cut. */
export function tooLargeAnswer(elements: number, most: number): ModelYardError {
  return new ModelYardError(
    'LIMIT_EXCEEDED',
    `The model's answer has ${elements} elements; at most ${most} are given in one answer.`,
    'Send fewer rows in one call, or serve a model with smaller outputs.',
  );
}

export interface Warmup {
  warmupMs: number;
  /** Why the run on zeros failed, if it did; the model may still serve proper inputs. */
  failure: ModelYardError | undefined;
  /** Whether rows of several calls may share a run. */
  coalesce: boolean;
}

/**
 * Runs the model on zeros, and where its batch dimension is free sees by three small runs whether its rows are
 * independent of one another (a model that normalises over the batch is not, whatever its shape says).
 * @throws what ended the host, if anything did.
 */
export async function warmUp(host: HostProcess, model: EngineModel, timeoutMs: number): Promise<Warmup> {
  const started = performance.now();
  const attempt = async (tensors: NamedTensors) => {
    try {
      return await runOn(host, model, tensors, timeoutMs);
    } catch (error) {
      if (error instanceof ModelYardError && host.isAlive()) return error;
      throw error;
    }
  };
  const zeros = warmupTensors(model.inputs, 0);
  const onZeros = await attempt(zeros);
  const warmupMs = performance.now() - started;
  if (onZeros instanceof ModelYardError) return { warmupMs, failure: onZeros, coalesce: false };
  if (!hasFreeBatch(model.inputs, model.outputs) || batchRows(zeros) === undefined)
    return { warmupMs, failure: undefined, coalesce: false };
  const ones = warmupTensors(model.inputs, 1);
  const onOnes = await attempt(ones);
  const onBoth = await attempt(joinRows([zeros, ones]));
  if (onOnes instanceof ModelYardError || onBoth instanceof ModelYardError)
    return { warmupMs, failure: undefined, coalesce: false };
  const [first, second] = splitRows(onBoth, [1, 1]) ?? [];
  const coalesce =
    first !== undefined && second !== undefined && sameRows(first, onZeros) && sameRows(second, onOnes);
  return { warmupMs, failure: undefined, coalesce };
}

function invalidArtifact(message: string): ModelYardError {
  return new ModelYardError(
    'ARTIFACT_INVALID',
    `The file cannot be loaded as an ONNX model: ${cleanMessage(message)}`,
    'Check that it is a whole ONNX file with operators and an opset that onnxruntime supports.',
  );
}

/** The runtime's message without source locations and line breaks, at most 300 characters and one full stop. */
export function cleanMessage(message: string): string {
  const text = message
    .replace(/\S*onnxruntime\S*\.(cc|h|cpp)(:\d+)?/g, '')
    .replace(/\s+/g, ' ')
    .trim();
  return `${text.slice(0, 300).replace(/[.\s]+$/, '')}${text.length > 300 ? '…' : ''}.`;
}
