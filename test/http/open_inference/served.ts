import { startServer } from '../../e2e/client.ts';
import { nbaFile, type Scratch, scratchDirectory, testModel } from '../../e2e/environment.ts';
import { facts } from '../../e2e/nba.ts';
import { type HttpServerOptions, startHttpServer, type TestHttpServer } from '../http_server.ts';

/** The models that foreign clients call, by the names that they are called by. */
const models = [
  'add_sub',
  'identity_int64',
  'identity_string',
  'identity_float16',
  'nan_output',
  'fails_run',
  'slow_run',
];

export interface Served extends TestHttpServer {
  /** Of gRPC. */
  grpcPort: number;
}

/** Deploys the models and serves them by HTTP and gRPC. @param prepare what else is done to the store before */
export async function serveModels(
  options: Omit<HttpServerOptions, 'directory'> = {},
  prepare: (directory: string) => void = () => undefined,
): Promise<Served> {
  const scratch: Scratch = scratchDirectory();
  const agent = await startServer({ directory: scratch.path });
  for (const name of models)
    await agent.call('deploy_model', {
      model_id: name,
      version: '1',
      source: testModel(name),
      set_active: true,
    });
  for (const version of ['v1', 'v2'])
    await agent.call('deploy_model', {
      model_id: 'home_win',
      version,
      source: nbaFile(`home_win_${version}.onnx`),
      feature_names: facts.feature_names,
      class_labels: facts.class_labels,
      set_active: version === 'v1',
    });
  await agent.close();
  prepare(scratch.path);
  const flags = ['--grpc-port', '0', ...(options.flags ?? [])];
  const server = await startHttpServer({ ...options, directory: scratch.path, flags });
  if (server.grpcPort === undefined) throw new Error('gRPC is not served');
  return {
    ...server,
    grpcPort: server.grpcPort,
    async close() {
      await server.close();
      scratch.remove();
    },
  };
}
