import { availableParallelism, tmpdir } from 'node:os';
import { ModelYardError } from '../../errors.ts';
import type { ModelInspector } from '../../registry/model_inspector.ts';
import type { Artifact } from '../../storage/artifact.ts';
import type { RowIndependence } from '../graph/rows/row_independence.ts';
import { describeModel } from './describe_model.ts';
import { nullableColumns } from './missing_columns.ts';
import {
  type EngineModel,
  type HostSettings,
  type LoadedHost,
  notTried,
  runOn,
  startHost,
  threadsPerHost,
  warmUp,
} from './model_host.ts';
import type { LoadReport, PoolStatus } from './pool_hosts.ts';
import type { NamedTensors } from './protocol.ts';
import { tryModel } from './try_model.ts';
import { createVersionPool, type KnownOfInputs, type PoolRun, type VersionPool } from './version_pool.ts';
import { wholeFileOf } from './whole_files.ts';

export type { EngineModel } from './model_host.ts';
export type { PoolRun as RunOptions } from './version_pool.ts';

export interface Engine extends ModelInspector {
  /**
   * Loads and warms a version with all its instances, unless it is ready already.
   * @throws ARTIFACT_MISMATCH, ARTIFACT_INVALID, TIMEOUT, ENGINE_CRASHED, LIMIT_EXCEEDED, STORAGE_UNAVAILABLE
   */
  load(model: EngineModel): Promise<LoadReport>;
  /**
   * Runs a version on checked tensors, loading it first where it is not.
   * @throws TIMEOUT, ENGINE_CRASHED, INFERENCE_FAILED, LIMIT_EXCEEDED (queue full), and what load throws
   */
  run(model: EngineModel, tensors: NamedTensors, options?: PoolRun): Promise<NamedTensors>;
  /**
   * Whether rows of a version can affect each other's predictions. Loads the version if necessary.
   *
   * @throws what load throws
   */
  rows(model: EngineModel): Promise<RowIndependence>;
  /** What is known about a version's inputs: an example that it ran on, and what its graph says about them. */
  known(model: EngineModel): KnownOfInputs;
  /**
   * Finishes running and waiting calls, then ends the hosts of a version.
   * @throws ENGINE_CRASHED, TIMEOUT where an engine of another machine cannot be told
   */
  unload(model: PlacedModel): Promise<void>;
  status(key: string): PoolStatus;
  /** Of every version that was loaded. */
  pools(): (PoolStatus & { key: string })[];
  close(): void;
}

/** What of a version says where it is loaded. */
export type PlacedModel = Pick<EngineModel, 'key' | 'engine' | 'artifact'>;

export interface EngineSettings extends HostSettings {
  /** Whether the bytes of an artifact are on their way from where it is kept. */
  isFetching?: ((sha256: string) => boolean) | undefined;
  /** Whether calls that wait for a version may share a run. */
  batching?: boolean | undefined;
  /** Calls that may wait for one version. */
  maxQueue?: number | undefined;
  /** Versions loaded at once, at most; the idle one that was used least recently is unloaded to make room. */
  maxLoaded?: number | undefined;
  /** An idle version's hosts are ended after this time. */
  idleUnloadMs?: number | undefined;
  /** Where models with tensors in several files are assembled; default: the system's temporary directory. */
  incoming?: string | undefined;
  /** The largest model, bytes. */
  maxArtifactBytes?: number | undefined;
  /** An input that a version was deployed with as one that it must run on; undefined where there is none. */
  storedInput?: ((model: EngineModel) => Promise<NamedTensors | undefined>) | undefined;
}

/** How long a host that inspected a file waits for the deployment to take it over. */
const spareLifetimeMs = 10_000;
/** A model that takes longer on a few made-up rows is not tested on more. */
const trialTimeoutMs = 5_000;
const sweepIntervalMs = 5_000;

