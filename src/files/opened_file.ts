import { fstat, read, type Stats, stat } from 'node:fs';
import { constants, type FileHandle, lstat, open, readlink, realpath } from 'node:fs/promises';
import { promisify } from 'node:util';

/** A file to read: its path, or the descriptor under which it was opened and checked. */
export type FileRef = string | number;

/**
 * The bytes of a file from its beginning, piece by piece. A descriptor stays open; a stream would close it when its
 * reader stops early, and its number could then belong to another file.
 */
export async function* piecesOf(file: FileRef, pieceBytes = 1 << 16): AsyncGenerator<Buffer> {
  const reader = await placedReader(file);
  try {
    for (let position = 0; ; ) {
      const piece = Buffer.allocUnsafeSlow(pieceBytes);
      const { bytesRead } = await reader.read(piece, 0, pieceBytes, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      yield piece.subarray(0, bytesRead);
    }
  } finally {
    await reader.close();
  }
}

export function statusOf(file: FileRef): Promise<Stats> {
  return typeof file === 'string' ? promisify(stat)(file) : promisify(fstat)(file);
}

export async function sizeOf(file: FileRef): Promise<number> {
  return (await statusOf(file)).size;
}

/** A file that is read at positions of the reader's choice. */
export interface PlacedReader {
  read(into: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }>;
  /** Leaves a descriptor open, since whoever opened it closes it. */
  close(): Promise<void>;
}

export async function placedReader(file: FileRef): Promise<PlacedReader> {
  if (typeof file === 'string') return open(file, 'r');
  const readAt = promisify(read);
  return {
    read: (into, offset, length, position) => readAt(file, into, offset, length, position),
    close: async () => undefined,
  };
}

/**
 * Opening neither waits for the other end of a pipe nor becomes the controlling process of a terminal; 0 on systems
 * without these flags.
 */
const harmless = (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/** Opens a file by its real path for reading, without following a link in its place. */
export function openRealFile(real: string): Promise<FileHandle> {
  return open(real, constants.O_RDONLY | harmless | (constants.O_NOFOLLOW ?? 0));
}

/** Opens a directory by its real path to hold it; undefined where a system opens none. */
export async function openRealDirectory(real: string): Promise<FileHandle | undefined> {
  if (process.platform === 'win32') return undefined;
  return open(real, constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | (constants.O_NOFOLLOW ?? 0));
}

/** The path by which Linux reaches an open descriptor, whatever name the file has now. */
export function descriptorPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

/**
 * The real path of an open file, as the system reports it (Linux). Elsewhere the path by which it was opened, if that
 * is still real and still leads to the same file; there a directory that is swapped back and forth between the two
 * checks may deceive them.
 *
 * @returns undefined when it is not where it was opened
 */
export async function pathOfOpened(handle: FileHandle, openedBy: string): Promise<string | undefined> {
  const told = await readlink(descriptorPath(handle.fd)).catch(() => undefined);
  if (told?.startsWith('/')) return told;
  const opened = await handle.stat();
  for (let look = 0; look < 2; look++) {
    const found = await lstat(openedBy).catch(() => undefined);
    if (found?.ino !== opened.ino || found.dev !== opened.dev) return undefined;
    if ((await realpath(openedBy).catch(() => undefined)) !== openedBy) return undefined;
  }
  return openedBy;
}

/** Whether names in a held directory can be reached through its descriptor. */
export async function reachesThrough(handle: FileHandle): Promise<boolean> {
  const told = await readlink(descriptorPath(handle.fd)).catch(() => undefined);
  return told?.startsWith('/') ?? false;
}
