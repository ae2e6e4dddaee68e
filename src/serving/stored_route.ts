import type { Transaction } from 'kysely';
import { ModelYardError } from '../errors.ts';
import { parseWeights } from '../registry/route_weights.ts';
import type { Database } from '../storage/database.ts';
import type { RouteRow, Tables } from '../storage/schema.ts';
import type { Route } from './routing.ts';

/** @throws INTERNAL when it is damaged */
export async function readRoute(transaction: Database, modelId: string): Promise<Route | undefined> {
  const row = await transaction
    .selectFrom('routes')
    .selectAll()
    .where('model_id', '=', modelId)
    .executeTakeFirst();
  return row && routeOf(row);
}

/** @throws INTERNAL when it is damaged */
export function routeOf(
  row: Pick<RouteRow, 'model_id' | 'active_version' | 'weights' | 'sticky' | 'shadow_version'>,
): Route {
  return {
    activeVersion: row.active_version,
    weights: parseWeights(row.model_id, row.weights),
    sticky: row.sticky === 1,
    shadowVersion: row.shadow_version ?? undefined,
  };
}

export async function writeRoute(
  transaction: Transaction<Tables>,
  modelId: string,
  route: Route,
  at: number,
  by: string,
): Promise<void> {
  const values = {
    active_version: route.activeVersion,
    weights: JSON.stringify(route.weights),
    sticky: route.sticky ? 1 : 0,
    shadow_version: route.shadowVersion ?? null,
    changed_at: at,
    changed_by: by,
  };
  await transaction
    .insertInto('routes')
    .values({ model_id: modelId, ...values })
    .onConflict((conflict) => conflict.column('model_id').doUpdateSet(values))
    .execute();
}

/**
 * Gives one version all the traffic; it can no longer be its own shadow.
 * @throws NOT_DEPLOYED when it was retired meanwhile
 */
export async function activateVersion(
  transaction: Transaction<Tables>,
  modelId: string,
  version: string,
  at: number,
  by: string,
): Promise<void> {
  await requireDeployed(transaction, modelId, [version]);
  const before = await readRoute(transaction, modelId);
  const shadowVersion = before?.shadowVersion === version ? undefined : before?.shadowVersion;
  const route = {
    activeVersion: version,
    weights: [[version, 1]] as const,
    sticky: before?.sticky ?? true,
    shadowVersion,
  };
  await writeRoute(transaction, modelId, route, at, by);
}

/** @throws NOT_DEPLOYED when one of them was retired meanwhile */
export async function requireDeployed(
  transaction: Database,
  modelId: string,
  versions: readonly string[],
): Promise<void> {
  const rows = await transaction
    .selectFrom('deployments')
    .select('version')
    .where('model_id', '=', modelId)
    .execute();
  const gone = versions.filter((version) => !rows.some((row) => row.version === version));
  if (gone.length > 0)
    throw new ModelYardError(
      'NOT_DEPLOYED',
      `${modelId} ${gone.join(', ')} was retired meanwhile.`,
      'Deploy it again.',
    );
}
