import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runNpm } from './npm.mjs';
import { unpack } from './unpack.mjs';

/**
 * The platforms that packages are made for, by Node's names, with ONNX Runtime's library there. What its package has besides
 * is for graphics processors and is not taken: the library looks for it only when it is asked to use one.
 */
const libraries = {
  'linux-x64': 'libonnxruntime.so.1',
  'linux-arm64': 'libonnxruntime.so.1',
  'darwin-arm64': 'libonnxruntime.1.dylib',
  'win32-x64': 'onnxruntime.dll',
};

export const platforms = Object.keys(libraries);

/**
 * Copies a platform's native parts into a folder, under the names by which src/native_parts.ts finds them. Packages that are
 * not installed here come from the npm registry in the lockfile's versions, and must have the lockfile's digests.
 *
 * @param scratch a folder for what is downloaded
 */
export async function copyNativeFiles(root, platform, folder, scratch) {
  const [system, processor] = platform.split('-');
  const suffix = `${platform}${{ linux: '-gnu', win32: '-msvc' }[system] ?? ''}`;
  const runtime = join(root, 'node_modules', 'onnxruntime-node', 'bin', 'napi-v6', system, processor);
  const libsql = await packageFolder(root, `@libsql/${suffix}`, scratch);
  const resvg = await packageFolder(root, `@resvg/resvg-js-${suffix}`, scratch);
  mkdirSync(folder, { recursive: true });
  for (const [from, name] of [
    [join(runtime, 'onnxruntime_binding.node'), 'onnxruntime_binding.node'],
    [join(runtime, libraries[platform]), libraries[platform]],
    [join(libsql, 'index.node'), 'libsql.node'],
    [join(resvg, `resvgjs.${suffix}.node`), 'resvg.node'],
  ])
    cpSync(from, join(folder, name));
}

async function packageFolder(root, name, scratch) {
  const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages[
    `node_modules/${name}`
  ];
  if (locked === undefined) throw new Error(`package-lock.json has no ${name}.`);
  const installed = join(root, 'node_modules', name);
  if (existsSync(installed)) return installed;
  const folder = join(scratch, name.replace('/', '+'));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  runNpm(['pack', `${name}@${locked.version}`, '--silent', '--pack-destination', folder], folder);
  const [file] = readdirSync(folder);
  const tarball = join(folder, file ?? '');
  const digest = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
  if (digest !== locked.integrity)
    throw new Error(
      `${name}@${locked.version} has digest ${digest}, package-lock.json says ${locked.integrity}.`,
    );
  await unpack(tarball, folder);
  return join(folder, 'package');
}
