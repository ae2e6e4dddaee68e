import type { Standing } from '../access/approval_policy.ts';
import type { Database } from '../storage/database.ts';
import { readGatePolicy } from './gate_policy.ts';
import { parseWeights } from './route_weights.ts';

/** A model's production version and traffic, and whether its gate for production needs a person's approval. */
export interface GuardedStanding {
  standing: Standing;
  productionWantsPerson: boolean;
}

export async function readStanding(database: Database, modelId: string): Promise<GuardedStanding> {
  const production = await productionVersion(database, modelId);
  const route = await database
    .selectFrom('routes')
    .select('weights')
    .where('model_id', '=', modelId)
    .executeTakeFirst();
  const { approval = false } = await readGatePolicy(database, modelId, 'production');
  return {
    standing: { production, weights: route === undefined ? [] : parseWeights(modelId, route.weights) },
    productionWantsPerson: approval,
  };
}

/** The version of a model that is in production. */
export async function productionVersion(database: Database, modelId: string): Promise<string | undefined> {
  const row = await database
    .selectFrom('versions')
    .select('version')
    .where('model_id', '=', modelId)
    .where('stage', '=', 'production')
    .executeTakeFirst();
  return row?.version;
}

/** `version 1 (in production) 90 %, version 2 10 %`: which versions answer the calls, for people. */
export function describeShares({ production, weights }: Standing): string {
  if (weights.length === 0) return 'nothing';
  return weights
    .map(
      ([version, weight]) =>
        `version ${version}${version === production ? ' (in production)' : ''} ${Number((100 * weight).toFixed(4))} %`,
    )
    .join(', ');
}
