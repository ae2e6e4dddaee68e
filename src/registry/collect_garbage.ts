import { lockTrail } from '../access/audit.ts';
import type { Artifact, ArtifactStore } from '../storage/artifact_store.ts';
import type { Database } from '../storage/database.ts';

export interface GarbageDependencies {
  database: Database;
  artifacts: ArtifactStore;
  clock: () => number;
}

/** A file without a version may be one that is being registered: only older ones are litter, milliseconds. */
const registeringMs = 3_600_000;

/** How many artifacts are looked up at once. */
const portion = 500;

/**
 * Removes the artifacts that no version refers to: those that `released` names, and others that were left behind
 * more than an hour ago.
 * @returns the bytes that were freed
 */
export async function collectGarbage(
  dependencies: GarbageDependencies,
  released: readonly string[],
): Promise<number> {
  const { database, artifacts, clock } = dependencies;
  const wasReleased = new Set(released);
  let freed = 0;
  let found: Artifact[] = [];
  const judge = async () => {
    const used = await usedAmong(database, found);
    for (const artifact of found)
      if (!used.has(artifact.sha256) && (await removeUnused(dependencies, artifact))) freed += artifact.bytes;
    found = [];
  };
  for await (const { at, ...artifact } of artifacts.list()) {
    if (wasReleased.has(artifact.sha256) || clock() - at > registeringMs) found.push(artifact);
    if (found.length === portion) await judge();
  }
  await judge();
  return freed;
}

async function usedAmong(database: Database, found: readonly Artifact[]): Promise<Set<string>> {
  if (found.length === 0) return new Set();
  const rows = await database
    .selectFrom('versions')
    .select('artifact_sha256')
    .where(
      'artifact_sha256',
      'in',
      found.map(({ sha256 }) => sha256),
    )
    .execute();
  return new Set(rows.map((row) => row.artifact_sha256));
}

/**
 * Holds the end of the audit trail while it looks and removes, which every registration takes too: bytes that
 * are being registered again are either seen here, or found missing by the registration, which puts them back.
 */
function removeUnused({ database, artifacts }: GarbageDependencies, artifact: Artifact): Promise<boolean> {
  return database.transaction().execute(async (transaction) => {
    await lockTrail(transaction);
    if ((await usedAmong(transaction, [artifact])).size > 0) return false;
    await artifacts.discard(artifact);
    return true;
  });
}
