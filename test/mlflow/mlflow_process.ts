import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../e2e/until.ts';
import { freePort } from '../free_port.ts';
import { pythonEnvironment } from './python_worker.ts';

/** Starting Python with all of MLflow takes its time on a busy machine. */
export const startMs = 300_000;

export interface MlflowProcess {
  address: string;
  /** kill -9. */
  stop(): Promise<void>;
  /** Starts it again on the same port and files. */
  start(): Promise<void>;
}

/** A real MLflow server of its own in `directory`: SQLite, artifacts handed out by the server. */
export async function startMlflowProcess(
  python: string,
  directory: string,
  options: readonly string[] = ['--artifacts-destination', join(directory, 'artifacts'), '--serve-artifacts'],
): Promise<MlflowProcess> {
  mkdirSync(directory, { recursive: true });
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  const logFile = join(directory, 'server.log');

  const start = async () => {
    const log = openSync(logFile, 'a');
    child = spawn(
      python,
      [
        ...['-m', 'mlflow', 'server', '--host', '127.0.0.1', '--port', String(port), '--workers', '1'],
        ...['--backend-store-uri', `sqlite:///${join(directory, 'mlflow.db')}`],
        ...options,
      ],
      // A group of its own: the server has workers, which must end with it.
      { stdio: ['ignore', log, log], detached: true, env: pythonEnvironment() },
    );
    closeSync(log);
    await until(
      'MLflow answers',
      async () => {
        if (child?.exitCode !== null) throw new Error(`MLflow ended: ${readFileSync(logFile, 'utf8')}`);
        const answer = await fetch(`${address}/health`).catch(() => undefined);
        return answer?.ok === true;
      },
      startMs,
    );
  };
  const stop = async () => {
    const { pid } = child ?? {};
    if (pid === undefined || child?.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child?.once('close', resolve));
    process.kill(-pid, 'SIGKILL');
    await ended;
  };
  await start();
  return { address, start, stop };
}
