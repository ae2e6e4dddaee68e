import pg from 'pg';

/** Where a PostgreSQL server of this machine usually answers. */
const usualAddress = 'postgres://postgres@127.0.0.1:5432/postgres';

/**
 * The tests of the database run on PostgreSQL too where one answers: at MODELYARD_TEST_DATABASE_URL or at the
 * usual address, without a password. Says so where none does.
 */
export default async function findPostgreSql(): Promise<void> {
  const given = process.env.MODELYARD_TEST_DATABASE_URL;
  const address = given ?? usualAddress;
  const client = new pg.Client({ connectionString: address, connectionTimeoutMillis: 2000 });
  try {
    await client.connect();
    const { rows } = await client.query<{ rolcreatedb: boolean }>(
      'select rolcreatedb or rolsuper as rolcreatedb from pg_roles where rolname = current_user',
    );
    if (rows[0]?.rolcreatedb !== true) throw new Error('its user may not create databases');
    process.env.MODELYARD_TEST_DATABASE_URL = address;
  } catch (error) {
    // What was asked for by name must not be passed over.
    if (given !== undefined) throw error;
    process.stderr.write(
      'Skipped: the tests on PostgreSQL, since none answers (MODELYARD_TEST_DATABASE_URL names one).\n',
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}
