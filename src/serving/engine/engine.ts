import { availableParallelism } from 'node:os';
import { ModelYardError } from '../../errors.ts';
import type { ModelInspector } from '../../registry/register.ts';
import type { TensorSpec } from '../../registry/signature.ts';
import { type Artifact, damagedArtifact } from '../../storage/artifact_store.ts';
import { describeModel } from './describe_model.ts';
import { type HostProcess, spawnHost } from './host_process.ts';
import { type HostAnswer, type NamedTensors, packTensors, unpackTensors } from './protocol.ts';
import { warmupTensors } from './warmup.ts';

/** A version as the engine needs to know it. */
export interface EngineModel {
  /** Unique to the model and version. */
  key: string;
  artifact: Artifact;
  inputs: readonly TensorSpec[];
  outputs: readonly TensorSpec[];
}

export interface LoadReport {
  loadMs: number;
  warmupMs: number;
  /** Why the warm-up run on zeros failed, if it did; the model may still serve proper inputs. */
  warmupFailure: ModelYardError | undefined;
}

export interface EngineStatus {
  state: 'not_loaded' | 'loading' | 'ready';
  waiting: number;
  /** How long the present run has taken, milliseconds; undefined at rest. */
  runningMs: number | undefined;
}

export interface Engine extends ModelInspector {
  /**
   * Loads and warms a version, unless it is ready already.
   * @throws ARTIFACT_MISMATCH, ARTIFACT_INVALID, TIMEOUT, ENGINE_CRASHED
   */
  load(model: EngineModel): Promise<LoadReport>;
  /**
   * Runs a version on checked tensors, loading it first where it is not. Calls of one version queue.
   * @throws TIMEOUT, ENGINE_CRASHED, INFERENCE_FAILED, and what load throws
   */
  run(model: EngineModel, tensors: NamedTensors): Promise<NamedTensors>;
  unload(key: string): void;
  status(key: string): EngineStatus;
  close(): void;
}

interface Slot {
  host: HostProcess | undefined;
  ready: Promise<LoadReport> | undefined;
  isReady: boolean;
  queue: Job[];
  pumping: boolean;
  runningSince: number | undefined;
}

interface Job {
  model: EngineModel;
  tensors: NamedTensors;
  deadline: number;
  resolve(outputs: NamedTensors): void;
  reject(error: unknown): void;
}

/** How long a host that was started to inspect a file waits to be taken over by its deployment. */
const spareLifetimeMs = 10_000;

