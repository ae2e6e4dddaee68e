/**
 * Makes `dist`: `node build/build.mjs`, which does nothing where `dist` is what the sources say already.
 *
 * A build is a folder of its own, named by what it was made from. `dist/current` names the one that counts, and
 * `dist/src/main.js` and its like start it. Nothing is changed in place: whoever starts a server while another build is made
 * gets a whole one, and the last few stay, so that a server which runs from one goes on to find its threads, its hosts and
 * what it loads late.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inputsDigest } from './inputs.mjs';

/** Builds that stay beside the current one. */
const keptBuilds = 2;
/** One that is being made for longer was broken off, milliseconds. */
const longestMakingMs = 600_000;

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const name = inputsDigest(root);

if (!isCurrent()) await make();
// What is installed globally is a link to it, which nobody can start without its execute bit.
else chmodSync(join(dist, 'src', 'main.js'), 0o755);

function isCurrent() {
  const files = [join(dist, name), join(dist, 'src', 'main.js'), join(dist, 'current')];
  return (
    files.every((file) => existsSync(file)) && readFileSync(join(dist, 'current'), 'utf8').trim() === name
  );
}

async function make() {
  const { bundle } = await loadBundler();
  const folder = join(dist, `making-${process.pid}`);
  remove([folder]);
  mkdirSync(folder, { recursive: true });
  let programs;
  try {
    programs = await bundle(root, folder);
    renameSync(folder, join(dist, name));
  } catch (error) {
    remove([folder]);
    // Another process may have made the same one meanwhile.
    if (programs === undefined || !existsSync(join(dist, name))) throw error;
  }
  for (const { source, file } of programs) pointTo(source, file);
  replace(join(dist, 'current'), `${name}\n`);
  remove(outdated());
}

/** Only where it is needed: a build that is there can be used without. */
async function loadBundler() {
  try {
    return await import('./bundle.mjs');
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    process.stderr.write(`${error.message}. Run npm ci, which also builds.\n`);
    process.exit(1);
  }
}

/** A file at the place where the program's source is in the project, which starts it from the build. */
function pointTo(source, file) {
  const at = join(dist, source.replace(/\.ts$/, '.js'));
  mkdirSync(dirname(at), { recursive: true });
  const target = relative(dirname(at), join(dist, name, file)).replaceAll(sep, '/');
  replace(at, `#!/usr/bin/env node\nimport '${target}';\n`, 0o755);
}

/** Writes a file so that whoever reads it meanwhile finds the old or the new one, whole. */
function replace(file, content, mode = 0o644) {
  const fresh = `${file}.${process.pid}`;
  writeFileSync(fresh, content, { mode });
  renameSync(fresh, file);
}

function otherBuilds() {
  return readdirSync(dist, { withFileTypes: true })
    .filter(
      (entry) => entry.isDirectory() && /^(making-\d+|[\da-f]{16})$/.test(entry.name) && entry.name !== name,
    )
    .map((entry) => join(dist, entry.name));
}

function outdated() {
  const folders = otherBuilds().map((path) => ({
    path,
    madeAt: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0,
  }));
  const isBeingMade = ({ path }) => path.includes('making-');
  const brokenOff = folders.filter((each) => isBeingMade(each) && Date.now() - each.madeAt > longestMakingMs);
  const earlier = folders.filter((each) => !isBeingMade(each)).sort((a, b) => b.madeAt - a.madeAt);
  return [...brokenOff, ...earlier.slice(keptBuilds)].map(({ path }) => path);
}

function remove(folders) {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}
