import type { Transaction } from 'kysely';
import { ModelYardError } from '../errors.ts';
import type { Database } from '../storage/database.ts';
import type { Tables } from '../storage/schema.ts';

/** A name for one of a model's versions, which can be moved to another. */
export interface Alias {
  alias: string;
  version: string;
  changedAt: number;
  changedBy: string;
}

/** The aliases of a model, by name. */
export async function readAliases(database: Database, modelId: string): Promise<Alias[]> {
  const rows = await database
    .selectFrom('aliases')
    .selectAll()
    .where('model_id', '=', modelId)
    .orderBy('alias')
    .execute();
  return rows.map((row) => ({
    alias: row.alias,
    version: row.version,
    changedAt: row.changed_at,
    changedBy: row.changed_by,
  }));
}

/** Points an alias to a version, which must exist, or removes it (null). */
export async function writeAlias(
  transaction: Transaction<Tables>,
  modelId: string,
  alias: string,
  version: string | null,
  at: number,
  by: string,
): Promise<void> {
  if (version === null) {
    await transaction
      .deleteFrom('aliases')
      .where('model_id', '=', modelId)
      .where('alias', '=', alias)
      .execute();
    return;
  }
  const values = { version, changed_at: at, changed_by: by };
  await transaction
    .insertInto('aliases')
    .values({ model_id: modelId, alias, ...values })
    .onConflict((conflict) => conflict.columns(['model_id', 'alias']).doUpdateSet(values))
    .execute();
}

/**
 * An alias must be neither a version's name nor one of a deleted version, so that what was logged under a name keeps
 * its meaning.
 *
 * @throws INVALID_INPUT
 */
export async function requireNoVersion(
  transaction: Transaction<Tables>,
  modelId: string,
  alias: string,
): Promise<void> {
  const [version, deleted] = await namedVersions(transaction, modelId, alias);
  if (version === undefined && deleted === undefined) return;
  throw new ModelYardError(
    'INVALID_INPUT',
    version !== undefined
      ? `${alias} is a version of ${modelId}, so it cannot be an alias.`
      : `${alias} was a version of ${modelId} that is deleted, so it cannot be an alias.`,
    'Choose another name for the alias.',
  );
}

/**
 * A new version's name must be neither an alias nor the name of a deleted version.
 *
 * @throws VERSION_EXISTS
 */
export async function requireFreeName(database: Database, modelId: string, version: string): Promise<void> {
  const [, deleted] = await namedVersions(database, modelId, version);
  const alias = await database
    .selectFrom('aliases')
    .select('version')
    .where('model_id', '=', modelId)
    .where('alias', '=', version)
    .executeTakeFirst();
  if (alias !== undefined)
    throw new ModelYardError(
      'VERSION_EXISTS',
      `${version} is an alias of ${modelId} ${alias.version}, so no version can be called that.`,
      `Register it under another version, or first take the alias away: update_model with aliases={"${version}": null}.`,
    );
  if (deleted !== undefined)
    throw new ModelYardError(
      'VERSION_EXISTS',
      `${modelId} ${version} was deleted at ${new Date(deleted).toISOString()}; its name is not given again.`,
      'Register it under another version.',
    );
}

/** The version with that name, and when one with that name was deleted. */
async function namedVersions(
  database: Database,
  modelId: string,
  name: string,
): Promise<[version: string | undefined, deletedAt: number | undefined]> {
  const version = await database
    .selectFrom('versions')
    .select('version')
    .where('model_id', '=', modelId)
    .where('version', '=', name)
    .executeTakeFirst();
  const deleted = await database
    .selectFrom('deleted_versions')
    .select('deleted_at')
    .where('model_id', '=', modelId)
    .where('version', '=', name)
    .executeTakeFirst();
  return [version?.version, deleted?.deleted_at];
}
