import { chmodSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const folders = ['artifact_cache', 'artifacts', 'incoming', 'journals', 'logs', 'unfinished'];
const filesIn = ['incoming', 'journals', 'logs', 'unfinished'];
const files = ['modelyard.db', 'modelyard.db-wal', 'modelyard.db-shm', 'store_id', 'folder_id'];

/**
 * Leaves what is in a store's directory to its owner alone, also what was made with wider rights before: it holds what
 * everybody asked the models and what they were told. Windows has no such modes.
 */
export function tightenModes(directory: string): void {
  if (process.platform === 'win32') return;
  const wasOpen = tighten(directory, 0o700);
  for (const folder of folders) tighten(join(directory, folder), 0o700);
  for (const file of files) tighten(join(directory, file), 0o600);
  for (const folder of filesIn)
    for (const name of namesIn(join(directory, folder))) tighten(join(directory, folder, name), 0o600);
  // A store may have very many: who was open has what is in it looked at, once.
  for (const name of namesIn(join(directory, 'artifacts')))
    if (tighten(join(directory, 'artifacts', name), 0o700) || wasOpen)
      for (const file of namesIn(join(directory, 'artifacts', name)))
        tighten(join(directory, 'artifacts', name, file), 0o600);
}

/**
 * Whether others on this machine get at what is in a store's directory: its path and mode, in words. undefined: they do not,
 * or the system has no such modes.
 */
export function openToOthers(directory: string): string | undefined {
  if (process.platform === 'win32') return undefined;
  for (const path of [directory, join(directory, 'modelyard.db')]) {
    const mode = lstatSync(path, { throwIfNoEntry: false })?.mode ?? 0;
    if ((mode & 0o077) !== 0) return `${path} (mode ${(mode & 0o777).toString(8).padStart(4, '0')})`;
  }
  return undefined;
}

/** Not a link's target, nor what is somebody else's, nor a folder for everybody such as /tmp. @returns whether it was wider */
function tighten(path: string, mode: number): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isSymbolicLink() || found.uid !== process.getuid?.()) return false;
  const isShared = (found.mode & 0o1000) !== 0;
  if (isShared || (found.mode & 0o077) === 0 || found.isDirectory() !== (mode === 0o700)) return false;
  chmodSync(path, mode);
  return true;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
