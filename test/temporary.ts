import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const root = realpathSync(mkdtempSync(join(tmpdir(), 'modelyard-test-')));
// Of a file's hooks the first one that was registered runs last: whatever uses a directory is closed by then.
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A directory of its own, by its real path, that goes away with the test file. */
export function temporaryDirectory(): string {
  return mkdtempSync(join(root, 'directory-'));
}
