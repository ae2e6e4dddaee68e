import { type Machine, pathsOf } from './client.ts';
import { findProgram, isProgram } from './find_program.ts';

/** This installation, as a client can start it. */
export interface Installation {
  /** The path of node. */
  node: string;
  /** The path of main.js. */
  main: string;
}

/** What stands in a client's configuration under a server's name; other members are kept as they are. */
export interface ServerEntry {
  command: string;
  args: string[];
  env: Record<string, string>;
}

/**
 * The entry that starts this installation by absolute paths, which holds whatever PATH a client has, and fetches nothing.
 * @param flags those that an earlier entry has behind its main.js
 */
export function entryByPath(
  { node, main }: Installation,
  env: Record<string, string>,
  flags: readonly string[] = [],
): ServerEntry {
  return { command: node, args: [main, ...flags], env };
}

/** The entry that starts the command `modelyard`; on Windows by its shell, which alone starts the .cmd that npm makes. */
export function entryByName(
  { platform }: Pick<Machine, 'platform'>,
  env: Record<string, string>,
  flags: readonly string[] = [],
): ServerEntry {
  return platform === 'win32'
    ? { command: 'cmd', args: ['/c', 'modelyard', ...flags], env }
    : { command: 'modelyard', args: [...flags], env };
}

/**
 * The path of node that outlives its next update: the one in PATH, where that is this very one. Node knows itself only by the
 * path behind all links, which on some systems has its version in it.
 * @param realPath the path behind all links; undefined: there is nothing
 */
export function lastingNode(
  running: string,
  machine: Pick<Machine, 'platform' | 'environment'>,
  realPath: (path: string) => string | undefined,
  isThere: (path: string) => boolean = isProgram,
): string {
  const named = findProgram('node', machine, isThere);
  return named !== undefined && realPath(named) === realPath(running) ? named : running;
}

/** Whether a file lies where npm keeps what npx fetched, and takes away when it likes. */
export function isFetched(main: string, machine: Pick<Machine, 'platform'>): boolean {
  return main.split(pathsOf(machine).sep).includes('_npx');
}
