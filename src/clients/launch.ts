import { basename, win32 } from 'node:path';

/** How a command line starts ModelYard. */
export type Launch =
  /** Node with a main.js; `flags` follow it. */
  | { kind: 'node'; main: string; flags: readonly string[] }
  /** The command that npm installs. */
  | { kind: 'name'; flags: readonly string[] }
  /** npx, npm exec and the like: fetches whatever has that name in the registry. */
  | { kind: 'fetched' }
  | { kind: 'other' };

/** What a client's command and args start. */
export function launchOf({ command, args }: { command: string; args: readonly string[] }): Launch {
  const [first = '', ...rest] = args;
  const name = programName(command);
  // Windows starts a .cmd only through its shell.
  if (name === 'cmd' && /^\/[cC]$/.test(first)) {
    const [inner = '', ...innerArgs] = rest;
    return launchOf({ command: inner, args: innerArgs });
  }
  if (['npx', 'npm', 'pnpm', 'pnpx', 'yarn', 'bunx', 'bun'].includes(name)) return { kind: 'fetched' };
  if (name === 'modelyard') return { kind: 'name', flags: args };
  if (name !== 'node' && name !== 'nodejs') return { kind: 'other' };
  const at = args.findIndex((argument) => !argument.startsWith('-'));
  const main = args[at];
  return main === undefined ? { kind: 'other' } : { kind: 'node', main, flags: args.slice(at + 1) };
}

/** `C:\nodejs\node.exe` → `node`. */
function programName(command: string): string {
  const name = /^[A-Za-z]:|\\/.test(command) ? win32.basename(command) : basename(command);
  return name.toLowerCase().replace(/\.(exe|cmd|bat|ps1)$/, '');
}
