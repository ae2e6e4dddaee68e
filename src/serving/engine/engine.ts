import { availableParallelism } from 'node:os';
import { ModelYardError } from '../../errors.ts';
import type { ModelInspector } from '../../registry/model_inspector.ts';
import type { Artifact } from '../../storage/artifact_store.ts';
import { describeModel } from './describe_model.ts';
import { nullableColumns } from './missing_columns.ts';
import {
  type EngineModel,
  type HostSettings,
  type LoadedHost,
  runOn,
  startHost,
  threadsPerHost,
  warmUp,
} from './model_host.ts';
import type { NamedTensors } from './protocol.ts';
import { createVersionPool, type LoadReport, type PoolStatus, type VersionPool } from './version_pool.ts';

export type { EngineModel } from './model_host.ts';
export type { LoadReport } from './version_pool.ts';

export interface Engine extends ModelInspector {
  /**
   * Loads and warms a version with all its instances, unless it is ready already.
   * @throws ARTIFACT_MISMATCH, ARTIFACT_INVALID, TIMEOUT, ENGINE_CRASHED, LIMIT_EXCEEDED
   */
  load(model: EngineModel): Promise<LoadReport>;
  /**
   * Runs a version on checked tensors, loading it first where it is not.
   * @throws TIMEOUT, ENGINE_CRASHED, INFERENCE_FAILED, LIMIT_EXCEEDED (queue full), and what load throws
   */
  run(model: EngineModel, tensors: NamedTensors, signal?: AbortSignal): Promise<NamedTensors>;
  /** Lets what runs and waits finish, then ends the hosts of a version. */
  unload(key: string): Promise<void>;
  status(key: string): PoolStatus;
  close(): void;
}

export interface EngineSettings extends HostSettings {
  /** Whether calls that wait for a version may share a run. */
  batching?: boolean | undefined;
  /** Calls that may wait for one version. */
  maxQueue?: number | undefined;
  /** Most versions loaded at once; the least recently used one that is idle makes room. */
  maxLoaded?: number | undefined;
  /** An idle version's hosts are ended after this time. */
  idleUnloadMs?: number | undefined;
}

/** How long a host that was started to inspect a file waits to be taken over by its deployment. */
const spareLifetimeMs = 10_000;
const sweepIntervalMs = 5_000;

export function createEngine(settings: EngineSettings): Engine {
  const { batching = true, maxQueue = 1000, maxLoaded = 16, idleUnloadMs = 900_000, runTimeoutMs } = settings;
  const pools = new Map<string, VersionPool>();
  const spares = new Map<string, LoadedHost>();

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
    // A spare was loaded as the only host of its version: one of several may want fewer threads.
    const spare = threads === threadsFor(1) ? takeSpare(model.artifact) : undefined;
    const { host, loadMs } = spare ?? (await startHost(settings, model.artifact, threads));
    try {
      return { host, loadMs, warmup: await warmUp(host, model, runTimeoutMs) };
    } catch (error) {
      host.kill();
      throw error;
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
      );
    leastUsed.unload();
  }

  function poolOf(model: EngineModel): VersionPool {
    let pool = pools.get(model.key);
    if (pool === undefined) {
      pool = createVersionPool(model, { runTimeoutMs, maxQueue, batching }, startWarmHost);
      pools.set(model.key, pool);
    } else if (model.instances !== undefined) pool.resize(model.instances);
    return pool;
  }

  const sweep = setInterval(() => {
    for (const pool of pools.values())
      if (pool.isIdle() && performance.now() - pool.lastUsed() > idleUnloadMs) pool.unload();
  }, sweepIntervalMs).unref();

  return {
    async inspect(artifact) {
      const loaded = await startHost(settings, artifact, threadsFor(1));
      try {
        const { inputs, outputs, takesMissing, producer, opsets } = loaded.description;
        const described = describeModel(inputs, outputs);
        const nullable = takesMissing
          ? await nullableColumns(described.inputs, (tensors) =>
              runOn(loaded.host, described, tensors, runTimeoutMs),
            )
          : undefined;
        spares.get(artifact.sha256)?.host.kill();
        spares.set(artifact.sha256, loaded);
        setTimeout(() => {
          if (spares.get(artifact.sha256) === loaded) takeSpare(artifact)?.host.kill();
        }, spareLifetimeMs).unref();
        return { ...described, nullable, producer, opsets };
      } catch (error) {
        loaded.host.kill();
        throw error;
      }
    },

    load: (model) => poolOf(model).load(),
    run: (model, tensors, signal) => poolOf(model).run(tensors, signal),

    async unload(key) {
      const pool = pools.get(key);
      pools.delete(key);
      await pool?.drained();
      pool?.unload();
    },

    status: (key) =>
      pools.get(key)?.status() ?? { state: 'not_loaded', hosts: 0, waiting: 0, runningMs: undefined },

    close() {
      clearInterval(sweep);
      for (const pool of pools.values()) pool.unload();
      for (const spare of spares.values()) spare.host.kill();
      pools.clear();
      spares.clear();
    },
  };
}
