import { type Kysely, Migrator, sql } from 'kysely';
import { migrations } from './migrations/index.ts';

/** The names of all migrations that this version knows, in their order. */
export function knownMigrations(): readonly string[] {
  return Object.keys(migrations);
}

function migratorOf<Any>(database: Kysely<Any>): Migrator {
  return new Migrator({ db: database, provider: { getMigrations: async () => migrations } });
}

/** Brings the tables up to date, or up to the migration of that name. */
export async function migrate<Any>(database: Kysely<Any>, to?: string): Promise<void> {
  const migrator = migratorOf(database);
  const { error } = await (to === undefined ? migrator.migrateToLatest() : migrator.migrateTo(to));
  if (error !== undefined) throw error;
}

/** The migrations that were carried out on a database, in their order; none on an empty one. Changes nothing. */
export async function appliedMigrations<Any>(database: Kysely<Any>): Promise<string[]> {
  const known = await migratorOf(database).getMigrations();
  // A database without the table has seen no migration; a newer one may have some that are not known here.
  if (known.every(({ executedAt }) => executedAt === undefined)) return [];
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(
    database,
  );
  return rows.map(({ name }) => name);
}
