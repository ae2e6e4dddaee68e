import type { Database } from '../storage/database.ts';
import type { Route } from './routing.ts';
import { readRoute } from './stored_route.ts';

/** How a shadow version's predictions compare with the answers given. */
export interface ShadowAgreement {
  shadowVersion: string;
  primaryVersion: string;
  calls: number;
  errors: number;
  rows: number;
  /** Share of the rows answered by both whose values agree; null without rows. */
  agreement: number | null;
}

export interface TrafficDescription {
  route: Route | undefined;
  /** When and by whom the route was last changed. */
  routeChange: { at: number; by: string } | undefined;
  deployedVersions: string[];
  /** Of these, the engine of each. */
  engines: Map<string, string>;
  shadows: ShadowAgreement[];
}

export async function describeTraffic(database: Database, modelId: string): Promise<TrafficDescription> {
  const [route, change, deployed, shadows] = await Promise.all([
    readRoute(database, modelId),
    database
      .selectFrom('routes')
      .select(['changed_at', 'changed_by'])
      .where('model_id', '=', modelId)
      .executeTakeFirst(),
    database
      .selectFrom('deployments')
      .select(['version', 'engine'])
      .where('model_id', '=', modelId)
      .orderBy('deployed_at', 'desc')
      .limit(100)
      .execute(),
    readShadowAgreement(database, modelId),
  ]);
  return {
    route,
    routeChange: change && { at: change.changed_at, by: change.changed_by },
    deployedVersions: deployed.map((row) => row.version),
    engines: new Map(deployed.map((row) => [row.version, row.engine])),
    shadows,
  };
}

/** A version's agreement with all versions that answered while it was the shadow. */
export async function totalAgreement(
  database: Database,
  modelId: string,
  version: string,
): Promise<{ calls: number; agreement: number | null }> {
  const own = (await readShadowAgreement(database, modelId)).filter((one) => one.shadowVersion === version);
  const rows = own.reduce((sum, one) => sum + one.rows, 0);
  return {
    calls: own.reduce((sum, one) => sum + one.calls, 0),
    agreement: rows === 0 ? null : own.reduce((sum, one) => sum + (one.agreement ?? 0) * one.rows, 0) / rows,
  };
}

async function readShadowAgreement(database: Database, modelId: string): Promise<ShadowAgreement[]> {
  const rows = await database
    .selectFrom('shadow_totals')
    .selectAll()
    .where('model_id', '=', modelId)
    .orderBy('calls', 'desc')
    .limit(20)
    .execute();
  return rows.map((row) => ({
    shadowVersion: row.shadow_version,
    primaryVersion: row.primary_version,
    calls: row.calls,
    errors: row.errors,
    rows: row.rows,
    agreement: row.rows === 0 ? null : row.agreed / row.rows,
  }));
}
