import type { Database } from '../storage/database.ts';
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
