import { join } from 'node:path';
import { type OpenDatabase, openDatabase } from '../../src/storage/database.ts';

const names = [
  'models',
  'versions',
  'version_metrics',
  'version_tags',
  'version_parents',
  'deleted_versions',
  'aliases',
  'gate_policies',
  'stage_transitions',
  'deployments',
  'routes',
  'breakers',
  'references',
] as const;

/** Runs something on the database of a server's directory, beside the server. */
export async function withDatabase<T>(
  directory: string,
  run: (database: OpenDatabase['database']) => Promise<T>,
  databaseUrl?: string,
): Promise<T> {
  const { database, close } = await openDatabase({ directory: join(directory, 'registry'), databaseUrl });
  try {
    return await run(database);
  } finally {
    await close();
  }
}

/** Everything the registry holds: all rows of all tables but logs, the audit trail and requests for approval. */
export function registryTables(directory: string): Promise<Record<string, string[]>> {
  return withDatabase(directory, async (database) => {
    const tables: Record<string, string[]> = {};
    for (const name of names) {
      const rows = await database.selectFrom(name).selectAll().execute();
      tables[name] = rows.map((row) => JSON.stringify(row)).toSorted();
    }
    return tables;
  });
}
