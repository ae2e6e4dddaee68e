import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageDirectory } from '../../src/package_info.ts';

export const peersDirectory = join(packageDirectory, 'bench', 'http_peers');

/**
 * A virtual environment with what `bench/http_peers/NAME.txt` lists, from PyPI; one that is there already is taken.
 * @returns the folder of its programs
 */
export function pythonEnvironment(name: string, directory: string): string {
  const folder = join(directory, name);
  const wanted = readFileSync(join(peersDirectory, `${name}.txt`), 'utf8');
  const made = join(folder, 'requirements.txt');
  if (!existsSync(made) || readFileSync(made, 'utf8') !== wanted) {
    console.log(`installing ${wanted.trim().split('\n').join(', ')}`);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    const options = { stdio: ['ignore', 'ignore', 'inherit'] as const };
    execFileSync('python3', ['-m', 'venv', folder], { ...options, stdio: [...options.stdio] });
    const pip = join(folder, 'bin', 'pip');
    execFileSync(pip, ['install', '--quiet', '-r', join(peersDirectory, `${name}.txt`)], {
      ...options,
      stdio: [...options.stdio],
    });
    writeFileSync(made, wanted);
  }
  return join(folder, 'bin');
}
