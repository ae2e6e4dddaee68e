import { type Kysely, Migrator, sql } from 'kysely';
import { ModelYardError } from '../errors.ts';
import { migrations } from './migrations/index.ts';

/** The names of all migrations that this version knows, in their order. */
export function knownMigrations(): readonly string[] {
  return Object.keys(migrations);
}

function migratorOf<Any>(database: Kysely<Any>): Migrator {
  return new Migrator({ db: database, provider: { getMigrations: async () => migrations } });
}

/**
 * Brings the tables up to date, or up to the migration with that name.
 *
 * @throws STORAGE_UNAVAILABLE when another version of ModelYard made them
 */
export async function migrate<Any>(database: Kysely<Any>, to?: string): Promise<void> {
  const applied = await appliedMigrations(database);
  requireKnown(applied);
  // A store that is up to date is opened without waiting for its writers.
  if (to === undefined && applied.length === knownMigrations().length) return;
  const migrator = migratorOf(database);
  const { error } = await (to === undefined ? migrator.migrateToLatest() : migrator.migrateTo(to));
  if (error !== undefined) throw error;
}

/** @throws STORAGE_UNAVAILABLE when the store has migrations that this version does not know */
export function requireKnown(applied: readonly string[]): void {
  const unknown = applied.filter((name) => !knownMigrations().includes(name));
  if (unknown.length > 0)
    throw new ModelYardError(
      'STORAGE_UNAVAILABLE',
      `The store was made by another ModelYard, whose tables this one does not know (${unknown.join(', ')}).`,
      'Use that version, or set MODEL_REGISTRY_DIR (or DATABASE_URL) to a new store.',
    );
}

/** The migrations that were applied to a database, in their order; none on an empty one. Changes nothing. */
export async function appliedMigrations<Any>(database: Kysely<Any>): Promise<string[]> {
  const known = await migratorOf(database).getMigrations();
  // A database without the table has had no migration; a newer one may have some that are unknown here.
  if (known.every(({ executedAt }) => executedAt === undefined)) return [];
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(
    database,
  );
  return rows.map(({ name }) => name);
}
