import { access, constants, lstat, realpath, stat } from 'node:fs/promises';
import systemPaths, { basename, dirname, isAbsolute, join, type PlatformPath, resolve } from 'node:path';
import { ModelYardError, systemCodeOf } from '../errors.ts';

/**
 * Resolves a file that a caller names to its real path, following links, and checks that it is a
 * regular file below one of the allowed roots.
 * @throws PATH_NOT_ALLOWED outside the roots (before anything is said about what is there);
 *   INVALID_INPUT when there is no such regular file or it cannot be read.
 */
export async function readableFile(path: string, allowedRoots: readonly string[]): Promise<string> {
  const absolute = resolve(path);
  const real = await realpath(absolute).catch(async (error: unknown) => {
    if (!isBelowAny(await nearestDirectory(absolute), allowedRoots)) throw notAllowed(path, allowedRoots);
    throw systemCodeOf(error) === 'ENOENT'
      ? new ModelYardError('INVALID_INPUT', `There is no file ${path}.`, relativeHint(path))
      : unreadable(path);
  });
  if (!isBelowAny(real, allowedRoots)) throw notAllowed(path, allowedRoots);
  const found = await stat(real).catch(() => {
    throw unreadable(path);
  });
  if (!found.isFile())
    throw new ModelYardError(
      'INVALID_INPUT',
      `${path} is not a regular file.`,
      found.isDirectory() ? 'Name the file inside the directory.' : 'Name a regular file.',
    );
  await access(real, constants.R_OK).catch(() => {
    throw unreadable(path);
  });
  return real;
}

/**
 * Resolves a directory to its real path, following links, and checks that it is below one of the allowed roots.
 * @throws PATH_NOT_ALLOWED outside the roots (before anything is said about what is there);
 *   INVALID_INPUT when there is no such directory.
 */
export async function readableDirectory(path: string, allowedRoots: readonly string[]): Promise<string> {
  const absolute = resolve(path);
  const real = await realpath(absolute).catch(() => undefined);
  if (!isBelowAny(real ?? (await nearestDirectory(absolute)), allowedRoots))
    throw notAllowed(path, allowedRoots);
  const found = real === undefined ? undefined : await stat(real).catch(() => undefined);
  if (real === undefined || found?.isDirectory() !== true)
    throw new ModelYardError('INVALID_INPUT', `There is no directory ${path}.`, relativeHint(path));
  return real;
}

/**
 * Resolves a file that a caller wants written to the real path it will have: its directory must exist and, links
 * followed, be below one of the allowed roots, and the name in it must be free. A link of that name is not followed.
 * @param closedTo a directory that is not to be written to, wherever the roots are.
 * @throws PATH_NOT_ALLOWED outside the roots; INVALID_INPUT when the directory is missing or the name taken.
 */
export async function writableFile(
  path: string,
  allowedRoots: readonly string[],
  closedTo: string,
): Promise<string> {
  const absolute = resolve(path);
  const directory = await realpath(dirname(absolute)).catch(async (error: unknown) => {
    if (!isBelowAny(await nearestDirectory(absolute), allowedRoots)) throw notWritten(path, allowedRoots);
    throw systemCodeOf(error) === 'ENOENT'
      ? new ModelYardError('INVALID_INPUT', `The directory of ${path} does not exist.`, relativeHint(path))
      : new ModelYardError(
          'INVALID_INPUT',
          `The directory of ${path} cannot be used.`,
          'Check its permissions.',
        );
  });
  if (!isBelowAny(directory, allowedRoots)) throw notWritten(path, allowedRoots);
  if (isBelowAny(directory, [await realpath(closedTo)])) throw insideRegistry(path);
  const real = join(directory, basename(absolute));
  const found = await lstat(real).catch(() => undefined);
  if (found !== undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `${path} exists already; nothing is overwritten.`,
      'Name another file, or remove this one first.',
    );
  return real;
}

/** The real path of the nearest existing directory above `path`, with links resolved. */
async function nearestDirectory(path: string): Promise<string> {
  const above = dirname(path);
  return realpath(above).catch(() => (above === path ? path : nearestDirectory(above)));
}

/**
 * Whether a real path is one of the roots or below one.
 * @param paths how the system writes paths
 */
export function isBelowAny(
  path: string,
  roots: readonly string[],
  paths: Pick<PlatformPath, 'relative' | 'sep' | 'isAbsolute'> = systemPaths,
): boolean {
  return roots.some((root) => {
    const below = paths.relative(root, path);
    return (
      below === '' || (below !== '..' && !below.startsWith(`..${paths.sep}`) && !paths.isAbsolute(below))
    );
  });
}

export function notAllowed(path: string, roots: readonly string[]): ModelYardError {
  if (roots.length === 0)
    return new ModelYardError(
      'PATH_NOT_ALLOWED',
      `${path} is not read: this server takes no files of its machine.`,
      'Upload the file (PUT /v1/files/NAME) and name it upload:NAME, name a source in MLflow, or have the server started with MODELYARD_ALLOWED_ROOTS.',
    );
  if (!isAbsolute(path))
    return new ModelYardError(
      'PATH_NOT_ALLOWED',
      `${path} is relative, and from this server's working directory it leads outside what the server may read.`,
      'Give the whole path: absolute, ~/… or a file:// URI.',
    );
  return new ModelYardError(
    'PATH_NOT_ALLOWED',
    `${path} is outside the ${roots.length} director${roots.length === 1 ? 'y' : 'ies'} this server may read.`,
    'Move the file below one of them (by default: home, temporary and working directory), or start the server with MODELYARD_ALLOWED_ROOTS naming its directory.',
  );
}

/** As notAllowed, of a file that is to be written. */
export function notWritten(path: string, roots: readonly string[]): ModelYardError {
  if (roots.length > 0) return notAllowed(path, roots);
  return new ModelYardError(
    'PATH_NOT_ALLOWED',
    `${path} is not written: this server writes no files of its machine.`,
    'Name the output upload:NAME, which GET /v1/files/NAME answers then, or have the server started with MODELYARD_ALLOWED_ROOTS.',
  );
}

export function insideRegistry(path: string): ModelYardError {
  return new ModelYardError(
    'PATH_NOT_ALLOWED',
    `${path} is inside the registry directory, which only the server itself writes to.`,
    'Name a file elsewhere.',
  );
}

export function swapped(path: string): ModelYardError {
  return new ModelYardError(
    'PATH_NOT_ALLOWED',
    `${path} was moved or replaced while it was opened.`,
    'Leave its directories in place during the call.',
  );
}

export function unreadable(path: string): ModelYardError {
  return new ModelYardError('INVALID_INPUT', `The file ${path} cannot be read.`, 'Check its permissions.');
}

function relativeHint(path: string): string {
  return isAbsolute(path)
    ? 'Check the path.'
    : 'A relative path is taken from the directory the server was started in; give an absolute path, ~/… or a file:// URI.';
}
