import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../e2e/until.ts';

/** A server of models that is not ours. */
export interface EngineServer {
  url: string;
  /** Of its gRPC, as an engine's setting has it. */
  grpcUrl: string;
  /** A folder of its own, which is there as long as the test. */
  folder: string;
  /** What it has said so far. */
  log(): string;
  /** Kills it, and what it has started, as a failing machine does. */
  kill(): Promise<void>;
  /** Starts it at the same address, if it was killed, and waits until it is ready. */
  start(): Promise<void>;
  /** Holds it where it is: connections open, and nothing is answered. */
  freeze(): void;
  thaw(): void;
}

interface EngineProgram {
  name: string;
  command: string;
  given: readonly string[];
  environment: Record<string, string>;
  url: string;
  grpcUrl: string;
  folder: string;
  /** Removes what a killed one leaves behind outside of its folder. */
  clear?: () => void;
}

/** Importing Python's packages takes long on a loaded machine, milliseconds. */
const startMs = 120_000;

/** A server that speaks the Open Inference Protocol, started and ready. */
export async function startEngine(program: EngineProgram): Promise<EngineServer> {
  const { name, folder, url, grpcUrl } = program;
  const logFile = join(folder, `${name}.log`);
  let child: ChildProcess | undefined;
  let ended: Promise<void> = Promise.resolve();

  const isRunning = () => child !== undefined && child.exitCode === null && child.signalCode === null;
  const signal = (what: NodeJS.Signals) => {
    // Its own group: what it has started goes with it.
    if (child?.pid !== undefined && isRunning()) process.kill(-child.pid, what);
  };

  const engine: EngineServer = {
    url,
    grpcUrl,
    folder,
    log: () => readFileSync(logFile, 'utf8'),
    async start() {
      if (isRunning()) return;
      const log = openSync(logFile, 'a');
      const started = spawn(program.command, program.given, {
        stdio: ['ignore', log, log],
        env: { HOME: folder, ...program.environment },
        cwd: folder,
        detached: true,
      });
      closeSync(log);
      child = started;
      ended = new Promise((resolve) => started.once('close', () => resolve()));
      await until(
        `${name} is ready`,
        async () => {
          if (started.exitCode !== null) throw new Error(`${name} ended: ${engine.log()}`);
          return (await fetch(`${url}/v2/health/ready`).catch(() => undefined))?.ok === true;
        },
        startMs,
      );
    },
    async kill() {
      signal('SIGKILL');
      await ended;
      program.clear?.();
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
  };
  await engine.start();
  return engine;
}
