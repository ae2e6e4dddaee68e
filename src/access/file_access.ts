import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { ModelYardError, systemCodeOf } from '../errors.ts';

/**
 * Resolves a file that a caller names to its real path, following links, and checks that it is a
 * regular file below one of the allowed roots.
 * @throws PATH_NOT_ALLOWED outside the roots (before anything is said about what is there);
 *   INVALID_INPUT when there is no such regular file.
 */
export async function readableFile(path: string, allowedRoots: readonly string[]): Promise<string> {
  const absolute = resolve(path);
  const real = await realpath(absolute).catch((error: unknown) => {
    if (!isBelowAny(absolute, allowedRoots)) throw notAllowed(path, allowedRoots);
    throw systemCodeOf(error) === 'ENOENT'
      ? new ModelYardError('INVALID_INPUT', `There is no file ${path}.`, relativeHint(path))
      : new ModelYardError('INVALID_INPUT', `The file ${path} cannot be read.`, 'Check its permissions.');
  });
  if (!isBelowAny(real, allowedRoots)) throw notAllowed(path, allowedRoots);
  const found = await stat(real);
  if (!found.isFile())
    throw new ModelYardError(
      'INVALID_INPUT',
      `${path} is not a regular file.`,
      found.isDirectory() ? 'Name the file inside the directory.' : 'Name a regular file.',
    );
  return real;
}

function isBelowAny(path: string, roots: readonly string[]): boolean {
  return roots.some((root) => {
    const below = relative(root, path);
    return below === '' || (below !== '..' && !below.startsWith(`..${sep}`) && !isAbsolute(below));
  });
}

function notAllowed(path: string, roots: readonly string[]): ModelYardError {
  return new ModelYardError(
    'PATH_NOT_ALLOWED',
    `${path} is outside the ${roots.length} director${roots.length === 1 ? 'y' : 'ies'} this server may read.`,
    'Move the file below one of them (by default: home, temporary and working directory), or start the server with MODELYARD_ALLOWED_ROOTS naming its directory.',
  );
}

function relativeHint(path: string): string {
  return isAbsolute(path)
    ? 'Check the path.'
    : 'A relative path is taken from the directory the server was started in; give an absolute path.';
}
