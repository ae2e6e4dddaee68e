import { closeSync, mkdirSync, openSync, renameSync, unlinkSync } from 'node:fs';
import { open, statfs, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ownedName } from '../storage/owned_name.ts';

/**
 * Disk space that a process reserves for its journal: a file of zeros, written and synced while there is space. When
 * the disk is full it becomes the next journal and is overwritten in place, which needs no new space (except on
 * copy-on-write file systems such as btrfs and ZFS).
 */
export interface Reserve {
  /** Starts to make the reserve if there is none, at most once in a while and only with enough free space. */
  prepare(): void;
  /**
   * Turns the reserve into the file with that path.
   *
   * @returns its descriptor; undefined where there is no reserve
   */
  take(path: string): number | undefined;
  remove(): void;
}

/** Whether a file is a reserve, or one that is being made. */
export function isReserve(name: string): boolean {
  return name.startsWith('reserve~') || name.startsWith('making~');
}

/** Bytes for about 20 000 predictions of a dozen features. */
const reserveBytes = 8 * 1024 * 1024;
const leastBytes = 256 * 1024;
const pieceBytes = 64 * 1024;
/** The reserve takes at most this fraction of the free space: a quarter. */
const shareOfFree = 4;
/** Between two attempts, milliseconds. */
const restMs = 10_000;
/** Delay so that the first answers do not wait for it, milliseconds. */
const delayMs = 500;

export function openReserve(folder: string): Reserve {
  let ready: string | undefined;
  let making = false;
  /** The file that is being made. */
  let unfinished: string | undefined;
  let triedAt = Number.NEGATIVE_INFINITY;
  let isRemoved = false;

  const make = async () => {
    const { bavail, bsize } = await statfs(folder);
    const size = Math.min(reserveBytes, Math.floor((bavail * bsize) / shareOfFree));
    if (size < leastBytes || isRemoved) return;
    const owned = ownedName();
    const path = join(folder, `making~${owned}`);
    try {
      // At once, so that an end finds it.
      closeSync(openSync(path, 'wx', 0o600));
      unfinished = path;
      const file = await open(path, 'r+');
      try {
        const zeros = Buffer.alloc(pieceBytes);
        for (let at = 0; at + pieceBytes <= size; at += pieceBytes)
          await file.write(zeros, 0, pieceBytes, at);
        await file.sync();
      } finally {
        await file.close();
      }
    } catch {
      unfinished = undefined;
      // The disk filled up meanwhile: without a reserve, calls are refused when it is full.
      await unlink(path).catch(() => undefined);
      return;
    }
    if (isRemoved) return unlink(path).catch(() => undefined);
    unfinished = undefined;
    const whole = join(folder, `reserve~${owned}`);
    renameSync(path, whole);
    ready = whole;
  };

  return {
    prepare() {
      if (ready !== undefined || making || isRemoved || performance.now() - triedAt < restMs) return;
      making = true;
      setTimeout(() => {
        make()
          .catch(() => undefined)
          .finally(() => {
            making = false;
            triedAt = performance.now();
          });
      }, delayMs).unref();
    },
    take(path) {
      const given = ready;
      if (given === undefined) return undefined;
      ready = undefined;
      try {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        renameSync(given, path);
        return openSync(path, 'r+');
      } catch {
        return undefined;
      }
    },
    remove() {
      isRemoved = true;
      // The process may end before one that is being made is whole.
      for (const path of [ready, unfinished]) {
        try {
          if (path !== undefined) unlinkSync(path);
        } catch {
          // It is gone already.
        }
      }
      ready = undefined;
      unfinished = undefined;
    },
  };
}
