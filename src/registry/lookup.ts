import { closest, distance } from 'fastest-levenshtein';
import { ModelYardError } from '../errors.ts';
import type { Database } from '../storage/database.ts';
import { type VersionRecord, versionRecord } from './version_record.ts';

/**
 * Reads one version.
 * @throws MODEL_NOT_FOUND or VERSION_NOT_FOUND, naming what exists and the nearest name.
 */
export async function findVersion(
  database: Database,
  modelId: string,
  version: string,
): Promise<VersionRecord> {
  const row = await database
    .selectFrom('versions')
    .selectAll()
    .where('model_id', '=', modelId)
    .where('version', '=', version)
    .executeTakeFirst();
  if (row !== undefined) return versionRecord(row);
  await requireModel(database, modelId);
  const known = await database
    .selectFrom('versions')
    .select('version')
    .where('model_id', '=', modelId)
    .orderBy('created_at', 'desc')
    .limit(200)
    .execute();
  throw new ModelYardError(
    'VERSION_NOT_FOUND',
    `${modelId} has no version ${version}.`,
    suggestion(
      version,
      known.map((row) => row.version),
      'versions',
    ),
  );
}

/** @throws MODEL_NOT_FOUND, naming what exists and the nearest name. */
export async function requireModel(database: Database, modelId: string): Promise<void> {
  const found = await database
    .selectFrom('models')
    .select('model_id')
    .where('model_id', '=', modelId)
    .executeTakeFirst();
  if (found !== undefined) return;
  const known = await database
    .selectFrom('models')
    .select('model_id')
    .orderBy('created_at', 'desc')
    .limit(200)
    .execute();
  throw new ModelYardError(
    'MODEL_NOT_FOUND',
    `There is no model ${modelId}.`,
    known.length === 0
      ? 'No model is registered yet: call deploy_model or register_model with a source.'
      : suggestion(
          modelId,
          known.map((row) => row.model_id),
          'models',
        ),
  );
}

function suggestion(wanted: string, known: string[], what: string): string {
  const nearest = known.length === 0 ? undefined : closest(wanted, known);
  const near = nearest !== undefined && distance(wanted, nearest) <= Math.max(2, wanted.length / 3);
  const listed = known.slice(0, 10).join(', ') + (known.length > 10 ? ', … (search_models lists all)' : '');
  return `${near ? `Did you mean ${nearest}? ` : ''}Existing ${what}: ${listed}.`;
}
