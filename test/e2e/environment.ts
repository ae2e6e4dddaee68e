import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, parse } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getDefaultEnvironment } from '@modelcontextprotocol/sdk/client/stdio.js';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** The built server. */
export const serverFile = join(repository, 'dist', 'src', 'main.js');
if (!existsSync(serverFile))
  throw new Error('The end-to-end tests drive the built server: run npm run build.');

/** Absolute path of a test model. */
export function testModel(name: string): string {
  return join(repository, 'test', 'models', `${name}.onnx`);
}

/** Absolute path of a file of the NBA example. */
export function nbaFile(name: string): string {
  return join(repository, 'examples', 'nba', name);
}

/** A directory of its own for a test. */
export interface Scratch {
  path: string;
  remove(): void;
}

export function scratchDirectory(): Scratch {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'modelyard-e2e-')));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/**
 * The whole environment of a server: what a process needs to run, the registry in `directory`, and what the
 * test sets; nothing of the developer's own settings. Files may be read from the repository and `directory`.
 */
export function serverEnvironment(
  directory: string,
  settings: Record<string, string> = {},
): Record<string, string> {
  return {
    ...getDefaultEnvironment(),
    HOME: directory,
    // Windows has other names for it.
    USERPROFILE: directory,
    APPDATA: join(directory, 'AppData', 'Roaming'),
    LOCALAPPDATA: join(directory, 'AppData', 'Local'),
    MODEL_REGISTRY_DIR: join(directory, 'registry'),
    MODELYARD_ALLOWED_ROOTS: [realpathSync(repository), directory].join(delimiter),
    ...settings,
  };
}

/** Clients start servers in any directory; Claude Desktop takes the root. */
export const workingDirectory = parse(tmpdir()).root;
