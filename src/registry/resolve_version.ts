import { ModelYardError } from '../errors.ts';
import type { Database } from '../storage/database.ts';
import { findVersion, requireModel } from './lookup.ts';
import { productionVersion } from './standing.ts';
import type { VersionRecord } from './version_record.ts';

/** The version with that name, or else the active one, or else the one in production. */
export async function resolveVersion(
  database: Database,
  modelId: string,
  version: string | undefined,
): Promise<VersionRecord> {
  if (version !== undefined) return findVersion(database, modelId, version);
  await requireModel(database, modelId);
  const active = await database
    .selectFrom('routes')
    .select('active_version as version')
    .where('model_id', '=', modelId)
    .executeTakeFirst();
  const found = active?.version ?? (await productionVersion(database, modelId));
  if (found === undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `${modelId} has no active and no production version, so version must be given.`,
      'Name the version; get_model lists them.',
    );
  return findVersion(database, modelId, found);
}
