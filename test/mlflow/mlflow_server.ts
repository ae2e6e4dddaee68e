import { z } from 'zod';
import { type MlflowProcess, startMlflowProcess, startMs } from './mlflow_process.ts';

export { startMs };

/** A Python with mlflow, onnx, skl2onnx and onnxruntime; the tests against a real MLflow need one. */
export const python = process.env.MODELYARD_TEST_MLFLOW_PYTHON;

export interface MlflowServer {
  address: string;
  /** Runs one of the scripts beside this file against the server and reads its answer. */
  script(name: string, given?: unknown): Promise<unknown>;
}

/** The real MLflow server that all files of the run share; it is started by the first that asks. */
export async function sharedMlflow(): Promise<MlflowServer> {
  const { address } = z.object({ address: z.string() }).parse(await ask({ server: true }));
  return { address, script: scriptAt(address) };
}

/** A real MLflow server of its own, for those who stop it or start it another way. */
export async function startMlflow(
  directory: string,
  options?: readonly string[],
): Promise<MlflowServer & MlflowProcess> {
  if (python === undefined) throw new Error('MODELYARD_TEST_MLFLOW_PYTHON is not set');
  const started = await startMlflowProcess(python, directory, options);
  return { ...started, script: scriptAt(started.address) };
}

function scriptAt(address: string): MlflowServer['script'] {
  return async (script, given = {}) => (await ask({ script, given, address })).answer;
}

const reply = z.looseObject({ failure: z.string().optional(), answer: z.unknown().optional() });

/** Asks the test run's main process, which has the one server and the one Python. */
async function ask(body: object): Promise<z.output<typeof reply>> {
  const broker = process.env.MODELYARD_TEST_MLFLOW_BROKER;
  if (broker === undefined) throw new Error('test/global_setup.ts did not run');
  const response = await fetch(broker, { method: 'POST', body: JSON.stringify(body) });
  const { failure, ...answer } = reply.parse(await response.json());
  if (failure !== undefined) throw new Error(failure);
  return answer;
}
