import { statSync } from 'node:fs';
import { join } from 'node:path';

export function journalDirectory(directory: string): string {
  return join(directory, 'journals');
}

/** When a process last began or finished a journal in `directory`, milliseconds since 1970; undefined: never, or it cannot be told. */
export function lastJournaled(directory: string): number | undefined {
  try {
    return statSync(journalDirectory(directory)).mtimeMs;
  } catch {
    return undefined;
  }
}
