import { type ChildProcess, spawn } from 'node:child_process';
import { runCommand } from '../e2e/command.ts';
import {
  type Scratch,
  scratchDirectory,
  serverEnvironment,
  serverFile,
  workingDirectory,
} from '../e2e/environment.ts';
import { until } from '../e2e/until.ts';

export interface HttpServerOptions {
  /** Where the registry is; its own, removed at the end, unless given. */
  directory?: string;
  settings?: Record<string, string>;
  /** Flags of `modelyard serve` besides --port 0. */
  flags?: readonly string[];
}

export interface TestHttpServer {
  /** `http://127.0.0.1:PORT`. */
  url: string;
  port: number;
  /** Of gRPC, where it is served. */
  grpcPort: number | undefined;
  directory: string;
  process: ChildProcess;
  /** What it has written to standard error. */
  standardError(): string;
  /** Resolves to the exit code when the process has ended. */
  ended: Promise<number | null>;
  /** Ends it as a supervisor does, and removes its own directory. */
  close(): Promise<void>;
}

/** Starts the built server with `modelyard serve` on a free port; resolves once it listens. */
export async function startHttpServer(options: HttpServerOptions = {}): Promise<TestHttpServer> {
  const scratch: Scratch | undefined = options.directory === undefined ? scratchDirectory() : undefined;
  const directory = options.directory ?? scratch?.path ?? '';
  const child = spawn(process.execPath, [serverFile, 'serve', '--port', '0', ...(options.flags ?? [])], {
    env: serverEnvironment(directory, options.settings),
    cwd: workingDirectory,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString('utf8');
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
  });
  const url = await until(
    'the server listens',
    () => {
      if (hasEnded) throw new Error(`modelyard serve ended: ${errors}`);
      return /serving on (https?:\/\/\S+?);/.exec(errors)?.[1];
    },
    60_000,
  );
  return {
    url,
    port: Number(new URL(url).port),
    grpcPort: grpcPortIn(errors),
    directory,
    process: child,
    standardError: () => errors,
    ended,
    async close() {
      if (!hasEnded) child.kill('SIGTERM');
      await ended;
      scratch?.remove();
    },
  };
}

/** Makes a token in the store of a directory. @returns its text */
export function createToken(
  directory: string,
  name: string,
  role: 'viewer' | 'client' | 'operator' | 'admin',
  settings: Record<string, string> = {},
): string {
  const { code, output, complaint } = runCommand(
    directory,
    ['token', 'create', name, '--role', role],
    settings,
  );
  if (code !== 0) throw new Error(complaint);
  return output.trim();
}

/** The header that a token is sent in. */
export function bearer(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

function grpcPortIn(errors: string): number | undefined {
  const port = /; gRPC on \S+:(\d+);/.exec(errors)?.[1];
  return port === undefined ? undefined : Number(port);
}
