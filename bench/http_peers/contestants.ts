import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getDefaultEnvironment } from '@modelcontextprotocol/sdk/client/stdio.js';
import { packageDirectory } from '../../src/package_info.ts';
import { type FormName, featureNames, modelFile } from './forms.ts';
import { games, modelYard, withTools } from './modelyard.ts';
import { peersDirectory, pythonEnvironment } from './python_environment.ts';

export interface Contestant {
  name: string;
  form: FormName;
  path: string;
  /** The command that serves the model on a port of 127.0.0.1 until it is killed. */
  command(port: number, workers: number): { file: string; args: string[]; env?: Record<string, string> };
}

const shared = { MODEL: modelFile, FEATURES: featureNames.join(',') };
const built = (script: string) => join(packageDirectory, 'dist', script);

/**
 * Everybody who is measured, with what they need installed and made.
 * @param environments where the peers' virtual environments are kept
 * @param scratch a folder for what is made anew
 */
export async function contestants(environments: string, scratch: string): Promise<Contestant[]> {
  const settings = {
    ...getDefaultEnvironment(),
    MODEL_REGISTRY_DIR: join(scratch, 'registry'),
    MODELYARD_ENGINE_THREADS: '1',
  };
  await withTools(settings, (call) => call('deploy_model', games));
  const ours = (form: FormName, path: string) => modelYard(`ModelYard, ${form}`, form, path, settings);
  return [
    ours('records', '/v1/models/nba/predict'),
    bare(),
    fastApi(pythonEnvironment('fastapi', environments)),
    rayServe(pythonEnvironment('ray', environments)),
    ours('open inference', '/v2/models/nba/infer'),
    mlServer(pythonEnvironment('mlserver', environments), scratch),
    ours('mlflow scoring', '/models/nba/invocations'),
    mlflow(pythonEnvironment('mlflow', environments), scratch),
  ];
}

function bare(): Contestant {
  return {
    name: 'node:http, onnxruntime-node',
    form: 'records',
    path: '/',
    command: (port, workers) => ({
      file: process.execPath,
      args: [built('bench/http_floor_server.js'), String(port), String(workers), modelFile],
      env: shared,
    }),
  };
}

function fastApi(programs: string): Contestant {
  return {
    name: 'FastAPI, uvicorn',
    form: 'records',
    path: '/predict',
    command: (port, workers) => ({
      file: join(programs, 'uvicorn'),
      args: [
        'fastapi_app:app',
        ...['--app-dir', peersDirectory, '--port', String(port), '--workers', String(workers)],
        ...['--no-access-log', '--log-level', 'warning'],
      ],
      env: shared,
    }),
  };
}

function rayServe(programs: string): Contestant {
  return {
    name: 'Ray Serve',
    form: 'records',
    path: '/predict',
    command: (port, workers) => ({
      file: join(programs, 'python'),
      args: [join(peersDirectory, 'ray_app.py'), String(port), String(workers)],
      env: { ...shared, RAY_USAGE_STATS_ENABLED: '0' },
    }),
  };
}

function mlServer(programs: string, scratch: string): Contestant {
  return {
    name: 'MLServer',
    form: 'open inference',
    path: '/v2/models/nba/infer',
    command: (port, workers) => {
      const folder = mkdtempSync(join(scratch, 'mlserver-'));
      const write = (name: string, content: object) =>
        writeFileSync(join(folder, name), JSON.stringify(content));
      write('settings.json', {
        debug: false,
        host: '127.0.0.1',
        http_port: port,
        grpc_port: port + 1,
        metrics_port: port + 2,
        // None: the model runs in the server's own process.
        parallel_workers: workers === 1 ? 0 : workers,
        environments_dir: folder,
      });
      write('model-settings.json', {
        name: 'nba',
        implementation: 'mlserver_runtime.OnnxModel',
        parameters: { uri: modelFile },
      });
      return {
        file: join(programs, 'mlserver'),
        args: ['start', folder],
        env: { PYTHONPATH: peersDirectory },
      };
    },
  };
}

function mlflow(programs: string, scratch: string): Contestant {
  const folder = join(scratch, 'mlflow');
  mkdirSync(folder);
  const env = { MLFLOW_DISABLE_TELEMETRY: 'true', GIT_PYTHON_REFRESH: 'quiet' };
  execFileSync(
    join(programs, 'python'),
    [join(peersDirectory, 'mlflow_model.py'), modelFile, join(folder, 'model')],
    { cwd: folder, env: { ...process.env, ...env }, stdio: 'ignore' },
  );
  return {
    name: 'mlflow models serve',
    form: 'mlflow scoring',
    path: '/invocations',
    command: (port, workers) => ({
      file: join(programs, 'mlflow'),
      args: [
        ...['models', 'serve', '--model-uri', join(folder, 'model'), '--env-manager', 'local'],
        ...['--port', String(port), '--workers', String(workers)],
      ],
      env: { ...env, PATH: `${programs}:${process.env.PATH}` },
    }),
  };
}
