import { spawnSync } from 'node:child_process';
import { serverEnvironment, serverFile, workingDirectory } from './environment.ts';

/** Runs a command of the built command line to its end, without a terminal. */
export function runCommand(
  directory: string,
  given: readonly string[],
  settings: Record<string, string> = {},
): { code: number | null; output: string; complaint: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [serverFile, ...given], {
    env: serverEnvironment(directory, settings),
    cwd: workingDirectory,
    encoding: 'utf8',
  });
  return { code: status, output: stdout, complaint: stderr };
}
