import { statfs } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { sql } from 'kysely';
import { missingNativePart } from '../../native_parts.ts';
import type { Database } from '../../storage/database.ts';
import type { Allowance, ArtifactWatch } from './artifact_watch.ts';
import type { HealthCheck } from './health_status.ts';

export interface StoreCheckDependencies {
  database: Database;
  /** What has happened to the database file; undefined while all is well. */
  storeFault: () => string | undefined;
  flushLog: () => Promise<void>;
  artifacts: Pick<ArtifactWatch, 'look' | 'report'>;
}

/**
 * How long health waits for the latest calls to be counted, milliseconds; then it answers without them, since others
 * may hold the database.
 */
const flushPatienceMs = 250;

export async function checkDatabase({
  database,
  storeFault,
  flushLog,
}: StoreCheckDependencies): Promise<HealthCheck> {
  const name = 'database';
  const started = performance.now();
  const fault = storeFault();
  if (fault !== undefined)
    return {
      name,
      status: 'unhealthy',
      detail: `its file ${fault} under the running server: nothing is changed; predictions of loaded models wait in the journal until it is back`,
    };
  try {
    await sql`select 1`.execute(database);
  } catch {
    return {
      name,
      status: 'unhealthy',
      detail: 'does not answer; predictions of known models go on and wait in the journal',
    };
  }
  const answeredMs = performance.now() - started;
  try {
    const isFlushed = await Promise.race([flushLog().then(() => true), setTimeout(flushPatienceMs, false)]);
    const answered = `answered in ${answeredMs.toFixed(1)} ms`;
    return {
      name,
      status: 'healthy',
      detail: isFlushed ? answered : `${answered}; the last calls are not counted yet`,
    };
  } catch {
    return {
      name,
      status: 'degraded',
      detail:
        'can be read and takes no changes (its disk is full, or another program holds it); predictions go on and wait in the journal',
    };
  }
}

/** Free space below which the database can hardly be written. */
const fullDiskBytes = 1e6;
const lowDiskBytes = 500e6;

export async function checkDisk(directory: string): Promise<HealthCheck> {
  const name = 'disk';
  try {
    const { bavail, bsize } = await statfs(directory);
    const free = bavail * bsize;
    if (free < fullDiskBytes)
      return {
        name,
        status: 'unhealthy',
        detail: `full (${Math.round(free / 1e3)} kB free): changes are refused; predictions go on in the room kept for them, then are refused too. All goes on when there is room`,
      };
    return {
      name,
      status: free < lowDiskBytes ? 'degraded' : 'healthy',
      detail: `${(free / 1e9).toFixed(1)} GB free`,
    };
  } catch {
    return { name, status: 'unhealthy', detail: 'the registry directory cannot be read' };
  }
}

const shownFaults = 5;

export async function checkArtifacts(
  { artifacts }: StoreCheckDependencies,
  allowance: Allowance,
): Promise<HealthCheck> {
  const { total, verified, faults, remote } = await artifacts.report(allowance);
  const name = 'artifacts';
  if (remote?.fault !== undefined)
    return {
      name,
      status: 'degraded',
      detail: `${remote.fault} Versions that are loaded, or kept on this machine, go on; others cannot be loaded here.`,
    };
  if (faults.length === 0)
    return {
      name,
      status: 'healthy',
      detail:
        remote === undefined
          ? `${total}, of which ${verified} were verified by this server; the others are, one after the other`
          : `${total} in ${remote.address}, each there with its size; bytes are verified whenever they are loaded`,
    };
  const shown = faults
    .slice(0, shownFaults)
    .map(({ state, versions }) => `${versions.join(' and ')} (${state})`);
  if (faults.length > shownFaults) shown.push('…');
  return {
    name,
    status: 'degraded',
    detail: `${faults.length} of ${total} are ${words(faults)}: ${shown.join(', ')}. ${
      faults.every(({ state }) => state === 'unreachable')
        ? 'Another machine of the store keeps them: set the same MODELYARD_ARTIFACTS on all.'
        : 'Register the same file again to put the good bytes back; until then they are not loaded.'
    }`,
  };
}

function words(faults: readonly { state: string }[]): string {
  return faults.some(({ state }) => state === 'unreachable')
    ? 'damaged, missing or unreachable'
    : 'damaged or missing';
}

/** What is wrong with the installation: without the runtime no model runs, without resvg no chart is drawn. */
export function checkInstallation(missing: typeof missingNativePart = missingNativePart): HealthCheck[] {
  const runtime = missing('onnxruntime');
  const charts = missing('resvg');
  return [
    ...(runtime === undefined
      ? []
      : [{ name: 'runtime', status: 'unhealthy' as const, detail: `no model can be loaded. ${runtime}` }]),
    ...(charts === undefined
      ? []
      : [{ name: 'charts', status: 'degraded' as const, detail: `none can be drawn. ${charts}` }]),
  ];
}
