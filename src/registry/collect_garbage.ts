import { lockTrail } from '../access/audit.ts';
import { ModelYardError } from '../errors.ts';
import type { Artifact } from '../storage/artifact.ts';
import type { ArtifactStore } from '../storage/artifact_store.ts';
import type { Database } from '../storage/database.ts';
import { storageError } from '../storage/storage_error.ts';

export interface GarbageDependencies {
  database: Database;
  artifacts: Pick<ArtifactStore, 'discard' | 'isPresent'>;
}

/**
 * Of the artifacts that a deletion released, removes those that no version refers to any more, and no other file,
 * since a file unknown to this database may belong to someone else. What cannot be reached now stays, as litter.
 *
 * @returns the bytes that were freed
 */
export async function collectGarbage(
  dependencies: GarbageDependencies,
  released: readonly Artifact[],
): Promise<number> {
  let freed = 0;
  const each = new Map(released.map((artifact) => [artifact.sha256, artifact]));
  for (const artifact of each.values())
    if (await removeUnused(dependencies, artifact).catch(unlessAway)) freed += artifact.bytes;
  return freed;
}

function unlessAway(error: unknown): false {
  const known = storageError(error);
  if (known instanceof ModelYardError && known.code === 'STORAGE_UNAVAILABLE') return false;
  throw error;
}

/**
 * Locks the end of the audit trail while it checks and removes. Every registration locks it too, so bytes that are
 * being registered again are either seen here, or found missing by the registration, which stores them again.
 *
 * @returns whether it existed and is removed
 */
export function removeUnused(
  { database, artifacts }: GarbageDependencies,
  artifact: Artifact,
): Promise<boolean> {
  return database.transaction().execute(async (transaction) => {
    await lockTrail(transaction);
    const version = await transaction
      .selectFrom('versions')
      .select('version')
      .where('artifact_sha256', '=', artifact.sha256)
      .limit(1)
      .executeTakeFirst();
    if (version !== undefined || !(await artifacts.isPresent(artifact))) return false;
    await artifacts.discard(artifact);
    return true;
  });
}
