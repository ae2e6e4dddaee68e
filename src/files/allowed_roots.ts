import { realpathSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, isAbsolute, parse, resolve } from 'node:path';
import { SettingsError } from '../errors.ts';
import { packageDirectory } from '../package_info.ts';

/**
 * The roots files may come from. Default: the home directory, the temporary directory, the package's own (its
 * example models) and the working directory (unless that is the root of the file system, where Claude Desktop
 * starts its servers).
 */
export function allowedRoots(given: string | undefined): string[] {
  if (given !== undefined) {
    return given
      .split(delimiter)
      .filter((root) => root !== '')
      .map((root) => {
        if (!isAbsolute(root))
          throw new SettingsError(
            `MODELYARD_ALLOWED_ROOTS: ${root} is not an absolute path.`,
            'MODELYARD_ALLOWED_ROOTS',
          );
        try {
          return realpathSync(root);
        } catch {
          throw new SettingsError(
            `MODELYARD_ALLOWED_ROOTS: the directory ${root} does not exist.`,
            'MODELYARD_ALLOWED_ROOTS',
          );
        }
      });
  }
  const working = process.cwd();
  const roots = [
    homedir(),
    tmpdir(),
    packageDirectory,
    ...(parse(working).root === working ? [] : [working]),
  ];
  return roots.flatMap((root) => realPathOf(root) ?? []);
}

/** undefined: there is no such directory. */
export function realPathOf(directory: string): string | undefined {
  try {
    return realpathSync(resolve(directory));
  } catch {
    return undefined;
  }
}
