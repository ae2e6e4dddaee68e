import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { games, modelYard, withTools } from '../http_peers/modelyard.ts';
import { type RunningServer, startServer } from '../http_peers/running_server.ts';

/** Version of the log's model that rows are written to by each process, or by all of them. */
export const logVersions = ['1', '2', '3', '4'];
export const logModel = 'log';

/** What one machine of several is told: a directory of its own, everything else is shared. */
export type Settings = Record<string, string>;

export function settingsOf(scratch: string, name: string, databaseUrl = ''): Settings {
  const directory = join(scratch, name);
  mkdirSync(directory, { recursive: true });
  return {
    MODEL_REGISTRY_DIR: directory,
    DATABASE_URL: databaseUrl,
    MODELYARD_ENGINE_THREADS: '1',
    MODELYARD_ALLOWED_ROOTS: `${join(games.source, '..')}:${scratch}`,
    MODELYARD_LOG_LEVEL: 'warn',
  };
}

/**
 * Machines on one PostgreSQL, each with its own copy of the artifacts: the example's model is deployed for calls, and another
 * time for the rows that the bench writes.
 */
export async function openMachines(scratch: string, databaseUrl: string, count: number): Promise<Settings[]> {
  const machines = Array.from({ length: count }, (_, index) => settingsOf(scratch, `m${index}`, databaseUrl));
  const [first] = machines;
  if (first === undefined) return [];
  await withTools(first, async (call) => {
    await call('deploy_model', games);
    await call('deploy_model', { ...games, model_id: logModel });
    for (const version of logVersions.slice(1))
      await call('register_model', { ...games, model_id: logModel, version });
    await call('set_reference_data', { model_id: logModel, path: join(games.source, '..', 'reference.csv') });
  });
  // What says of which store a directory is goes with the artifacts.
  const within = (settings: Settings, name: string) => join(settings.MODEL_REGISTRY_DIR ?? '', name);
  for (const other of machines.slice(1))
    for (const name of ['artifacts', 'store_id'])
      cpSync(within(first, name), within(other, name), { recursive: true });
  return machines;
}

/** `modelyard serve` on each, on a port of its own, when all have answered a call. */
export async function startServers(
  machines: readonly Settings[],
  { form = 'records', path = '/v1/models/nba/predict' }: { form?: 'records'; path?: string } = {},
): Promise<RunningServer[]> {
  const started = await Promise.allSettled(
    machines.map((settings) => startServer(modelYard('ModelYard', form, path, settings), 1)),
  );
  const servers = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = started.find((one) => one.status === 'rejected');
  if (failed !== undefined) {
    await stopAll(servers);
    throw failed.reason;
  }
  return servers;
}

export async function stopAll(servers: readonly RunningServer[]): Promise<void> {
  await Promise.all(servers.map(({ stop }) => stop()));
}
