import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ModelYardError } from '../errors.ts';

/**
 * The real path of a file that a command is to write.
 * @param otherwise what is said to do where it exists
 * @throws INVALID_INPUT when its directory is missing, or when it exists and must not be replaced
 */
export async function newFile(
  name: string,
  force: boolean,
  otherwise = 'Name another file, or replace it with --force.',
): Promise<string> {
  const absolute = resolve(name);
  const directory = await realpath(dirname(absolute)).catch(() => {
    throw new ModelYardError(
      'INVALID_INPUT',
      `The directory of ${name} does not exist.`,
      'Make it, or name another file.',
    );
  });
  const path = join(directory, basename(absolute));
  if (!force && existsSync(path))
    throw new ModelYardError('INVALID_INPUT', `${name} exists already.`, otherwise);
  return path;
}
