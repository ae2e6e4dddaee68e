import { constants } from 'node:fs';
import { chmod, copyFile, mkdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ModelYardError, systemCodeOf } from '../errors.ts';
import { createOutputFile } from '../storage/output_file.ts';

/** A client's file as it was read. */
export interface ReadFile {
  /** The path behind all links: what is replaced, so that a link stays one. */
  path: string;
  /** undefined: there is no file yet. */
  text: string | undefined;
}

/** @throws INVALID_INPUT when there is something that cannot be read */
export async function readClientFile(file: string): Promise<ReadFile> {
  try {
    const path = await realpath(file);
    return { path, text: await readFile(path, 'utf8') };
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return { path: file, text: undefined };
    throw new ModelYardError(
      'INVALID_INPUT',
      `${file} cannot be read (${systemCodeOf(error) ?? 'unknown'}).`,
      'Look at its rights.',
    );
  }
}

/**
 * Replaces a client's file as a whole, or not at all, and leaves a copy of the old one beside it.
 * @returns the path of the copy; undefined: there was no file
 * @throws INVALID_INPUT when somebody else changed it meanwhile, or it cannot be written
 */
export async function changeFile(
  { path, text: before }: ReadFile,
  after: string,
  now: Date,
): Promise<string | undefined> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const copy = before === undefined ? undefined : `${path}.before-modelyard-${stamp(now)}`;
  // It may hold secrets of other servers: whoever could not read it cannot read the copy.
  const mode = before === undefined ? 0o600 : (await stat(path)).mode & 0o777;
  const output = await createOutputFile(path, path, {
    replace: before !== undefined,
    async check() {
      if ((await readClientFile(path)).text === before) return;
      throw new ModelYardError(
        'INVALID_INPUT',
        `${path} was changed by another program meanwhile; it was left as it is.`,
        'Quit the client and call again.',
      );
    },
  });
  try {
    await output.handle.chmod(mode);
    await output.handle.writeFile(after);
    if (copy !== undefined) {
      await copyFile(path, copy, constants.COPYFILE_EXCL);
      await chmod(copy, mode);
    }
    await output.commit();
  } finally {
    await output.discard();
  }
  return copy;
}

/** `20261129T112138123Z` */
function stamp(now: Date): string {
  return now.toISOString().replace(/[-:.]/g, '');
}