/** The embedded engine: it runs every version that it is given, whatever engine that names. */
export function createEngine(settings: EngineSettings): Engine {
  const { incoming = tmpdir(), maxArtifactBytes = Number.POSITIVE_INFINITY } = settings;
  const { isFetching = () => false } = settings;
  const { batching = true, maxQueue = 1000, maxLoaded = 16, idleUnloadMs = 900_000, runTimeoutMs } = settings;
  const pools = new Map<string, VersionPool>();
  const spares = new Map<string, LoadedHost>();
  /** Versions whose host ended on made-up inputs, and the error. */
  const endedByTrial = new Map<string, ModelYardError>();

  function takeSpare(artifact: Artifact): LoadedHost | undefined {
    const spare = spares.get(artifact.sha256);
    spares.delete(artifact.sha256);
    return spare?.host.isAlive() ? spare : undefined;
  }

  const threadsFor = (instances: number) =>
    settings.threads ?? threadsPerHost(availableParallelism(), instances);

  async function startWarmHost(model: EngineModel, instances: number) {
    makeRoom(model.key);
    const threads = threadsFor(instances);
    // A spare was loaded as the only host of its version; one of several may need fewer threads.
    const spare = threads === threadsFor(1) ? takeSpare(model.artifact) : undefined;
    const loaded = spare ?? (await startHost(settings, model.artifact, threads));
    const { host, loadMs } = loaded;
    const deadly = endedByTrial.get(model.key);
    if (deadly !== undefined) return { host, loadMs, warmup: notTried(deadly, loaded.description) };
    try {
      return { host, loadMs, warmup: await warmUp(loaded, model, runTimeoutMs) };
    } catch (error) {
      host.kill();
      if (!(error instanceof ModelYardError) || !['ENGINE_CRASHED', 'TIMEOUT'].includes(error.code))
        throw error;
      // A made-up input that ends the host, or runs without end, proves nothing about real inputs: the next host is not tried with it.
      endedByTrial.set(model.key, error);
      const second = await startHost(settings, model.artifact, threads);
      return { host: second.host, loadMs: second.loadMs, warmup: notTried(error, second.description) };
    }
  }

  /** @throws LIMIT_EXCEEDED when as many other versions as may be loaded are all busy. */
  function makeRoom(key: string): void {
    const loaded = [...pools.values()].filter(
      (pool) => pool.model.key !== key && pool.status().state !== 'not_loaded',
    );
    if (loaded.length < maxLoaded) return;
    const [leastUsed] = loaded.filter((pool) => pool.isIdle()).sort((a, b) => a.lastUsed() - b.lastUsed());
    if (leastUsed === undefined)
      throw new ModelYardError(
        'LIMIT_EXCEEDED',
        `${loaded.length} versions are loaded and busy; no more may be.`,
        'Call again later, or start the server with a higher MODELYARD_MAX_LOADED.',
        { retryable: true },
      );
    leastUsed.unload();
  }

  function poolOf(model: EngineModel): VersionPool {
    let pool = pools.get(model.key);
    if (pool === undefined) {
      const storedInput = async () => settings.storedInput?.(model);
      pool = createVersionPool(
        model,
        {
          runTimeoutMs,
          maxQueue,
          batching,
          storedInput,
          isFetching: () => isFetching(model.artifact.sha256),
        },
        startWarmHost,
      );
      pools.set(model.key, pool);
    } else if (model.instances !== undefined) pool.resize(model.instances);
    return pool;
  }

  const sweep = setInterval(() => {
    for (const pool of pools.values())
      if (pool.isIdle() && performance.now() - pool.lastUsed() > idleUnloadMs) pool.unload();
  }, sweepIntervalMs).unref();

  return {
    wholeFile: (file, signal) =>
      wholeFileOf(file, { directory: incoming, maxBytes: maxArtifactBytes }, signal),

    async inspect(artifact) {
      const loaded = await startHost(settings, artifact, threadsFor(1));
      try {
        const { inputs, outputs, takesMissing, known, producer, opsets } = loaded.description;
        const declared = describeModel(inputs, outputs);
        const nullable = takesMissing
          ? await nullableColumns(declared.inputs, known, (tensors) =>
              runOn(loaded.host, declared, tensors, runTimeoutMs),
            )
          : undefined;
        // Last, since a run on made-up rows may end the host.
        const described = await tryModel(declared, outputs, known, (tensors) =>
          runOn(loaded.host, declared, tensors, Math.min(runTimeoutMs, trialTimeoutMs)),
        );
        spares.get(artifact.sha256)?.host.kill();
        spares.set(artifact.sha256, loaded);
        setTimeout(() => {
          if (spares.get(artifact.sha256) === loaded) takeSpare(artifact)?.host.kill();
        }, spareLifetimeMs).unref();
        const missingCategories = new Map(known.map(({ name, missing }) => [name, missing]));
        return { ...described, nullable, missingCategories, producer, opsets };
      } catch (error) {
        loaded.host.kill();
        throw error;
      }
    },

    load: (model) => poolOf(model).load(),
    run: (model, tensors, options) => poolOf(model).run(tensors, options),
    rows: (model) => poolOf(model).rows(),
    known: (model) => poolOf(model).known(),

    async unload({ key }) {
      endedByTrial.delete(key);
      const pool = pools.get(key);
      pools.delete(key);
      await pool?.drained();
      pool?.unload();
    },

    status: (key) =>
      pools.get(key)?.status() ?? { state: 'not_loaded', hosts: 0, waiting: 0, runningMs: undefined },

    pools: () => [...pools].map(([key, pool]) => ({ key, ...pool.status() })),

    close() {
      clearInterval(sweep);
      for (const pool of pools.values()) pool.unload();
      for (const spare of spares.values()) spare.host.kill();
      settings.ahead?.take()?.kill();
      pools.clear();
      spares.clear();
    },
  };
}
