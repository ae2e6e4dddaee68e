import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** A directory of its own, by its real path, that goes away with the test file. */
export function temporaryDirectory(): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'modelyard-test-')));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
