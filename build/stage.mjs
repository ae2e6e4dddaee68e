import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { copyNativeFiles } from './native_files.mjs';

/** What a package has besides the programs. */
const carried = ['README.md', 'LICENSE', 'CHANGELOG.md', 'docs', 'examples'];

/** What of a build is for the project itself: tests, benches, and what they share. */
const ownUse = ['bench', 'development', 'examples', 'test'];

/**
 * Puts together what one platform's package holds: the current build's programs, native parts, the example, the guides.
 * Nothing is left to install: it has no dependencies and no scripts.
 *
 * @param folder new or empty
 * @param scratch a folder for what is downloaded
 */
export async function stagePackage(root, platform, folder, scratch) {
  mkdirSync(folder, { recursive: true });
  const build = readFileSync(join(root, 'dist', 'current'), 'utf8').trim();
  for (const name of carried) cpSync(join(root, name), join(folder, name), { recursive: true });
  for (const name of ['current', join('src', 'main.js')])
    cpSync(join(root, 'dist', name), join(folder, 'dist', name));
  const programs = join(root, 'dist', build);
  cpSync(programs, join(folder, 'dist', build), {
    recursive: true,
    filter: (path) => !ownUse.includes(relative(programs, path)),
  });
  await copyNativeFiles(root, platform, join(folder, 'dist', build, 'native'), scratch);
  writeFileSync(
    join(folder, 'package.json'),
    `${JSON.stringify(packageOf(readJson(join(root, 'package.json')), platform), null, 2)}\n`,
  );
}

/** A platform's package.json, from the project's. */
function packageOf(project, platform) {
  const [system, processor] = platform.split('-');
  const { name, version, description, license, author, mcpName, repository, bugs, homepage } = project;
  const { type, engines, bin, keywords } = project;
  return {
    ...{ name, version, description, license, author, mcpName, repository, bugs, homepage },
    ...{ type, engines, bin, keywords },
    // The manifest is for the bundle, which holds the same files.
    files: ['**', '!manifest.json'],
    os: [system],
    cpu: [processor],
    ...(system === 'linux' ? { libc: ['glibc'] } : {}),
  };
}

export function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}
