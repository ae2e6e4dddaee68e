import { artifactCache } from './artifact_cache.ts';
import { type ArtifactStore, artifactStore } from './artifact_store.ts';
import type { OpenDatabase } from './database.ts';
import { addressOf, type ObjectStoreSettings } from './object_store_settings.ts';
import { storageError } from './storage_error.ts';
import { elsewhereFrom, ownFolder } from './store_folders.ts';
import { databaseId } from './store_identity.ts';

/** Where the settings put the artifacts. */
export interface ArtifactPlace {
  directory: string;
  /** undefined: in `directory`. */
  objectStore: ObjectStoreSettings | undefined;
  maxArtifactBytes: number;
  /** What `directory` keeps at most of the artifacts of an object store. */
  artifactCacheBytes: number;
}

/** The same in a word. */
export function placeOf({ objectStore }: Pick<ArtifactPlace, 'objectStore'>): string {
  return objectStore === undefined ? ownFolder : addressOf(objectStore);
}

/** The artifacts of a store, in its directory or in an object store. Nothing is asked of that here. */
export async function openArtifacts(
  settings: ArtifactPlace,
  opened: Pick<OpenDatabase, 'database' | 'kind'>,
  clock: () => number = Date.now,
): Promise<ArtifactStore> {
  const { directory, objectStore, maxArtifactBytes: maxBytes, artifactCacheBytes } = settings;
  const { database, kind } = opened;
  const elsewhere = async () => {
    // SQLite's file is in the directory: who has the one has the other.
    if (kind === 'sqlite') return undefined;
    try {
      return await elsewhereFrom(database, { directory, artifacts: placeOf(settings) }, clock());
    } catch (error) {
      throw storageError(error);
    }
  };
  if (objectStore === undefined) return artifactStore(directory, maxBytes, elsewhere);
  // The client library is loaded by those who need it.
  const [{ openObjectStore }, { remoteArtifacts }] = await Promise.all([
    import('./object_store.ts'),
    import('./remote_artifacts.ts'),
  ]);
  return remoteArtifacts({
    objects: openObjectStore(objectStore),
    cache: artifactCache(directory, artifactCacheBytes),
    directory,
    maxBytes,
    storeId: () => databaseId(opened),
    elsewhere,
  });
}
