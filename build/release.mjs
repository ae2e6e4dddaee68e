/**
 * Prepares a release: `npm run release -- X.Y.Z` writes the version into package.json, package-lock.json and server.json, dates
 * the changelog's unreleased changes, and makes the packages. Committing, tagging and publishing are left to a person.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runNpm } from './npm.mjs';
import { releasedChangelog } from './released_changelog.mjs';
import { readJson } from './stage.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const [version, ...rest] = process.argv.slice(2);
if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version ?? '') || rest.length > 0) {
  process.stderr.write('Usage: npm run release -- X.Y.Z\n');
  process.exit(2);
}
const changelog = join(root, 'CHANGELOG.md');
const dated = releasedChangelog(readFileSync(changelog, 'utf8'), version, new Date());
if (dated === undefined) {
  process.stderr.write(`CHANGELOG.md has nothing under "## Unreleased", or ${version} already.\n`);
  process.exit(1);
}
if (readJson(join(root, 'package.json')).version !== version)
  runNpm(['version', version, '--no-git-tag-version'], root);
const serverFile = join(root, 'server.json');
writeFileSync(serverFile, `${JSON.stringify({ ...readJson(serverFile), version }, null, 2)}\n`);
writeFileSync(changelog, dated);
execFileSync(process.execPath, [join(root, 'build', 'pack.mjs')], { stdio: 'inherit' });
process.stdout.write(`
release/ holds ${version}. Look through it and the changes, then:
  git commit --all --message "Release ${version}" && git tag v${version} && git push --follow-tags origin main v${version}
The tag's workflow builds the same again and publishes it.
`);
