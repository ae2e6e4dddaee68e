import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { ModelYardError, systemCodeOf } from '../errors.ts';
import type { Database } from './database.ts';

/** What artifacts are kept in, of a store whose settings name no object store. */
export const ownFolder = 'local';

/** A folder that no server used for so long is no longer reckoned with, milliseconds. */
const rememberedMs = 7 * 86_400_000;

/** A folder of a store in PostgreSQL: each machine has one, or several share one. */
export interface StoreFolder {
  directory: string;
  /** `local`, or the address of the object store. */
  artifacts: string;
}

/** Writes down that a server uses the folder now, so that the servers of others can tell. */
export async function noteFolder(
  database: Database,
  { directory, artifacts }: StoreFolder,
  now: number,
): Promise<void> {
  const values = { host: hostname(), artifacts, seen_at: now };
  await database
    .insertInto('store_folders')
    .values({ folder_id: folderId(directory), ...values })
    .onConflict((conflict) => conflict.column('folder_id').doUpdateSet(values))
    .execute();
}

/**
 * Why an artifact that is not here may be with another machine of the store; undefined where all keep them in the same place.
 */
export async function elsewhereFrom(
  database: Database,
  { directory, artifacts }: StoreFolder,
  now: number,
): Promise<ModelYardError | undefined> {
  const others = await database
    .selectFrom('store_folders')
    .select(['host', 'artifacts'])
    .where('folder_id', '<>', folderId(directory))
    .where('seen_at', '>', now - rememberedMs)
    .orderBy('seen_at', 'desc')
    .execute();
  const apart = others.find((other) => other.artifacts === ownFolder || other.artifacts !== artifacts);
  if (apart === undefined) return undefined;
  const theirs = apart.artifacts === ownFolder ? 'a folder of its own' : apart.artifacts;
  const here = artifacts === ownFolder ? 'a folder of its own' : artifacts;
  return new ModelYardError(
    'STORAGE_UNAVAILABLE',
    `The artifact is not to be found from this machine, which keeps artifacts in ${here}: ${apart.host}, of the same store, keeps them in ${theirs}.`,
    'Set the same MODELYARD_ARTIFACTS=s3://bucket/prefix on all machines of the store and run modelyard upload on each, or give them one MODEL_REGISTRY_DIR that all see.',
  );
}

function folderId(directory: string): string {
  const file = join(directory, 'folder_id');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(file, `${randomUUID()}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (systemCodeOf(error) !== 'EEXIST') throw error;
  }
  return readFileSync(file, 'utf8').trim();
}
