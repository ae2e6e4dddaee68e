import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ownerOf } from './owned_name.ts';

/** An incoming file that nobody has modified for this long is abandoned, milliseconds. */
export const abandonedAfterMs = 3_600_000;

export interface Leftover {
  /** Below the registry directory. */
  name: string;
  bytes: number;
}

/** Incoming files that killed processes left: their owner is gone, or they are old. */
export async function leftovers(directory: string, now: number): Promise<Leftover[]> {
  const found: Leftover[] = [];
  for (const file of await readdir(join(directory, 'incoming')).catch(() => [])) {
    const name = join('incoming', file);
    const status = await stat(join(directory, name)).catch(() => undefined);
    if (status === undefined) continue;
    const owner = ownerOf(file);
    if (owner === 'here') continue;
    if (owner === 'gone' || now - status.mtimeMs >= abandonedAfterMs)
      found.push({ name, bytes: status.size });
  }
  return found;
}

/** Removes them. @returns what was removed */
export async function clearIncoming(directory: string, now: number): Promise<Leftover[]> {
  const found = await leftovers(directory, now);
  for (const { name } of found) await rm(join(directory, name), { recursive: true, force: true });
  return found;
}
