import type { EngineSettings } from '../../engine_settings.ts';
import { ModelYardError } from '../../errors.ts';
import type { Tensor } from '../../tensors/datatypes.ts';
import { type Blame, createBlame } from '../engine/blame.ts';
import type { PlacedModel } from '../engine/engine.ts';
import { RunFailure } from '../engine/fault.ts';
import { queueFull } from '../engine/job.ts';
import { type EngineModel, tooLargeAnswer } from '../engine/model_host.ts';
import type { PoolStatus } from '../engine/pool_hosts.ts';
import { maxOutputElements, type NamedDimensions, type NamedTensors } from '../engine/protocol.ts';
import { dimensionMismatch } from '../engine/shared_dimensions.ts';
import type { PoolRun } from '../engine/version_pool.ts';
import { connectEngine } from './connection.ts';
import { type Deadline, deadlineOf } from './deadline.ts';
import { runRefusalError, wrongAnswer } from './engine_errors.ts';
import type { Place } from './placed_name.ts';
import { createPlacing, type PlacingSettings } from './placing.ts';
import { servedFilesOf } from './served_files.ts';

/** What an engine of another machine needs of the server. */
export interface RemoteEngineSettings extends PlacingSettings {
  runTimeoutMs: number;
  /** Calls of one version that may be under way. */
  maxQueue: number;
  /** How often what the engine has is held against what is deployed, milliseconds. */
  roundMs?: number | undefined;
  storedInput?: ((model: EngineModel) => Promise<NamedTensors | undefined>) | undefined;
}

/** One engine of another machine, with the versions that this process has had to do with. */
export interface RemoteEngine {
  /**
   * Sees to it that the engine has a version, by its signature too.
   * @param isDeploying it is wanted whatever the database says, with as many instances as it names
   * @throws SIGNATURE_MISMATCH, ENGINE_CRASHED, TIMEOUT, ARTIFACT_MISMATCH, STORAGE_UNAVAILABLE, INVALID_INPUT;
   *   NOT_DEPLOYED where it was retired meanwhile
   */
  ensure(model: EngineModel, isDeploying: boolean): Promise<void>;
  /** @throws what Engine.run throws; a RunFailure where the engine or the model is at fault */
  run(model: EngineModel, tensors: NamedTensors, options?: PoolRun): Promise<NamedTensors>;
  knownGood(model: EngineModel): NamedTensors | undefined;
  /** Takes a version out of the engine, where this server has put it there. */
  unload(model: PlacedModel): Promise<void>;
  status(key: string): PoolStatus | undefined;
  /** Whether the engine is up, and which of the versions it has ready. */
  look(models: readonly PlacedModel[], signal: AbortSignal): Promise<{ isUp: boolean; ready: number }>;
  close(): void;
}

interface Version {
  model: EngineModel;
  place: Place;
  isReady: boolean;
  ensuring: Promise<void> | undefined;
  /** When each call that runs began, by performance.now(). */
  running: Set<{ startedAt: number }>;
  waiting: number;
  dimensions: Promise<readonly NamedDimensions[]> | undefined;
  blame: Blame;
}

