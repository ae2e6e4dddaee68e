import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { systemCodeOf } from '../../src/errors.ts';
import { scratchDirectory } from './environment.ts';

/** A small file system of a test's own, which it may fill. */
export interface SmallDisk {
  fill(): void;
  /** Makes room again. */
  clear(): void;
  /** From now on nothing can be written to it. */
  freeze(): void;
  remove(): void;
}

/** Whether this user may mount one. */
export const mayMount =
  process.platform === 'linux' &&
  process.getuid?.() === 0 &&
  (() => {
    const scratch = scratchDirectory();
    try {
      mountSmallDisk(join(scratch.path, 'disk'), 1).remove();
      return true;
    } catch {
      return false;
    } finally {
      scratch.remove();
    }
  })();

export function mountSmallDisk(directory: string, megabytes: number): SmallDisk {
  mkdirSync(directory, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'none', directory], { stdio: 'ignore' });
  const filler = join(directory, 'filler');
  return {
    fill() {
      const file = openSync(filler, 'a');
      try {
        // Until it refuses, or takes less than it was given.
        for (const piece of [Buffer.alloc(64 * 1024), Buffer.alloc(1024)]) while (takes(file, piece));
      } finally {
        closeSync(file);
      }
    },
    clear: () => rmSync(filler, { force: true }),
    freeze: () => execFileSync('mount', ['-o', 'remount,ro', directory], { stdio: 'ignore' }),
    remove: () => execFileSync('umount', ['-l', directory]),
  };
}

function takes(file: number, piece: Buffer): boolean {
  try {
    return writeSync(file, piece) === piece.length;
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOSPC') throw error;
    return false;
  }
}
