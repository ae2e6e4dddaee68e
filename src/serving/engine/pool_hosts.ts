import { setTimeout as pause } from 'node:timers/promises';
import type { ModelYardError } from '../../errors.ts';
import type { RowIndependence } from '../graph/rows/row_independence.ts';
import type { HostProcess } from './host_process.ts';
import type { EngineModel, Warmup } from './model_host.ts';

export interface LoadReport {
  loadMs: number;
  warmupMs: number;
  /** Why the warm-up run on zeros failed, if it did; the model may still serve proper inputs. */
  warmupFailure: ModelYardError | undefined;
  /** Whether rows can change one another's answers. */
  rows: RowIndependence;
}

/** Starts, loads and warms one host; may reuse one that has the artifact in it already. */
export type StartWarmHost = (
  model: EngineModel,
  instances: number,
) => Promise<{ host: HostProcess; loadMs: number; warmup: Warmup }>;

export interface Member {
  host: HostProcess;
  runningSince: number | undefined;
}

export interface PoolStatus {
  state: 'not_loaded' | 'loading' | 'ready';
  hosts: number;
  waiting: number;
  /** How long the longest present run has taken, milliseconds; undefined at rest. */
  runningMs: number | undefined;
}

/** The hosts of one version: as many as its instances, started when they are needed. */
export interface PoolHosts {
  /** Sets how many there should be; true when that is a change. */
  resize(instances: number): boolean;
  /** The report of the first host that is there or on its way. */
  ensureLoaded(): Promise<LoadReport>;
  /** Starts all that are missing. */
  load(): Promise<LoadReport>;
  /** Starts one more, if there may be one. */
  grow(): void;
  /** Starts another in the place of one that ended. @throws what starting it throws */
  replace(member: Member): Promise<void>;
  /** Those at rest. Surplus ones are ended. */
  free(): Member[];
  isEmpty(): boolean;
  isIdle(): boolean;
  /** Whether a host has run for about as long as it may, or is being replaced. */
  isHeldUp(): boolean;
  status(): Omit<PoolStatus, 'waiting'>;
  /** Ends all. */
  unload(): void;
}

/** Longest that a failed call waits for the host in which it is found whose fault the failure was, milliseconds. */
const patienceMs = 10_000;

/**
 * @param pool.warmed is told what was found in a host before any call runs on it. `isSuspected`: the one before it ended
 * @param pool.ready there is one more
 * @param pool.failed there is none, and why
 */
export function createPoolHosts(
  model: EngineModel,
  runTimeoutMs: number,
  start: StartWarmHost,
  pool: {
    warmed(host: HostProcess, warmup: Warmup, isSuspected: boolean): Promise<void>;
    ready(): void;
    failed(error: unknown): void;
  },
): PoolHosts {
  const members = new Set<Member>();
  let starting = 0;
  let instances = model.instances ?? 1;
  let firstReport: Promise<LoadReport> | undefined;

  async function startMember(isSuspected = false): Promise<LoadReport> {
    starting++;
    try {
      const { host, loadMs, warmup } = await start(model, instances);
      await pool.warmed(host, warmup, isSuspected);
      members.add({ host, runningSince: undefined });
      starting--;
      pool.ready();
      return { loadMs, warmupMs: warmup.warmupMs, warmupFailure: warmup.failure, rows: warmup.rows };
    } catch (error) {
      starting--;
      pool.failed(error);
      throw error;
    }
  }

  function removeDead(): void {
    for (const member of members) if (!member.host.isAlive()) members.delete(member);
  }

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

  return {
    ensureLoaded,

    resize(count) {
      const isChange = count !== instances;
      instances = count;
      return isChange;
    },

    async load() {
      const report = await ensureLoaded();
      const missing = instances - members.size - starting;
      await Promise.all(Array.from({ length: Math.max(0, missing) }, () => startMember()));
      return report;
    },

    grow() {
      if (members.size + starting >= instances) return;
      (members.size + starting === 0 ? ensureLoaded() : startMember()).catch(() => undefined);
    },

    async replace(member) {
      members.delete(member);
      const started = startMember(true);
      // Nobody may be waiting for it any more.
      started.catch(() => undefined);
      await Promise.race([started, pause(patienceMs, undefined, { ref: false })]);
    },

    free() {
      removeDead();
      const free = [...members].filter((member) => member.runningSince === undefined);
      for (const member of free.splice(0, Math.max(0, members.size - instances))) {
        member.host.kill();
        members.delete(member);
      }
      return free;
    },

    isEmpty() {
      removeDead();
      return members.size + starting === 0;
    },

    isIdle: () => starting === 0 && [...members].every(({ runningSince }) => runningSince === undefined),

    isHeldUp() {
      const now = performance.now();
      const isLong = ({ runningSince = now }: Member) => now - runningSince > 0.9 * runTimeoutMs;
      return starting > 0 || [...members].some(isLong);
    },

    status() {
      const alive = [...members].filter((member) => member.host.isAlive());
      const since = alive.flatMap(({ runningSince }) => runningSince ?? []);
      return {
        state: alive.length > 0 ? 'ready' : starting > 0 ? 'loading' : 'not_loaded',
        hosts: alive.length,
        runningMs: since.length === 0 ? undefined : performance.now() - Math.min(...since),
      };
    },

    unload() {
      for (const { host } of members) host.kill();
      members.clear();
      firstReport = undefined;
    },
  };
}
