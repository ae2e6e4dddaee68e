import { rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { z } from 'zod';
import { readCall, writeAnswer } from '../../../src/open_inference/json_messages.ts';
import { createEngine, type EngineModel } from '../../../src/serving/engine/engine.ts';
import { artifactStore } from '../../../src/storage/artifact_store.ts';
import { temporaryDirectory } from '../../temporary.ts';

/**
 * An engine that takes models in the request to load them, as Triton does, and runs them on the real runtime. It can be told
 * to fail as engines do.
 */
export interface PushedEngine {
  url: string;
  /** Names that were loaded, each as often as it was. */
  loads: string[];
  models(): string[];
  /** Instances that the last load asked for. */
  instances(): number | undefined;
  /** Forgets every model, as a restart does. */
  lose(): void;
  /** While it is, connections to it break, and it keeps what it has. */
  isAway: boolean;
  /** What further runs do instead of running; undefined: they run. */
  instead: ((response: ServerResponse) => void) | undefined;
  close(): void;
}

const loadRequest = z.object({ parameters: z.record(z.string(), z.string()) });
const config = z.object({ instance_group: z.array(z.object({ count: z.int() })) });

export async function startPushedEngine(): Promise<PushedEngine> {
  const directory = temporaryDirectory();
  const artifacts = artifactStore(join(directory, 'store'), 1e9);
  const runtime = createEngine({
    withFile: artifacts.withFile,
    loadTimeoutMs: 30_000,
    runTimeoutMs: 30_000,
    threads: 1,
  });
  const models = new Map<string, { model: EngineModel; instances: z.output<typeof config> }>();
  const engine: PushedEngine = {
    url: '',
    loads: [],
    models: () => [...models.keys()],
    instances: () => [...models.values()].at(-1)?.instances.instance_group[0]?.count,
    lose: () => models.clear(),
    isAway: false,
    instead: undefined,
    close() {
      server.close();
      server.closeAllConnections();
      runtime.close();
    },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (engine.isAway) return void request.destroy();
    const body = await bodyOf(request);
    const [, name = '', doing = ''] = /\/models\/([^/]+)\/?(\w*)$/.exec(request.url ?? '') ?? [];
    const send = (status: number, value: unknown) => response.writeHead(status).end(JSON.stringify(value));
    if (request.url === '/v2')
      return void send(200, { extensions: ['binary_tensor_data', 'model_repository'] });
    if (request.url?.startsWith('/v2/health/')) return void send(200, {});
    if (doing === 'load') {
      const { parameters } = loadRequest.parse(JSON.parse(body.toString()));
      const file = join(directory, `${name}.onnx`);
      writeFileSync(file, Buffer.from(parameters['file:1/model.onnx'] ?? '', 'base64'));
      const artifact = await artifacts.add(file);
      rmSync(file);
      const { inputs, outputs } = await runtime.inspect(artifact);
      const instances = config.parse(JSON.parse(parameters.config ?? ''));
      models.set(name, { model: { key: name, artifact, inputs, outputs, instances: undefined }, instances });
      engine.loads.push(name);
      return void send(200, {});
    }
    const found = models.get(name);
    if (found === undefined) return void send(400, { error: `unknown model ${name}` });
    const { model, instances } = found;
    if (doing === 'unload') models.delete(name);
    if (doing === 'config') return void send(200, instances);
    if (doing === '') return void send(200, { name, inputs: model.inputs, outputs: model.outputs });
    if (doing !== 'infer') return void send(200, {});
    if (engine.instead !== undefined) return engine.instead(response);
    const call = readCall(body, Number(request.headers['inference-header-content-length'] ?? body.length));
    try {
      const outputs = await runtime.run(model, new Map(call.inputs), {
        outputs: model.outputs.filter((output) =>
          call.outputs?.some((wanted) => wanted.name === output.name),
        ),
      });
      const written = writeAnswer(
        { model: name, version: '1', id: call.id, parameters: {}, outputs },
        () => true,
      );
      response.writeHead(200, { 'inference-header-content-length': String(written.headerLength) });
      response.end(written.bytes);
    } catch (error) {
      send(400, { error: String(error) });
    }
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  engine.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  return engine;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
