import { accessSync, constants, statSync } from 'node:fs';
import { type Machine, pathsOf } from './client.ts';

/** Whether a path is a file that may be executed. Windows knows no such right: there the ending counts. */
export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * Where the system finds a program by the name that a configuration has for it.
 * @param command a name, which is looked for in PATH, or a path
 * @param isThere isProgram, but for tests of another system's paths
 * @returns its path; undefined: there is none
 */
export function findProgram(
  command: string,
  machine: Pick<Machine, 'platform' | 'environment'>,
  isThere: (path: string) => boolean = isProgram,
): string | undefined {
  const { join, delimiter, isAbsolute } = pathsOf(machine);
  const endings = machine.platform === 'win32' ? windowsEndings(command, machine.environment) : [''];
  const places = /[\\/]/.test(command)
    ? isAbsolute(command)
      ? [command]
      : []
    : (variable(machine, 'PATH') ?? '')
        .split(delimiter)
        .filter((folder) => folder !== '')
        .map((folder) => join(folder, command));
  return places.flatMap((place) => endings.map((ending) => place + ending)).find(isThere);
}

/** Windows executes what has one of these endings, which may be left out. */
function windowsEndings(command: string, environment: NodeJS.ProcessEnv): string[] {
  const endings = (environment.PATHEXT ?? '.COM;.EXE;.BAT;.CMD').toLowerCase().split(';');
  return endings.some((ending) => command.toLowerCase().endsWith(ending)) ? [''] : endings;
}

/** Names of variables are the same in any case on Windows: it is often `Path`. */
function variable({ platform, environment }: Pick<Machine, 'platform' | 'environment'>, name: string) {
  if (platform !== 'win32') return environment[name];
  const key = Object.keys(environment).find((given) => given.toUpperCase() === name);
  return key === undefined ? undefined : environment[key];
}
