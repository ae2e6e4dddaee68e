import { ModelYardError } from '../errors.ts';
import { nearestName } from '../nearest_name.ts';
import type { Database } from '../storage/database.ts';
import type { ModelRow, VersionRow } from '../storage/schema.ts';
import { readAliases } from './aliases.ts';
import { type VersionRecord, versionRecord } from './version_record.ts';

/**
 * Reads one version, by its name or by an alias of it: whoever goes on with it uses the record's version, not the
 * name that was given.
 * @throws MODEL_NOT_FOUND or VERSION_NOT_FOUND, naming what exists and the nearest name.
 */
export async function findVersion(database: Database, modelId: string, name: string): Promise<VersionRecord> {
  return versionRecord(await findVersionRow(database, modelId, name));
}

/** A version of which what is stored may be damaged: its name and number stand all the same. */
export interface StoredVersion {
  version: string;
  number: number;
  stored: { record: VersionRecord } | { damage: ModelYardError };
}

/** @throws as findVersion, but not where it is damaged */
export async function findStoredVersion(
  database: Database,
  modelId: string,
  name: string,
): Promise<StoredVersion> {
  const row = await findVersionRow(database, modelId, name);
  return { version: row.version, number: row.number, stored: storedVersion(row) };
}

export function storedVersion(row: VersionRow): StoredVersion['stored'] {
  try {
    return { record: versionRecord(row) };
  } catch (error) {
    if (!(error instanceof ModelYardError)) throw error;
    return { damage: error };
  }
}

/**
 * The version of that name or alias, by name alone: also one of which the rest is damaged.
 * @throws as findVersion
 */
export async function findVersionName(database: Database, modelId: string, name: string): Promise<string> {
  return (await findVersionRow(database, modelId, name)).version;
}

async function findVersionRow(database: Database, modelId: string, name: string): Promise<VersionRow> {
  const row =
    (await database
      .selectFrom('versions')
      .selectAll()
      .where('model_id', '=', modelId)
      .where('version', '=', name)
      .executeTakeFirst()) ??
    (await database
      .selectFrom('aliases')
      .innerJoin('versions', (join) =>
        join
          .onRef('versions.model_id', '=', 'aliases.model_id')
          .onRef('versions.version', '=', 'aliases.version'),
      )
      .selectAll('versions')
      .where('aliases.model_id', '=', modelId)
      .where('aliases.alias', '=', name)
      .executeTakeFirst());
  if (row !== undefined) return row;
  await requireModel(database, modelId);
  const known = await database
    .selectFrom('versions')
    .select('version')
    .where('model_id', '=', modelId)
    .orderBy('number', 'desc')
    .limit(200)
    .execute();
  const aliases = await readAliases(database, modelId);
  throw new ModelYardError(
    'VERSION_NOT_FOUND',
    `${modelId} has no version ${name}.`,
    suggestion(
      name,
      known.map((row) => row.version),
      'versions',
      aliases.map(({ alias, version }) => [alias, `${alias} (${version})`]),
    ),
  );
}

/**
 * Reads a model itself.
 *
 * @throws MODEL_NOT_FOUND, naming what exists and the nearest name
 */
export async function requireModel(database: Database, modelId: string): Promise<ModelRow> {
  const found = await database
    .selectFrom('models')
    .selectAll()
    .where('model_id', '=', modelId)
    .executeTakeFirst();
  if (found !== undefined) return found;
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

/** @param aliases names of known versions, each with how it is shown */
function suggestion(
  wanted: string,
  known: string[],
  what: string,
  aliases: readonly (readonly [name: string, shown: string])[] = [],
): string {
  const names = [...known, ...aliases.map(([name]) => name)];
  const nearest = nearestName(wanted, names);
  const listed = known.slice(0, 10).join(', ') + (known.length > 10 ? ', … (search_models lists all)' : '');
  const standIns = aliases.slice(0, 10).map(([, shown]) => shown);
  const alsoKnown =
    standIns.length === 0 ? '' : ` Aliases: ${standIns.join(', ')}${aliases.length > 10 ? ', …' : ''}.`;
  return `${nearest !== undefined ? `Did you mean ${nearest}? ` : ''}Existing ${what}: ${listed}.${alsoKnown}`;
}
