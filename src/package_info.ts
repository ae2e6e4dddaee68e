import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** The directory of package.json, from the sources as from the build. */
export const packageDirectory = findPackage(dirname(fileURLToPath(import.meta.url)));

export const packageVersion = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(join(packageDirectory, 'package.json'), 'utf8'))).version;

function findPackage(from: string): string {
  try {
    readFileSync(join(from, 'package.json'));
    return from;
  } catch (error) {
    if (dirname(from) === from) throw error;
    return findPackage(dirname(from));
  }
}