export function createEngine(options: {
  pathOf: (sha256: string) => string;
  loadTimeoutMs: number;
  runTimeoutMs: number;
  threads?: number | undefined;
}): Engine {
  const threads = options.threads ?? Math.max(1, Math.floor(availableParallelism() / 2));
  const slots = new Map<string, Slot>();
  const spares = new Map<string, { host: HostProcess; loadMs: number }>();

  function slotOf(key: string): Slot {
    let slot = slots.get(key);
    if (slot === undefined) {
      slot = {
        host: undefined,
        ready: undefined,
        isReady: false,
        queue: [],
        pumping: false,
        runningSince: undefined,
      };
      slots.set(key, slot);
    }
    return slot;
  }

  async function startHost(
    artifact: Artifact,
  ): Promise<{ host: HostProcess; loadMs: number; answer: HostAnswer }> {
    const started = performance.now();
    const host = spawnHost();
    try {
      const { header } = await host.request(
        { operation: 'load', path: options.pathOf(artifact.sha256), sha256: artifact.sha256, threads },
        [],
        options.loadTimeoutMs,
      );
      if (header.status === 'artifact_mismatch') throw damagedArtifact(artifact.sha256, false);
      if (header.status === 'failed') throw invalidArtifact(header.message);
      return { host, loadMs: performance.now() - started, answer: header };
    } catch (error) {
      host.kill();
      throw error;
    }
  }

  function takeSpare(artifact: Artifact): { host: HostProcess; loadMs: number } | undefined {
    const spare = spares.get(artifact.sha256);
    spares.delete(artifact.sha256);
    return spare?.host.isAlive() ? spare : undefined;
  }

  async function makeReady(slot: Slot, model: EngineModel): Promise<LoadReport> {
    const { host, loadMs } = takeSpare(model.artifact) ?? (await startHost(model.artifact));
    slot.host = host;
    const started = performance.now();
    let warmupFailure: ModelYardError | undefined;
    try {
      await runOn(host, model, warmupTensors(model.inputs), options.runTimeoutMs);
    } catch (error) {
      if (!(error instanceof ModelYardError)) throw error;
      // A host that is gone cannot serve; one that only refused zeros may well serve proper inputs.
      if (!host.isAlive()) throw error;
      warmupFailure = error;
    }
    slot.isReady = true;
    return { loadMs, warmupMs: performance.now() - started, warmupFailure };
  }

  function ensureReady(slot: Slot, model: EngineModel): Promise<LoadReport> {
    if (slot.ready !== undefined && (!slot.isReady || slot.host?.isAlive())) return slot.ready;
    slot.isReady = false;
    const ready = makeReady(slot, model);
    slot.ready = ready;
    ready.catch(() => {
      slot.host?.kill();
      if (slot.ready === ready) slot.ready = undefined;
    });
    return ready;
  }

  async function pump(slot: Slot): Promise<void> {
    if (slot.pumping) return;
    slot.pumping = true;
    for (let job = slot.queue.shift(); job !== undefined; job = slot.queue.shift()) {
      try {
        await ensureReady(slot, job.model);
        const remaining = job.deadline - performance.now();
        if (slot.host === undefined || remaining <= 0) throw waitedTooLong(options.runTimeoutMs);
        slot.runningSince = performance.now();
        job.resolve(await runOn(slot.host, job.model, job.tensors, Math.ceil(remaining)));
      } catch (error) {
        job.reject(error);
      } finally {
        slot.runningSince = undefined;
      }
    }
    slot.pumping = false;
  }

  return {
    async inspect(artifact) {
      const { host, loadMs, answer } = await startHost(artifact);
      if (answer.status !== 'loaded') throw invalidArtifact('it did not load');
      try {
        const described = describeModel(answer.inputs, answer.outputs);
        spares.get(artifact.sha256)?.host.kill();
        spares.set(artifact.sha256, { host, loadMs });
        setTimeout(() => {
          if (spares.get(artifact.sha256)?.host === host) takeSpare(artifact)?.host.kill();
        }, spareLifetimeMs).unref();
        return described;
      } catch (error) {
        host.kill();
        throw error;
      }
    },

    load: (model) => ensureReady(slotOf(model.key), model),

    run: (model, tensors) =>
      new Promise((resolve, reject) => {
        const slot = slotOf(model.key);
        slot.queue.push({
          model,
          tensors,
          deadline: performance.now() + options.runTimeoutMs,
          resolve,
          reject,
        });
        void pump(slot);
      }),

    unload(key) {
      slots.get(key)?.host?.kill();
      slots.delete(key);
    },

    status(key) {
      const slot = slots.get(key);
      const alive = slot?.isReady === true && slot.host?.isAlive() === true;
      return {
        state: alive ? 'ready' : slot?.ready !== undefined && !slot.isReady ? 'loading' : 'not_loaded',
        waiting: slot?.queue.length ?? 0,
        runningMs: slot?.runningSince === undefined ? undefined : performance.now() - slot.runningSince,
      };
    },

    close() {
      for (const slot of slots.values()) slot.host?.kill();
      for (const spare of spares.values()) spare.host.kill();
      slots.clear();
      spares.clear();
    },
  };
}

async function runOn(
  host: HostProcess,
  model: EngineModel,
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
  throw new ModelYardError(
    'INFERENCE_FAILED',
    `The model could not run on these inputs: ${header.status === 'failed' ? cleanMessage(header.message) : header.status}`,
    'Check the inputs against the signature that get_model shows.',
  );
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

function waitedTooLong(timeoutMs: number): ModelYardError {
  return new ModelYardError(
    'TIMEOUT',
    `The call waited ${timeoutMs} ms for its turn on the model.`,
    'Try again when there is less load.',
  );
}
