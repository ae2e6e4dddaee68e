import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * A path as a caller writes it (absolute, `~/…` or a `file://` URI) as a path of this machine; any other text is
 * returned unchanged.
 *
 * @throws an Error saying what is wrong with a URI
 */
export function localPath(given: string): string {
  if (given === '~') return homedir();
  if (given.startsWith('~/')) return join(homedir(), given.slice(2));
  if (!/^file:/i.test(given)) return given;
  const uri = new URL(given);
  if (uri.search !== '' || uri.hash !== '')
    throw new Error('a ? or # in the name of a file is written %3F or %23 in a URI');
  return fileURLToPath(uri);
}
