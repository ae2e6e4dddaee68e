import { type Database, type DatabaseAddress, openDatabase } from '../storage/database.ts';

/** Opens a database for one task of a thread, and closes it afterwards. */
export async function withDatabase<Result>(
  address: DatabaseAddress,
  use: (database: Database) => Promise<Result>,
): Promise<Result> {
  const { database, close } = await openDatabase(address);
  try {
    return await use(database);
  } finally {
    await close();
  }
}

const kept = new Map<string, Promise<Database>>();

/** A database that stays open as long as the thread lives, for tasks that run again and again. */
export function keptDatabase(address: DatabaseAddress): Promise<Database> {
  const key = JSON.stringify([address.directory, address.databaseUrl]);
  const known = kept.get(key);
  if (known !== undefined) return known;
  const opened = openDatabase(address).then(({ database }) => database);
  kept.set(key, opened);
  // A failed attempt is forgotten, so that the next task tries again.
  opened.catch(() => kept.delete(key));
  return opened;
}
