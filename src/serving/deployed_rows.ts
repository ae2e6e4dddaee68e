import { ModelYardError } from '../errors.ts';
import type { Database } from '../storage/database.ts';
import { storageError } from '../storage/storage_error.ts';
import { versionOfKey } from './deployed_version.ts';
import type { Route } from './routing.ts';
import { routeOf } from './stored_route.ts';

/** Of such a row, the route of its model. */
export const routeColumns = [
  'routes.active_version',
  'routes.weights',
  'routes.sticky',
  'routes.shadow_version',
] as const;

/** Of such a row, whether its breaker is open. */
export const breakerColumns = ['breakers.reopens_at', 'breakers.open_ms', 'breakers.trips'] as const;

/** What is deployed: each deployment with its version, and its model's route and its breaker where there are such. */
export function selectDeployed(database: Database) {
  return database
    .selectFrom('deployments')
    .innerJoin('versions', (join) =>
      join
        .onRef('versions.model_id', '=', 'deployments.model_id')
        .onRef('versions.version', '=', 'deployments.version'),
    )
    .leftJoin('routes', 'routes.model_id', 'deployments.model_id')
    .leftJoin('breakers', (join) =>
      join
        .onRef('breakers.model_id', '=', 'deployments.model_id')
        .onRef('breakers.version', '=', 'deployments.version'),
    );
}

/** Whether a version is deployed on an engine, as far as the database can be asked: while it is away, it counts as so. */
export async function isDeployedOn(database: Database, key: string, engine: string): Promise<boolean> {
  const [modelId, version] = versionOfKey(key);
  try {
    const row = await database
      .selectFrom('deployments')
      .select('engine')
      .where('model_id', '=', modelId)
      .where('version', '=', version)
      .executeTakeFirst();
    return row?.engine === engine;
  } catch (error) {
    const reason = storageError(error);
    if (reason instanceof ModelYardError && reason.code === 'STORAGE_UNAVAILABLE') return true;
    throw error;
  }
}

/** The route in such a row; undefined where the model has none. @throws INTERNAL when it is damaged */
export function routeOfDeployed(row: {
  model_id: string;
  active_version: string | null;
  weights: string | null;
  sticky: number | null;
  shadow_version: string | null;
}): Route | undefined {
  const { active_version, weights, sticky } = row;
  return active_version === null || weights === null || sticky === null
    ? undefined
    : routeOf({ ...row, active_version, weights, sticky });
}