export function createRemoteEngine(engine: EngineSettings, settings: RemoteEngineSettings): RemoteEngine {
  const { name } = engine;
  const { runTimeoutMs, logger } = settings;
  const connection = connectEngine(engine);
  const versions = new Map<string, Version>();
  const placing = createPlacing(engine, connection, settings);

  function versionOf(model: EngineModel): Version {
    const known = versions.get(model.key);
    if (known !== undefined && known.model.artifact.sha256 === model.artifact.sha256) {
      // A probe does not say how many instances there are.
      known.model = { ...model, instances: model.instances ?? known.model.instances };
      return known;
    }
    const begun: Version = {
      model,
      place: placing.placeOf(model),
      isReady: false,
      ensuring: undefined,
      running: new Set(),
      waiting: 0,
      dimensions: undefined,
      blame: createBlame(model, runTimeoutMs, async () => settings.storedInput?.(model)),
    };
    versions.set(model.key, begun);
    return begun;
  }

  /** Once for all that wait for it. */
  function ensured(version: Version, isDeploying = false): Promise<void> {
    if (version.ensuring !== undefined && !isDeploying) return version.ensuring;
    const run = placing
      .ensure(version.model, isDeploying)
      .then(
        () => {
          version.isReady = true;
        },
        (error: unknown) => {
          version.isReady = false;
          throw error;
        },
      )
      .finally(() => {
        if (version.ensuring === run) version.ensuring = undefined;
      });
    version.ensuring = run;
    // Whoever waited may have gone.
    run.catch(() => undefined);
    return run;
  }

  /** Calls whose sizes do not fit together are never run; only inputs beside one another can differ. */
  async function requireFitting(version: Version, tensors: NamedTensors): Promise<void> {
    if (tensors.size < 2) return;
    if (version.dimensions === undefined) {
      const { signal } = new AbortController();
      const read = servedFilesOf(settings.withFile, version.model.artifact, {
        withBytes: false,
        signal,
      }).then(({ dimensions }) => dimensions.filter(({ input }) => tensors.has(input)));
      version.dimensions = read;
      read.catch(() => {
        if (version.dimensions === read) version.dimensions = undefined;
      });
    }
    const mismatch = dimensionMismatch(await version.dimensions, tensors);
    if (mismatch !== undefined) throw mismatch;
  }

  /** One run, and one more where the engine has lost the model, which it then cannot have run. */
  async function runReady(
    version: Version,
    tensors: NamedTensors,
    outputs: EngineModel['outputs'],
    deadline: Deadline,
  ): Promise<{ answered: NamedTensors; startedAt: number }> {
    const names = outputs.map((output) => output.name);
    for (let isAgain = false; ; isAgain = true) {
      if (!version.isReady) await deadline.within(ensured(version));
      const run = { startedAt: performance.now() };
      version.waiting--;
      version.running.add(run);
      try {
        const answer = await connection.run(version.place, tensors, names, deadline.signal);
        if ('outputs' in answer)
          return { answered: requireWhole(outputs, answer.outputs), startedAt: run.startedAt };
        if (!isAgain && !(await connection.isReady(version.place, deadline.signal))) {
          version.isReady = false;
          continue;
        }
        throw runRefusalError(name, answer.refusal);
      } finally {
        version.running.delete(run);
        version.waiting++;
      }
    }
  }

  /** The outputs that were asked for, of their datatypes. */
  function requireWhole(wanted: EngineModel['outputs'], given: NamedTensors): NamedTensors {
    let elements = 0;
    const outputs: NamedTensors = new Map();
    for (const { name: output, datatype, shape, unranked } of wanted) {
      const tensor = given.get(output);
      if (tensor === undefined) throw wrongAnswer(name, `the output ${shown(output)} is missing`);
      if (tensor.datatype !== datatype)
        throw wrongAnswer(name, `the output ${shown(output)} is ${tensor.datatype}, not ${datatype}`);
      elements += tensor.data.length;
      outputs.set(output, unranked ? tensor : withRank(tensor, shape.length));
    }
    if (elements > maxOutputElements) throw tooLargeAnswer(elements, maxOutputElements);
    return outputs;
  }

  /** Whose fault a failure is: a model that still answers what it is known to answer is not at fault. */
  async function judged(version: Version, options: PoolRun, error: unknown): Promise<unknown> {
    if (!(error instanceof ModelYardError)) return error;
    if (notCounted.includes(error.code)) return error;
    if (error.code === 'INFERENCE_FAILED') {
      await version.blame.ask(
        {
          endedByItself: () => true,
          async run(tensors, timeoutMs) {
            const deadline = deadlineOf(timeoutMs, () => tookTooLong(name, timeoutMs));
            try {
              const startedAt = performance.now();
              const names = version.model.outputs.map((output) => output.name);
              const answer = await connection.run(version.place, tensors, names, deadline.signal);
              if (!('outputs' in answer)) throw runRefusalError(name, answer.refusal);
              return { runMs: performance.now() - startedAt };
            } finally {
              deadline.clear();
            }
          },
        },
        { isNew: false },
      );
      return new RunFailure(error, version.blame.fault({ isSearch: options.isSearch ?? false }));
    }
    // It has another model, or is gone: the next call sees what it has.
    version.isReady = false;
    if (error.code === 'ENGINE_CRASHED' || error.code === 'TIMEOUT' || error.code === 'ARTIFACT_MISMATCH')
      return new RunFailure(error, 'model');
    const { message, hint } = error;
    return new RunFailure(new ModelYardError('ENGINE_CRASHED', message, hint, { cause: error }), 'model');
  }

  /** An engine that has begun anew has its models back before they are called; what it has too much it loses. */
  async function round(): Promise<void> {
    await placing.clear();
    for (const [key, version] of versions) {
      if (version.running.size > 0 || version.ensuring !== undefined) continue;
      if (!(await settings.isWanted(key, name))) {
        versions.delete(key);
        continue;
      }
      const wasReady = version.isReady;
      try {
        await ensured(version);
      } catch (error) {
        if (wasReady) logger.warn('an engine has lost a model', { engine: name, key, error });
      }
    }
  }

  let isLooking = false;
  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    round()
      .catch((error: unknown) => logger.warn('an engine could not be looked at', { engine: name, error }))
      .finally(() => {
        isLooking = false;
      });
  }, settings.roundMs ?? 15_000).unref();

  return {
    async ensure(model, isDeploying) {
      await ensured(versionOf(model), isDeploying);
    },

    async run(model, tensors, options = {}) {
      const version = versionOf(model);
      if (version.running.size + version.waiting >= settings.maxQueue) throw queueFull(settings.maxQueue);
      const queuedAt = performance.now();
      const deadline = deadlineOf(runTimeoutMs, () => tookTooLong(name, runTimeoutMs), options.signal);
      const outputs = options.outputs ?? model.outputs;
      version.waiting++;
      try {
        await deadline.within(requireFitting(version, tensors));
        const { answered, startedAt } = await runReady(version, tensors, outputs, deadline).catch(
          async (error: unknown) => {
            throw await judged(version, options, error);
          },
        );
        const runMs = performance.now() - startedAt;
        version.blame.answered({ tensors, outputs }, runMs);
        options.onRun?.({ runMs, queueMs: startedAt - queuedAt });
        return answered;
      } finally {
        version.waiting--;
        deadline.clear();
      }
    },

    knownGood: (model) => versionOf(model).blame.knownGood(),

    async unload(model) {
      versions.delete(model.key);
      await placing.takeOut(model);
    },

    status(key) {
      const version = versions.get(key);
      if (version === undefined) return undefined;
      const now = performance.now();
      const began = [...version.running].map(({ startedAt }) => startedAt);
      return {
        state: version.isReady ? 'ready' : version.ensuring === undefined ? 'not_loaded' : 'loading',
        hosts: 0,
        waiting: version.waiting,
        runningMs: began.length === 0 ? undefined : now - Math.min(...began),
      };
    },

    async look(models, signal) {
      const isUp = await connection.isUp(signal);
      if (!isUp) return { isUp, ready: 0 };
      const found = await Promise.all(
        models.map((model) => connection.isReady(placing.placeOf(model), signal)),
      );
      return { isUp, ready: found.filter(Boolean).length };
    },

    close() {
      clearInterval(timer);
      connection.close();
      versions.clear();
    },
  };
}

/** Failures that say nothing against the version: the load's, the caller's, this machine's. */
const notCounted: readonly string[] = ['CANCELLED', 'LIMIT_EXCEEDED', 'STORAGE_UNAVAILABLE', 'NOT_DEPLOYED'];

/** MLServer gives a vector as a column. */
function withRank(tensor: Tensor, rank: number): Tensor {
  const { shape } = tensor;
  return shape.length === rank + 1 && shape.at(-1) === 1 ? { ...tensor, shape: shape.slice(0, -1) } : tensor;
}

function tookTooLong(engine: string, ms: number): ModelYardError {
  return new ModelYardError(
    'TIMEOUT',
    `The engine ${engine} did not answer within ${ms} ms.`,
    'Try again with fewer rows, or start the server with a higher MODELYARD_PREDICT_TIMEOUT_MS.',
  );
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 200));
}
