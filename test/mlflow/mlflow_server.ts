import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { until } from '../e2e/until.ts';

const run = promisify(execFile);

/** A Python with mlflow, onnx, skl2onnx and onnxruntime; the tests against a real MLflow need one. */
export const python = process.env.MODELYARD_TEST_MLFLOW_PYTHON;

/** Starting Python with all of MLflow takes its time on a busy machine. */
export const startMs = 300_000;

export interface MlflowServer {
  address: string;
  /** Runs one of the scripts beside this file against the server (or another address) and reads its answer. */
  script(name: string, given?: unknown, address?: string): Promise<unknown>;
  /** kill -9. */
  stop(): Promise<void>;
  /** Starts it again on the same port and files. */
  start(): Promise<void>;
}

/** A real MLflow server of its own in `directory`: SQLite, artifacts handed out by the server. */
export async function startMlflow(directory: string): Promise<MlflowServer> {
  if (python === undefined) throw new Error('MODELYARD_TEST_MLFLOW_PYTHON is not set');
  const executable = python;
  mkdirSync(directory, { recursive: true });
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  const logFile = join(directory, 'server.log');

  const start = async () => {
    const log = openSync(logFile, 'a');
    child = spawn(
      executable,
      [
        ...['-m', 'mlflow', 'server', '--host', '127.0.0.1', '--port', String(port), '--workers', '1'],
        ...['--backend-store-uri', `sqlite:///${join(directory, 'mlflow.db')}`],
        ...['--artifacts-destination', join(directory, 'artifacts'), '--serve-artifacts'],
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
  return {
    address,
    start,
    stop,
    async script(name, given = {}, at = address) {
      const file = fileURLToPath(new URL(name, import.meta.url));
      const { stdout } = await run(executable, [file, JSON.stringify(given)], {
        cwd: directory,
        env: { ...pythonEnvironment(), MLFLOW_TRACKING_URI: at },
        maxBuffer: 1e8,
        timeout: startMs,
      });
      // Libraries print what they like before the answer, which is the last line.
      const answer: unknown = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
      return answer;
    },
  };
}

function pythonEnvironment(): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    PYTHONWARNINGS: 'ignore',
    MLFLOW_DISABLE_TELEMETRY: 'true',
    MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT: 'true',
    GIT_PYTHON_REFRESH: 'quiet',
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new Error('no port'));
      });
    });
  });
}
