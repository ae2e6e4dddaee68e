import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';

/** A directory of its own, by its real path, that goes away with the test run. */
export function temporaryDirectory(): string {
  return mkdtempSync(join(inject('temporaryRoot'), 'directory-'));
}
