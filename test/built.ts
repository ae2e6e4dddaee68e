import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Builds where sources are not what was built last: threads, engine hosts and the server of the end-to-end tests run from
 * `dist`, and a test must never run yesterday's.
 */
export function buildIfStale(): void {
  const build = fileURLToPath(new URL('../build/build.mjs', import.meta.url));
  execFileSync(process.execPath, [build], { stdio: ['ignore', 'ignore', 'inherit'] });
}
