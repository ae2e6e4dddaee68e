import { mkdir, readdir, readFile, realpath, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { abandonedAfterMs } from './clear_incoming.ts';
import { ownedName, ownerOf } from './owned_name.ts';

/**
 * An output file may be anywhere, so the store notes where an unfinished one is: the next start finds what a killed
 * process left of it. @returns what takes the note back
 */
export async function noteUnfinished(directory: string, path: string): Promise<() => Promise<void>> {
  const note = join(directory, 'unfinished', ownedName());
  try {
    await mkdir(dirname(note), { recursive: true, mode: 0o700 });
    const place = join(await realpath(dirname(path)), basename(path));
    await writeFile(note, place, { mode: 0o600, flag: 'wx' });
  } catch {
    // The store's own disk may be full where that of the output is not: then the next attempt at it clears up.
    return async () => undefined;
  }
  return () => unlink(note).catch(() => undefined);
}

const unfinishedName = /^\..*\.modelyard-partial~[^~]+~\d+~[0-9a-f-]{36}$/s;

/** Removes the unfinished files of processes that are gone. @returns their paths */
export async function clearUnfinished(directory: string, now: number): Promise<string[]> {
  const removed: string[] = [];
  const folder = join(directory, 'unfinished');
  for (const name of await readdir(folder).catch(() => [])) {
    const note = join(folder, name);
    const owner = ownerOf(name);
    const { mtimeMs } = (await stat(note).catch(() => undefined)) ?? { mtimeMs: now };
    if (owner === 'here' || (owner === 'unknown' && now - mtimeMs < abandonedAfterMs)) continue;
    const path = await readFile(note, 'utf8').catch(() => '');
    // Nothing else is removed, whatever a note says.
    if (unfinishedName.test(basename(path)) && ownerOf(basename(path)) === owner) {
      await rm(path, { force: true }).catch(() => undefined);
      removed.push(path);
    }
    await unlink(note).catch(() => undefined);
  }
  return removed;
}
