import { createReadStream, createWriteStream, mkdirSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';

/** Writes the files of a packed tar archive into a folder. @throws where one would lie outside of it */
export async function unpack(tarball, folder) {
  const entries = extract();
  const written = (async () => {
    for await (const entry of entries) {
      const { name, type } = entry.header;
      const file = join(folder, name);
      if (relative(folder, file).split(sep).includes('..')) throw new Error(`${tarball} holds ${name}.`);
      if (type !== 'file') {
        entry.resume();
        continue;
      }
      mkdirSync(dirname(file), { recursive: true });
      await pipeline(entry, createWriteStream(file));
    }
  })();
  await Promise.all([pipeline(createReadStream(tarball), createGunzip(), entries), written]);
}
