import { randomUUID } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Kysely, sql } from 'kysely';
import { ModelYardError, systemCodeOf } from '../errors.ts';
import type { Tables } from './schema.ts';

/**
 * A store is a database and a directory of artifacts and journals that belong together: both hold the same id. Several
 * machines may share a PostgreSQL, each with a directory of its own; a directory is never shared by two databases, which
 * would take each other's artifacts for litter and each other's journals for their own.
 */
interface Opened {
  database: Kysely<Tables>;
  kind: 'sqlite' | 'postgresql';
}

function storeIdFile(directory: string): string {
  return join(directory, 'store_id');
}

/** The id of the store that a directory belongs to; undefined for one that belongs to none. */
export function storeIdOf(directory: string): string | undefined {
  try {
    return readFileSync(storeIdFile(directory), 'utf8').trim();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCodeOf(error) ?? '')) return undefined;
    throw error;
  }
}

/**
 * A directory that belongs to a store and has lost its SQLite file is not given a new, empty one.
 * @throws STORAGE_UNAVAILABLE
 */
export function requireSqliteFile(directory: string, file: string): void {
  if (existsSync(file) || storeIdOf(directory) === undefined) return;
  throw new ModelYardError(
    'STORAGE_UNAVAILABLE',
    `The database ${file} is gone, and its directory still holds the artifacts of its store.`,
    'Put the file back (with its -wal file, where there is one), or restore a backup into a new directory (MODEL_REGISTRY_DIR). Where the store is in PostgreSQL, set DATABASE_URL.',
  );
}

/**
 * Checks that directory and database are of one store. A new database is given its id; a directory in which nothing of
 * a store lies yet joins.
 * @throws STORAGE_UNAVAILABLE when the directory is another store's, with what to do
 */
export async function joinStore(opened: Opened, directory: string): Promise<void> {
  // In this order, so that a directory is claimed only when the database has its id.
  const found = storeIdOf(directory);
  const known = await databaseId(opened);
  if (found !== undefined && found !== known) throw foreignDirectory(directory, found, opened, known);
  const id = known ?? (await giveId(opened));
  if (found !== undefined) return;
  const content = contentOf(directory, opened.kind);
  // Another process may have claimed it since, and begun to fill it.
  if (storeIdOf(directory) === id) return;
  // A SQLite file that has its id is in its own directory, whatever has become of the note.
  if (content !== undefined && !(opened.kind === 'sqlite' && known !== undefined))
    throw unknownDirectory(directory, content, opened, id);
  claim(directory, id);
  const now = storeIdOf(directory);
  if (now !== id) throw foreignDirectory(directory, now ?? 'unknown', opened, id);
}

/**
 * The check alone: neither is changed. A directory that belongs to no store is let pass.
 * @throws STORAGE_UNAVAILABLE when the directory is another store's
 */
export async function requireOwnDirectory(opened: Opened, directory: string): Promise<void> {
  const found = storeIdOf(directory);
  if (found === undefined) return;
  const known = await databaseId(opened);
  if (found !== known) throw foreignDirectory(directory, found, opened, known);
}

/** undefined: it belongs to no store yet. */
export async function databaseId({ database }: Pick<Opened, 'database'>): Promise<string | undefined> {
  const row = await database.selectFrom('store_identity').select('store_id').executeTakeFirst();
  return row?.store_id;
}

/**
 * Of several processes that open a new database at once one gives the id. SQLite's file is marked with its first digits
 * (the application id of its header), where they can be seen without SQLite.
 */
async function giveId(opened: Opened): Promise<string> {
  await opened.database
    .insertInto('store_identity')
    .values({ id: 1, store_id: randomUUID() })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
  const given = await databaseId(opened);
  if (given === undefined) throw new Error('The id of the store was not kept.');
  if (opened.kind === 'sqlite')
    await sql
      .raw(`pragma application_id = ${Number.parseInt(given.slice(0, 7), 16)}`)
      .execute(opened.database);
  return given;
}

/** Writes the note whole or not at all; one that another process wrote meanwhile stays. */
function claim(directory: string, id: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const temporary = `${storeIdFile(directory)}.${randomUUID()}`;
  writeFileSync(temporary, `${id}\n`, { mode: 0o600, flag: 'wx' });
  try {
    linkSync(temporary, storeIdFile(directory));
  } catch (error) {
    if (systemCodeOf(error) === 'EEXIST') return;
    // A file system without links.
    writeFileSync(storeIdFile(directory), `${id}\n`, { mode: 0o600, flag: 'wx' });
  } finally {
    unlinkSync(temporary);
  }
}

/** What of a store lies in a directory, in words; undefined: nothing. */
function contentOf(directory: string, kind: Opened['kind']): string | undefined {
  if (kind === 'postgresql' && existsSync(join(directory, 'modelyard.db'))) return 'a SQLite database';
  const holds = (folder: string) => namesIn(folder).length > 0;
  const artifacts = join(directory, 'artifacts');
  if (namesIn(artifacts).some((name) => holds(join(artifacts, name)))) return 'artifacts';
  return holds(join(directory, 'journals')) ? 'journals of predictions' : undefined;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

const nameOf = ({ kind }: Opened) =>
  kind === 'sqlite' ? 'the SQLite database in it' : 'the database that DATABASE_URL names';

const whatToDo =
  'Set MODEL_REGISTRY_DIR to the directory of this database (an empty one joins it), or DATABASE_URL as it was for that directory. To bring a store into another database use modelyard backup and modelyard restore.';

function foreignDirectory(
  directory: string,
  found: string,
  opened: Opened,
  known: string | undefined,
): ModelYardError {
  return new ModelYardError(
    'STORAGE_UNAVAILABLE',
    `The directory ${directory} belongs to another store (${found}) than ${nameOf(opened)} (${known ?? 'a new one'}): nothing in it was touched.`,
    whatToDo,
  );
}

function unknownDirectory(directory: string, content: string, opened: Opened, id: string): ModelYardError {
  return new ModelYardError(
    'STORAGE_UNAVAILABLE',
    `The directory ${directory} holds ${content} and does not say of which store, so it does not join ${nameOf(opened)}.`,
    `${whatToDo} If it is this store's, write ${id} into ${storeIdFile(directory)}.`,
  );
}
