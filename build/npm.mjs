import { execFileSync } from 'node:child_process';

/**
 * Runs npm: the one that runs us, or the one on the path. Its warnings go to our standard error.
 *
 * @returns what it printed
 */
export function runNpm(given, folder) {
  const own = process.env.npm_execpath;
  const options = { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] };
  if (own?.endsWith('.js')) return execFileSync(process.execPath, [own, ...given], options);
  // On Windows npm is a command file, which only a shell runs.
  return execFileSync('npm', given, { ...options, shell: process.platform === 'win32' });
}
