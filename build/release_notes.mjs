/** Prints what a version changed, from CHANGELOG.md: `node build/release_notes.mjs X.Y.Z`. */
import { readFileSync } from 'node:fs';
import { changesOf } from './released_changelog.mjs';

const [version = ''] = process.argv.slice(2);
const changes = changesOf(readFileSync(new URL('../CHANGELOG.md', import.meta.url), 'utf8'), version);
if (changes === undefined) {
  process.stderr.write(`CHANGELOG.md has no changes of ${version || 'no version'}.\n`);
  process.exit(1);
}
process.stdout.write(`${changes}\n`);
