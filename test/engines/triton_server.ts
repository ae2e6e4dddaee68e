import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { freePort } from '../free_port.ts';
import { temporaryDirectory } from '../temporary.ts';
import { type EngineServer, startEngine } from './engine_process.ts';

/** A Python that has triton/requirements.txt, which holds a real Triton. */
export const tritonPython = process.env.MODELYARD_TEST_TRITON_PYTHON;

const placesSchema = z.strictObject({
  server: z.string(),
  libraries: z.string(),
  runtime: z.string(),
  programs: z.string(),
  version: z.string(),
});

/** Where the Python has Triton and the libraries that it wants. */
async function placesIn(python: string) {
  const script = [
    'import importlib.util, json, os, sys, sysconfig',
    "package = os.path.dirname(importlib.util.find_spec('pytriton').origin)",
    'print(json.dumps({',
    "  'server': os.path.join(package, 'tritonserver'),",
    "  'libraries': os.path.join(os.path.dirname(package), 'nvidia_pytriton.libs'),",
    "  'runtime': sysconfig.get_config_var('LIBDIR'),",
    "  'programs': os.path.dirname(sys.executable),",
    "  'version': '%d.%d' % sys.version_info[:2],",
    '}))',
  ].join('\n');
  const { stdout } = await promisify(execFile)(python, ['-c', script]);
  return placesSchema.parse(JSON.parse(stdout));
}

/**
 * A real Triton without models, which takes them by its repository extension. Its backend `onnxruntime` is the few lines of
 * Python in triton/model.py; its shared memory goes with it.
 */
export async function startTriton(): Promise<EngineServer> {
  if (tritonPython === undefined) throw new Error('MODELYARD_TEST_TRITON_PYTHON is not set');
  const places = await placesIn(tritonPython);
  const folder = temporaryDirectory();
  const models = join(folder, 'models');
  const backends = join(folder, 'backends');
  const python = join(backends, 'python');
  const onnx = join(backends, 'onnxruntime');
  for (const directory of [models, python, onnx]) mkdirSync(directory, { recursive: true });
  // Links it takes for a way out of the folder.
  const installed = join(places.server, 'backends', 'python');
  for (const file of ['libtriton_python.so', 'triton_python_backend_utils.py'])
    copyFileSync(join(installed, file), join(python, file));
  const stub = 'triton_python_backend_stub';
  copyFileSync(join(places.server, 'python_backend_stubs', places.version, stub), join(python, stub));
  copyFileSync(fileURLToPath(new URL('triton/model.py', import.meta.url)), join(onnx, 'model.py'));
  const [port, grpcPort] = [await freePort(), await freePort()];
  const region = `modelyard_${basename(folder)}_`;
  return startEngine({
    name: 'triton',
    command: join(places.server, 'bin', 'tritonserver'),
    given: [
      `--model-repository=${models}`,
      '--model-control-mode=explicit',
      `--backend-directory=${backends}`,
      `--backend-config=python,shm-region-prefix-name=${region}`,
      '--http-address=127.0.0.1',
      `--http-port=${port}`,
      '--grpc-address=127.0.0.1',
      `--grpc-port=${grpcPort}`,
      '--allow-metrics=false',
    ],
    environment: {
      PATH: `${places.programs}:${process.env.PATH ?? ''}`,
      LD_LIBRARY_PATH: `${places.libraries}:${places.runtime}`,
    },
    url: `http://127.0.0.1:${port}`,
    grpcUrl: `http://127.0.0.1:${grpcPort}`,
    folder,
    clear() {
      for (const name of readdirSync('/dev/shm'))
        if (name.startsWith(region)) rmSync(join('/dev/shm', name), { force: true });
    },
  });
}
