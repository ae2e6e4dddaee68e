import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../free_port.ts';
import { temporaryDirectory } from '../temporary.ts';
import { type EngineServer, startEngine } from './engine_process.ts';

/** A Python that has mlserver/requirements.txt. */
export const mlserverPython = process.env.MODELYARD_TEST_MLSERVER_PYTHON;

/** The runtime of mlserver/onnx_runtime.py, as a model's settings name it. */
export const onnxRuntime = 'onnx_runtime.OnnxRuntime';

/** A real MLServer, whose models are the folders of `models`. */
export async function startMlserver(): Promise<EngineServer & { models: string }> {
  if (mlserverPython === undefined) throw new Error('MODELYARD_TEST_MLSERVER_PYTHON is not set');
  const folder = temporaryDirectory();
  const models = join(folder, 'models');
  mkdirSync(models);
  const [http, grpc] = [await freePort(), await freePort()];
  const settings = {
    host: '127.0.0.1',
    http_port: http,
    grpc_port: grpc,
    metrics_endpoint: null,
    parallel_workers: 0,
    debug: false,
  };
  writeFileSync(join(models, 'settings.json'), JSON.stringify(settings));
  const engine = await startEngine({
    name: 'mlserver',
    command: join(dirname(mlserverPython), 'mlserver'),
    given: ['start', models],
    environment: {
      PATH: process.env.PATH ?? '',
      PYTHONPATH: fileURLToPath(new URL('mlserver', import.meta.url)),
      PYTHONDONTWRITEBYTECODE: '1',
    },
    url: `http://127.0.0.1:${http}`,
    grpcUrl: `http://127.0.0.1:${grpc}`,
    folder,
  });
  return { ...engine, models };
}
