import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { z } from 'zod';
import { type MlflowProcess, startMlflowProcess } from './mlflow_process.ts';
import { type PythonWorker, startPythonWorker } from './python_worker.ts';

const wanted = z.union([
  z.object({ script: z.string(), given: z.unknown(), address: z.string() }),
  z.object({ server: z.literal(true) }),
]);

/**
 * The one MLflow server and the one Python of a test run, for all files, which run in processes of their own: both take
 * many seconds to start, so they start when the first test asks. Tests ask over HTTP at the address that is returned.
 */
export async function offerMlflow(python: string): Promise<{ address: string; close(): Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), 'modelyard-mlflow-'));
  let mlflow: Promise<MlflowProcess> | undefined;
  let worker: PythonWorker | undefined;
  const serve = async (body: unknown): Promise<unknown> => {
    const asked = wanted.parse(body);
    if ('server' in asked) {
      // Who wants the server wants scripts too: both import MLflow at once.
      worker ??= startPythonWorker(python, directory);
      mlflow ??= startMlflowProcess(python, join(directory, 'server'));
      const { address } = await mlflow;
      return { address };
    }
    worker ??= startPythonWorker(python, directory);
    return { answer: await worker.run(asked.script, asked.given, asked.address) };
  };
  const broker = createServer((request, response) => {
    json(request)
      .then(serve)
      .then(
        (answer) => response.end(JSON.stringify(answer)),
        (error: unknown) => response.end(JSON.stringify({ failure: String(error) })),
      );
  });
  // A script may take minutes before it answers.
  broker.requestTimeout = 0;
  await new Promise<void>((resolve) => broker.listen(0, '127.0.0.1', resolve));
  const { port } = broker.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}`,
    async close() {
      broker.closeAllConnections();
      broker.close();
      worker?.close();
      await mlflow?.then(
        ({ stop }) => stop(),
        () => undefined,
      );
      rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
