import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';

/** Everything that a build is made from. */
const inputs = [
  'src',
  'tools',
  'examples',
  'bench',
  'test',
  'build',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
];

/**
 * Sources that are compiled or copied, relative to the root, in one order on every machine: TypeScript, and of the tests the programs
 * that they run in processes and threads of their own.
 */
export function sourcesIn(root) {
  return inputs
    .flatMap((input) =>
      input.includes('.')
        ? input
        : readdirSync(join(root, input), { recursive: true, encoding: 'utf8' }).map((path) =>
            `${input}/${path}`.replaceAll(sep, '/'),
          ),
    )
    .filter((path) =>
      path.startsWith('test/')
        ? path.endsWith('.mjs')
        : /\.(ts|mjs|json|proto)$|^src\/http\/page\/files\//.test(path),
    )
    .sort();
}

/** What names a build: the same sources and dependencies give the same, wherever and whenever they are compiled. */
export function inputsDigest(root) {
  const digest = createHash('sha256');
  for (const path of sourcesIn(root)) {
    const content = readFileSync(join(root, path));
    digest.update(`${path}\0${content.length}\0`).update(content);
  }
  return digest.digest('hex').slice(0, 16);
}
