/**
 * Makes packages into `release/`: for each platform a tarball that npm installs without dependencies and scripts, and an MCP
 * bundle; server.json with the bundles' addresses and digests; SHA256SUMS.
 *
 *   node build/pack.mjs [--no-bundles] [PLATFORM …]
 *   node build/pack.mjs --folder FOLDER PLATFORM      leaves what a package and a bundle hold in a folder, and packs nothing
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundleManifest } from './bundle_manifest.mjs';
import { platforms } from './native_files.mjs';
import { runNpm } from './npm.mjs';
import { readJson, stagePackage } from './stage.mjs';

/** What checks and packs MCP bundles. */
const bundler = '@anthropic-ai/mcpb@2.1.2';

const root = fileURLToPath(new URL('..', import.meta.url));
const release = join(root, 'release');
const { values, positionals } = parseArgs({
  options: { 'no-bundles': { type: 'boolean', default: false }, folder: { type: 'string' } },
  allowPositionals: true,
});
const unknown = positionals.find((name) => !platforms.includes(name));
if (unknown !== undefined) {
  process.stderr.write(`There is no platform ${unknown}. Take of ${platforms.join(', ')}.\n`);
  process.exit(2);
}

execFileSync(process.execPath, [join(root, 'build', 'build.mjs')], { stdio: 'inherit' });
const project = readJson(join(root, 'package.json'));
const build = readFileSync(join(root, 'dist', 'current'), 'utf8').trim();
const tools = readJson(join(root, 'dist', build, 'tools.json'));
const scratch = mkdtempSync(join(tmpdir(), 'modelyard-pack-'));
try {
  if (values.folder === undefined) await packAll();
  else await stage(positionals[0] ?? `${process.platform}-${process.arch}`, values.folder);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

async function packAll() {
  rmSync(release, { recursive: true, force: true });
  mkdirSync(release, { recursive: true });
  for (const platform of positionals.length === 0 ? platforms : positionals) await pack(platform);
  if (!values['no-bundles']) writeServerFile();
  const sums = readdirSync(release)
    .sort()
    .map((name) => `${sha256(join(release, name))}  ${name}\n`);
  writeFileSync(join(release, 'SHA256SUMS'), sums.join(''));
  process.stdout.write(sums.join(''));
}

async function stage(platform, folder) {
  await stagePackage(root, platform, folder, scratch);
  const manifest = JSON.stringify(bundleManifest(project, tools, platform), null, 2);
  writeFileSync(join(folder, 'manifest.json'), `${manifest}\n`);
}

async function pack(platform) {
  const folder = join(scratch, platform);
  await stage(platform, folder);
  const [{ filename }] = JSON.parse(runNpm(['pack', '--json', '--pack-destination', scratch], folder));
  copyFileSync(join(scratch, filename), join(release, `${fileName(platform)}.tgz`));
  if (values['no-bundles']) return;
  const manifest = join(folder, 'manifest.json');
  const packed = join(release, `${fileName(platform)}.mcpb`);
  runNpm(['exec', '--yes', '--package', bundler, '--', 'mcpb', 'validate', manifest], scratch);
  runNpm(['exec', '--yes', '--package', bundler, '--', 'mcpb', 'pack', folder, packed], scratch);
}

function fileName(platform) {
  return `${project.name}-${project.version}-${platform}`;
}

/** The entry for the MCP registry: each bundle by its address in the release of this version. */
function writeServerFile() {
  const releases = `${project.homepage.replace(/#.*$/, '')}/releases/download/v${project.version}`;
  const packages = readdirSync(release)
    .filter((name) => name.endsWith('.mcpb'))
    .sort()
    .map((name) => ({
      registryType: 'mcpb',
      identifier: `${releases}/${name}`,
      version: project.version,
      fileSha256: sha256(join(release, name)),
      transport: { type: 'stdio' },
    }));
  const server = { ...readJson(join(root, 'server.json')), packages };
  writeFileSync(join(release, 'server.json'), `${JSON.stringify(server, null, 2)}\n`);
}

function sha256(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
