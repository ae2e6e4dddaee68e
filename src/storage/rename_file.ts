import { rename } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { systemCodeOf } from '../errors.ts';

/** How long a rename is tried again on Windows, in steps, milliseconds: 1.5 s in all. */
const pausesMs = [10, 20, 50, 100, 200, 400, 800];

/** How Windows refuses a rename while a scanner, an indexer or another process has one of the two files open. */
const passing: readonly string[] = ['EPERM', 'EACCES', 'EBUSY'];

/**
 * Renames a file, replacing one of that name. On Windows, where a file that somebody has open for a moment cannot be renamed, it is
 * tried again for a while.
 * @param how for tests: the system, its rename, its clock
 */
export async function renameFile(
  from: string,
  to: string,
  how: {
    platform: NodeJS.Platform;
    rename: (from: string, to: string) => Promise<void>;
    wait: (ms: number) => Promise<unknown>;
  } = { platform: process.platform, rename, wait: setTimeout },
): Promise<void> {
  for (const pause of how.platform === 'win32' ? pausesMs : [])
    try {
      return await how.rename(from, to);
    } catch (error) {
      if (!passing.includes(systemCodeOf(error) ?? '')) throw error;
      await how.wait(pause);
    }
  await how.rename(from, to);
}
