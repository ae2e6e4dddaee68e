import { homedir } from 'node:os';
import { posix, win32 } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * A path as a caller writes it (absolute, `~/…` or a `file://` URI) as a path of this machine; any other text is
 * returned unchanged.
 *
 * @param on the system whose paths they are; Windows takes `~\…` too
 * @throws an Error saying what is wrong with a URI
 */
export function localPath(
  given: string,
  on: { platform: NodeJS.Platform; home: string } = { platform: process.platform, home: homedir() },
): string {
  const isWindows = on.platform === 'win32';
  if (given === '~') return on.home;
  if (given.startsWith('~/') || (isWindows && given.startsWith('~\\')))
    return (isWindows ? win32 : posix).join(on.home, given.slice(2));
  if (!/^file:/i.test(given)) return given;
  const uri = new URL(given);
  if (uri.search !== '' || uri.hash !== '')
    throw new Error('a ? or # in the name of a file is written %3F or %23 in a URI');
  return fileURLToPath(uri, { windows: isWindows });
}
