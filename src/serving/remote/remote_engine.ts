import type { EngineSettings } from '../../engine_settings.ts';
import { ModelYardError } from '../../errors.ts';
import type { ArtifactStore } from '../../storage/artifact_store.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Tensor } from '../../tensors/datatypes.ts';
import { versionOfKey } from '../deployed_version.ts';
import { type Blame, createBlame } from '../engine/blame.ts';
import type { PlacedModel } from '../engine/engine.ts';
import { RunFailure } from '../engine/fault.ts';
import { queueFull } from '../engine/job.ts';
import { type EngineModel, tooLargeAnswer } from '../engine/model_host.ts';
import type { PoolStatus } from '../engine/pool_hosts.ts';
import { maxOutputElements, type NamedDimensions, type NamedTensors } from '../engine/protocol.ts';
import { dimensionMismatch } from '../engine/shared_dimensions.ts';
import type { PoolRun } from '../engine/version_pool.ts';
import { signatureDifference } from './compare_signature.ts';
import { connectEngine, wrongAnswer } from './connection.ts';
import { type Deadline, deadlineOf } from './deadline.ts';
import { type Place, placeOf } from './placed_name.ts';
import { pushBody, tritonConfig } from './push_body.ts';
import { servedFilesOf } from './served_files.ts';
import { removeFromFolder, writeToFolder } from './shared_folder.ts';

/** What an engine of another machine needs of the server. */
export interface RemoteEngineSettings {
  withFile: ArtifactStore['withFile'];
  loadTimeoutMs: number;
  runTimeoutMs: number;
  /** Calls of one version that may be under way. */
  maxQueue: number;
  /** Whether a version is still deployed on this engine, as the database has it. */
  isWanted(key: string, engine: string): Promise<boolean>;
  storedInput?: ((model: EngineModel) => Promise<NamedTensors | undefined>) | undefined;
  logger: Logger;
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

/** How often the versions that were called here are looked for in the engine. */
const roundMs = 15_000;

export function createRemoteEngine(engine: EngineSettings, settings: RemoteEngineSettings): RemoteEngine {
  const { name } = engine;
  const { runTimeoutMs, loadTimeoutMs, logger } = settings;
  const connection = connectEngine(engine);
  const versions = new Map<string, Version>();
  /** Models are sent one after the other: each is held in memory meanwhile. */
  let sending: Promise<unknown> = Promise.resolve();

  function versionOf(model: EngineModel): Version {
    const known = versions.get(model.key);
    if (known !== undefined && known.model.artifact.sha256 === model.artifact.sha256) {
      // A probe does not say how many instances there are.
      known.model = { ...model, instances: model.instances ?? known.model.instances };
      return known;
    }
    const begun: Version = {
      model,
      place: placeOf(engine.models, model),
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
    const run = ensureOnce(version, isDeploying).finally(() => {
      if (version.ensuring === run) version.ensuring = undefined;
    });
    version.ensuring = run;
    // Whoever waited may have gone.
    run.catch(() => undefined);
    return run;
  }

  async function ensureOnce(version: Version, isDeploying: boolean): Promise<void> {
    const { place, model } = version;
    const deadline = deadlineOf(loadTimeoutMs, () => loadTookTooLong(name, loadTimeoutMs));
    const { signal } = deadline;
    try {
      const isThere = await connection.isReady(place, signal);
      if (!isThere || (isDeploying && (await hasOtherInstances(version, signal)))) {
        if (engine.models.kind === 'served') throw notServed(name, place);
        if (!isDeploying && !(await settings.isWanted(model.key, name))) throw retired(model.key, name);
        await put(version, signal);
        // Whoever retired it meanwhile may have unloaded it before it was there.
        if (!isDeploying && !(await settings.isWanted(model.key, name))) {
          await takeOut(place.name);
          throw retired(model.key, name);
        }
        if (!(await connection.isReady(place, signal)))
          throw new ModelYardError(
            'ENGINE_CRASHED',
            `The engine ${name} has loaded the model, but says that ${place.name} is not ready.`,
            'Its own log says why.',
          );
      }
      const difference = signatureDifference(model, await connection.metadata(place, signal));
      if (difference !== undefined)
        throw new ModelYardError(
          'SIGNATURE_MISMATCH',
          `The model ${shownPlace(place)} of the engine ${name} is not that of the version: ${difference}.`,
          'Serve the very file of the version there, under that name, or deploy it with another engine.',
        );
      version.isReady = true;
    } catch (error) {
      version.isReady = false;
      throw error;
    } finally {
      deadline.clear();
    }
  }

  async function hasOtherInstances(
    { place, model: { instances = 1 } }: Version,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (engine.models.kind !== 'pushed') return false;
    const found = await connection.instances(place, signal);
    return found !== undefined && found > 0 && found !== instances;
  }

  /** Gives the engine a version's model. */
  function put(version: Version, signal: AbortSignal): Promise<void> {
    const { models } = engine;
    const { place, model } = version;
    const sent = sending.then(async () => {
      if (signal.aborted) throw signal.reason;
      const config = models.kind === 'pushed' ? tritonConfig(name, model, model.instances ?? 1) : undefined;
      const { files } = await servedFilesOf(settings.withFile, model.artifact, { withBytes: true, signal });
      if (models.kind === 'folder') {
        await writeToFolder(models, place.name, model, files);
        await connection.load(place.name, undefined, signal);
      } else await connection.load(place.name, pushBody(config, files), signal);
      logger.info('a model was loaded in an engine', { engine: name, key: model.key, name: place.name });
    });
    sending = sent.catch(() => undefined);
    return sent;
  }

  /** Takes a model out of the engine that was put there. */
  async function takeOut(placed: string): Promise<void> {
    const deadline = deadlineOf(loadTimeoutMs, () => loadTookTooLong(name, loadTimeoutMs));
    try {
      await connection.unload(placed, deadline.signal);
    } finally {
      deadline.clear();
      // Also where the engine is away: it then does not begin with it again.
      if (engine.models.kind === 'folder') await removeFromFolder(engine.models.folder, placed);
    }
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
        const { status, said } = answer;
        if (!isAgain && !(await connection.isReady(version.place, deadline.signal))) {
          version.isReady = false;
          continue;
        }
        throw refusedRun(status, said);
      } finally {
        version.running.delete(run);
        version.waiting++;
      }
    }
  }

