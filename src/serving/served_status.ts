import type { Signature } from '../registry/signature.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Database } from '../storage/database.ts';
import type { Breakers } from './breakers.ts';
import { selectDeployed } from './deployed_rows.ts';
import { callSignature } from './run_rows.ts';
import { explainNotRouted, findServed, type ServedModels, type ServedVersion } from './served_models.ts';

/** A model as its callers see it. */
export interface ServedStatus {
  /** Every version that may be named in a call. */
  versions: string[];
  /** The version that was asked for, or the one with the most traffic. */
  record: VersionRecord;
  /** The signature of its calls. */
  signature: Signature;
  /** Whether a call would be answered now: no circuit breaker is in its way. */
  isReady: boolean;
}

interface StatusDependencies {
  database: Database;
  served: ServedModels;
  breakers: Pick<Breakers, 'allows'>;
}

/**
 * What is served of a model.
 * @param version a version or alias; undefined: the route's
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, NOT_DEPLOYED
 */
export async function servedStatus(
  { database, served, breakers }: StatusDependencies,
  modelId: string,
  version: string | undefined,
): Promise<ServedStatus> {
  const model = await served.read(modelId);
  const versions = [...model.versions.keys()];
  if (version !== undefined) {
    const found = await findServed(database, modelId, version, model);
    return { ...described(found), versions, isReady: breakers.allows(found) };
  }
  const routed = [model.route?.activeVersion, ...(model.route?.weights ?? []).map(([name]) => name)].flatMap(
    (name) => model.versions.get(name ?? '') ?? [],
  );
  const [first] = routed;
  if (first === undefined) return explainNotRouted(database, modelId, model);
  return { ...described(first), versions, isReady: routed.some((one) => breakers.allows(one)) };
}

function described({ record }: ServedVersion): Pick<ServedStatus, 'record' | 'signature'> {
  return { record, signature: callSignature(record.signature) };
}

/** A deployed version; `reopensAt` is set while its circuit breaker is open. */
export interface ListedVersion {
  modelId: string;
  version: string;
  reopensAt: number | undefined;
}

/** Most versions that a list has. */
const maxListed = 10_000;

/** Every deployed version, by name, at most ten thousand. */
export async function listServed(database: Database, now: number): Promise<ListedVersion[]> {
  const rows = await selectDeployed(database)
    .select(['deployments.model_id', 'deployments.version', 'breakers.reopens_at'])
    .orderBy('deployments.model_id')
    .orderBy('deployments.version')
    .limit(maxListed)
    .execute();
  return rows.map(({ model_id, version, reopens_at }) => ({
    modelId: model_id,
    version,
    reopensAt: reopens_at !== null && reopens_at > now ? reopens_at : undefined,
  }));
}
