import { type FileHandle, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ModelYardError } from '../errors.ts';
import {
  insideRegistry,
  isBelowAny,
  notAllowed,
  notWritten,
  readableDirectory,
  readableFile,
  swapped,
  unreadable,
  writableFile,
} from './allowed_paths.ts';
import {
  descriptorPath,
  openRealDirectory,
  openRealFile,
  pathOfOpened,
  reachesThrough,
} from './opened_file.ts';

/** A caller's file or directory, opened and then checked to be below the allowed roots. */
export interface OpenedFile {
  /** Reads what was opened, even if the name leads elsewhere meanwhile; valid until it is closed. */
  fd: number;
  bytes: number;
  /** Holds the directory that it is in. */
  holdFolder(): Promise<HeldDirectory>;
  close(): Promise<void>;
}

/** A directory that is held open, so that nobody can replace it. */
export interface HeldDirectory {
  /** The path by which it is reached. */
  path: string;
  /** @throws PATH_NOT_ALLOWED when it was moved out of the allowed roots */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** Where files that callers name for reading may be. */
export interface ReadableFiles {
  /** Real paths of the directories that they may be in. */
  allowedRoots: readonly string[];
  /** Opens what was uploaded under a name, which a path gives as `upload:NAME`; undefined: nothing was. */
  openUpload?: (name: string) => Promise<OpenedFile>;
}

/** Directories that callers' files may be in. */
export interface FileRoots extends ReadableFiles {
  /**
   * The one of the roots that other users can write to as well: results go only into folders there that are our own.
   */
  temporaryRoot: string | undefined;
}

/** The name of an uploaded file in a path `upload:NAME`; undefined: it is a path of this machine. */
export function uploadNameIn(path: string): string | undefined {
  return path.startsWith('upload:') ? path.slice('upload:'.length) : undefined;
}

/**
 * Opens a file that a caller names for reading: one that was uploaded, or one of this machine. What was opened is checked, not the name, so that swapping a
 * directory for a link meanwhile achieves nothing.
 *
 * @throws as readableFile
 */
export async function openReadable(
  path: string,
  { allowedRoots, openUpload }: ReadableFiles,
): Promise<OpenedFile> {
  const uploaded = uploadNameIn(path);
  if (uploaded !== undefined && openUpload !== undefined) return openUpload(uploaded);
  const real = await readableFile(path, allowedRoots);
  const handle = await openRealFile(real).catch(() => {
    throw unreadable(path);
  });
  try {
    await requireBelow(handle, real, path, allowedRoots);
    const found = await handle.stat();
    if (!found.isFile())
      throw new ModelYardError('INVALID_INPUT', `${path} is not a regular file.`, 'Name a regular file.');
    return {
      fd: handle.fd,
      bytes: found.size,
      holdFolder: () =>
        hold(dirname(real), path, (told) => {
          if (!isBelowAny(told, allowedRoots)) throw notAllowed(path, allowedRoots);
        }),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Opens a file for reading, uses it and closes it. */
export async function withReadable<T>(
  path: string,
  files: ReadableFiles,
  use: (file: OpenedFile) => Promise<T>,
): Promise<T> {
  const file = await openReadable(path, files);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** @throws as readableDirectory */
export async function holdReadableDirectory(
  path: string,
  allowedRoots: readonly string[],
): Promise<HeldDirectory> {
  const real = await readableDirectory(path, allowedRoots);
  return hold(real, path, (told) => {
    if (!isBelowAny(told, allowedRoots)) throw notAllowed(path, allowedRoots);
  });
}

/**
 * Holds the directory of a file that a caller wants written.
 *
 * @returns it, with the path by which the file is reached in it
 * @throws as writableFile
 */
export async function holdWritable(
  path: string,
  roots: FileRoots,
  closedTo: string,
): Promise<HeldDirectory & { file: string }> {
  const real = await writableFile(path, roots.allowedRoots, closedTo);
  const registry = await realpath(closedTo);
  const held = await hold(dirname(real), path, (told) => {
    if (!isBelowAny(told, roots.allowedRoots)) throw notWritten(path, roots.allowedRoots);
    if (isBelowAny(told, [registry])) throw insideRegistry(path);
  });
  try {
    await requireOwn(path, held.path, dirname(real), roots);
    return { ...held, file: join(held.path, basename(real)) };
  } catch (error) {
    await held.close();
    throw error;
  }
}

async function hold(
  real: string,
  path: string,
  requireAllowed: (told: string) => void,
): Promise<HeldDirectory> {
  const handle = await openRealDirectory(real).catch(() => {
    throw unreadable(path);
  });
  const check = async () => {
    const told = handle === undefined ? await realpath(real) : await pathOfOpened(handle, real);
    if (told === undefined) throw swapped(path);
    requireAllowed(told);
  };
  try {
    await check();
    const through = handle !== undefined && (await reachesThrough(handle));
    return {
      path: through ? descriptorPath(handle.fd) : real,
      check,
      close: async () => handle?.close(),
    };
  } catch (error) {
    await handle?.close();
    throw error;
  }
}

async function requireBelow(
  handle: FileHandle,
  real: string,
  path: string,
  allowedRoots: readonly string[],
): Promise<void> {
  const told = await pathOfOpened(handle, real);
  if (told === undefined) throw swapped(path);
  if (!isBelowAny(told, allowedRoots)) throw notAllowed(path, allowedRoots);
}

/**
 * Other users of a shared directory could replace a result or put a folder in its way, so results go into our own
 * folders.
 */
async function requireOwn(
  path: string,
  held: string,
  real: string,
  { allowedRoots, temporaryRoot }: FileRoots,
): Promise<void> {
  const others = allowedRoots.filter((root) => root !== temporaryRoot);
  if (temporaryRoot === undefined || isBelowAny(real, others)) return;
  const { uid, mode } = await stat(held);
  const own = process.getuid?.();
  if (own === undefined || (uid === own && (mode & 0o002) === 0)) return;
  throw new ModelYardError(
    'PATH_NOT_ALLOWED',
    `${path} is in a temporary directory that other users can write to.`,
    'Name a file in a folder of your own, or start the server with MODELYARD_ALLOWED_ROOTS naming its directory.',
  );
}