  function refusedRun(status: number, said: string): ModelYardError {
    if (status === 429)
      return new ModelYardError(
        'LIMIT_EXCEEDED',
        `The engine ${name} has too much to do (HTTP 429).`,
        'Call again when there is less load.',
        { retryable: true },
      );
    if (status === 401 || status === 403 || status === 503)
      return new ModelYardError(
        'ENGINE_CRASHED',
        `The engine ${name} did not run the model (HTTP ${status})${said === '' ? '' : `: ${said}`}`,
        'Look at health_check and the log of the engine; its headers are set in MODELYARD_ENGINES.',
      );
    return new ModelYardError(
      'INFERENCE_FAILED',
      `The model could not run on these inputs in the engine ${name} (HTTP ${status})${said === '' ? '' : `: ${said}`}`,
      'Check the inputs against the signature that get_model shows.',
    );
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
              if (!('outputs' in answer)) throw refusedRun(answer.status, answer.said);
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

  /** An engine that has begun anew has its models back before they are called. */
  async function round(): Promise<void> {
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
  }, roundMs).unref();

  return {
    async ensure(model, isDeploying) {
      if (isDeploying && engine.models.kind !== 'pushed' && (model.instances ?? 1) > 1)
        throw new ModelYardError(
          'INVALID_INPUT',
          `The engine ${name} decides itself how many instances of a model there are, but instances is ${model.instances}.`,
          'Deploy the version with instances=1, and set its number there.',
        );
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
      if (engine.models.kind === 'served') return;
      await takeOut(placeOf(engine.models, model).name);
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
        models.map((model) => connection.isReady(placeOf(engine.models, model), signal)),
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

function loadTookTooLong(engine: string, ms: number): ModelYardError {
  return new ModelYardError(
    'TIMEOUT',
    `The engine ${engine} did not have the model ready within ${ms} ms.`,
    'Look at its log, or start the server with a higher MODELYARD_LOAD_TIMEOUT_MS.',
  );
}

function notServed(engine: string, place: Place): ModelYardError {
  return new ModelYardError(
    'ENGINE_CRASHED',
    `The engine ${engine} has no model ${shownPlace(place)} ready.`,
    'Serve the file of the version there under that name (MODELYARD_ENGINES says how names are made), then try again.',
  );
}

function retired(key: string, engine: string): ModelYardError {
  const [modelId, version] = versionOfKey(key);
  return new ModelYardError(
    'NOT_DEPLOYED',
    `${modelId} ${version} is not deployed on ${engine} any more.`,
    'Call deploy_model with the version.',
  );
}

function shownPlace({ name, version }: Place): string {
  return shown(version === undefined ? name : `${name}, version ${version}`);
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 200));
}
