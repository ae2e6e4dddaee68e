import { ModelYardError, messageOf } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ArtifactStore } from './artifact_store.ts';
import type { OpenDatabase } from './database.ts';
import { elsewhereFrom, noteFolder, type StoreFolder } from './store_folders.ts';

/** How often a server says that it uses its folder, milliseconds. */
const notedMs = 3_600_000;

/**
 * Says in the log when the artifacts cannot be reached as things are set: the object store does not take this server, or
 * another machine of the store keeps artifacts where this one cannot get at them. Nobody waits for it. @returns its end
 */
export function watchArtifacts(
  { database, kind }: Pick<OpenDatabase, 'database' | 'kind'>,
  { remote }: Pick<ArtifactStore, 'remote'>,
  folder: StoreFolder,
  { logger, clock }: { logger: Logger; clock: () => number },
): () => void {
  let isStopped = false;
  const tell = (error: unknown) => {
    if (isStopped) return;
    if (error instanceof ModelYardError) logger.error(`${error.message} ${error.hint}`);
    else logger.warn('where the artifacts are could not be looked at', { detail: messageOf(error) });
  };
  remote?.check().catch(tell);
  if (kind === 'sqlite')
    return () => {
      isStopped = true;
    };
  const note = () => noteFolder(database, folder, clock());
  note()
    .then(() => elsewhereFrom(database, folder, clock()))
    .then((apart) => apart && tell(apart))
    .catch(tell);
  const timer = setInterval(() => void note().catch(tell), notedMs).unref();
  return () => {
    isStopped = true;
    clearInterval(timer);
  };
}
