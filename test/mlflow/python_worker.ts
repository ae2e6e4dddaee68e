import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** One Python that runs the scripts of this directory, one after another. */
export interface PythonWorker {
  /** @throws with Python's traceback when the script fails */
  run(script: string, given: unknown, address: string): Promise<unknown>;
  close(): void;
}

const said = z.union([z.object({ answer: z.unknown() }), z.object({ failure: z.string() })]);

/** @param directory where the scripts leave files. */
export function startPythonWorker(python: string, directory: string): PythonWorker {
  const child: ChildProcess = spawn(python, [fileURLToPath(new URL('worker.py', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd: directory,
    env: pythonEnvironment(),
  });
  const waiting: { resolve(line: string): void; reject(error: Error): void }[] = [];
  let complaints = '';
  let ended = false;
  child.stderr?.on('data', (chunk: Buffer) => {
    complaints = `${complaints}${chunk.toString('utf8')}`.slice(-10_000);
  });
  if (child.stdout !== null)
    createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.resolve(line));
  child.once('close', () => {
    ended = true;
    for (const { reject } of waiting.splice(0)) reject(new Error(`Python ended: ${complaints}`));
  });
  return {
    async run(script, given, address) {
      if (ended) throw new Error(`Python ended: ${complaints}`);
      const line = await new Promise<string>((resolve, reject) => {
        waiting.push({ resolve, reject });
        const file = fileURLToPath(new URL(script, import.meta.url));
        child.stdin?.write(`${JSON.stringify({ script: file, given, address, directory })}\n`);
      });
      const result = said.parse(JSON.parse(line));
      if ('failure' in result) throw new Error(`${script}: ${result.failure}`);
      return result.answer;
    },
    close: () => child.kill('SIGKILL'),
  };
}

/** Nothing of the developer's own settings; quiet. */
export function pythonEnvironment(): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    PYTHONWARNINGS: 'ignore',
    MLFLOW_DISABLE_TELEMETRY: 'true',
    MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT: 'true',
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
    GIT_PYTHON_REFRESH: 'quiet',
  };
}
