import { mkdirSync } from 'node:fs';
import type { Logger } from '../telemetry/logger.ts';
import type { ArtifactStore } from './artifact_store.ts';
import { clearLeftovers } from './clear_leftovers.ts';
import { type DatabaseAddress, type OpenDatabase, openDatabase } from './database.ts';
import { type ArtifactPlace, openArtifacts, placeOf } from './open_artifacts.ts';
import { databaseId } from './store_identity.ts';
import { openToOthers, tightenModes } from './tighten_modes.ts';
import { watchArtifacts } from './watch_artifacts.ts';
import { watchStore } from './watch_store.ts';

/** The database and the files beside it. */
export interface Store extends OpenDatabase {
  artifacts: ArtifactStore;
  address: DatabaseAddress;
  storeId: string;
}

/**
 * Opens the store in a directory, which is made where there is none, and removes what killed processes left in it.
 * @throws STORAGE_UNAVAILABLE
 */
export async function openStore(
  settings: DatabaseAddress & ArtifactPlace,
  { logger, clock }: { logger: Logger; clock: () => number },
): Promise<Store> {
  const { directory, databaseUrl } = settings;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const address = { directory, databaseUrl };
  const opened = await openDatabase(address);
  tightenModes(directory);
  const open = openToOthers(directory);
  if (open !== undefined)
    logger.warn(
      `others on this machine can get at what the store holds: ${open}; set MODEL_REGISTRY_DIR to a directory of this user alone`,
    );
  await clearLeftovers(directory, clock(), logger);
  const artifacts = await openArtifacts(settings, opened, clock);
  const storeId = await databaseId(opened);
  if (storeId === undefined) throw new Error('The store that was opened has no id.');
  const stops = [
    watchStore(opened, logger),
    watchArtifacts(opened, artifacts, { directory, artifacts: placeOf(settings) }, { logger, clock }),
  ];
  return {
    ...opened,
    artifacts,
    address,
    storeId,
    hurry() {
      opened.hurry();
      for (const stop of stops) stop();
    },
    async close() {
      artifacts.close();
      await opened.close();
    },
  };
}
