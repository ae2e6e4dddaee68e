import { type ChildProcess, spawn } from 'node:child_process';
import { serverEnvironment, serverFile, workingDirectory } from './environment.ts';

export interface CommandOptions {
  /** Its registry is in it, as a test server's is. */
  directory: string;
  settings?: Record<string, string> | undefined;
  /** The main.js of another installation than the built one. */
  main?: string | undefined;
  /** What it gets on standard input; nothing by default. */
  input?: string | undefined;
  /** The folder that it is started in; by default one that is no project's. */
  folder?: string | undefined;
}

export interface CommandEnding {
  /** null where a signal ended it. */
  code: number | null;
  output: string;
  errors: string;
}

export interface RunningCommand {
  process: ChildProcess;
  ended: Promise<CommandEnding>;
}

/** Starts a command of the built command line. */
export function startCommand(given: readonly string[], options: CommandOptions): RunningCommand {
  const child = spawn(process.execPath, [options.main ?? serverFile, ...given], {
    env: serverEnvironment(options.directory, options.settings),
    cwd: options.folder ?? workingDirectory,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // One that reads nothing may end before.
  child.stdin.on('error', () => undefined).end(options.input ?? '');
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString('utf8');
  });
  const ended = new Promise<CommandEnding>((resolve) => {
    child.once('close', (code) => resolve({ code, output, errors }));
  });
  return { process: child, ended };
}

/** Runs a command to its end. */
export function runCommand(given: readonly string[], options: CommandOptions): Promise<CommandEnding> {
  return startCommand(given, options).ended;
}
