import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openObjectStore } from '../../src/storage/object_store.ts';
import { bucket, python, startS3 } from '../../test/object_store/s3_server.ts';
import { games, withTools } from '../http_peers/modelyard.ts';
import { type Settings, settingsOf } from './machines.ts';
import { figure, quantile, table } from './table.ts';

const megabytes = 100;
const rounds = 3;

/** What an object store takes for artifacts, and a deployment with it; moto stands for the store. */
export async function objectStoreTable(scratch: string): Promise<string> {
  if (python === undefined)
    return 'Object store: left out, since MODELYARD_TEST_S3_PYTHON names no Python with test/object_store/requirements.txt.\n';
  const server = await startS3(scratch);
  try {
    const lines: Record<string, string | number>[] = [];
    const add = (what: string, size: number, times: readonly number[]) => {
      const median = quantile(times, 0.5);
      lines.push({
        what,
        MB: figure(size / 1e6),
        'median, ms': figure(median),
        'MB/s': size > 1e6 ? figure(size / 1e3 / median) : '',
      });
    };
    const files = [
      { name: 'small', file: games.source },
      { name: 'large', file: largeModel(scratch) },
    ];
    const store = openObjectStore(server.settings('bench'));
    for (const { name, file } of files) {
      const { size } = statSync(file);
      const [up, down]: [number[], number[]] = [[], []];
      for (let round = 0; round < rounds; round++) {
        const key = `${name}-${round}`;
        up.push(await timed(() => store.upload(key, file, size)));
        down.push(
          await timed(async () => {
            const found = await store.read(key, 0);
            let read = 0;
            for await (const chunk of found?.content ?? []) read += chunk.length;
            if (read !== size) throw new Error(`${read} bytes came back of ${size}`);
          }),
        );
      }
      add(`upload, ${name}`, size, up);
      add(`download, ${name}`, size, down);
    }
    store.close();
    const shared = {
      MODELYARD_ARTIFACTS: `s3://${bucket}/machines`,
      AWS_ENDPOINT_URL_S3: server.address,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    };
    for (const [where, more] of [
      ['a folder', {}],
      ['the object store', shared],
    ] as const)
      for (const { name, file } of files) {
        process.stderr.write(`deploying, ${where}, ${name}\n`);
        const settings = { ...settingsOf(scratch, `artifacts-${where}`), ...more };
        const { size } = statSync(file);
        const times = await deployTimes(settings, name, file);
        add(`deploy_model, artifacts in ${where}, ${name}`, size, times.deploy);
        add(`first call of a server that starts, artifacts in ${where}, ${name}`, size, times.load);
      }
    return table(`Object store (moto on this machine), ${rounds} of each`, lines);
  } finally {
    await server.close();
  }
}

/** Deploys a model again and again, each time with other bytes; then a server that must fetch it answers its first call. */
async function deployTimes(
  settings: Settings,
  name: string,
  file: string,
): Promise<{ deploy: number[]; load: number[] }> {
  const directory = settings.MODEL_REGISTRY_DIR ?? '';
  const row = Object.fromEntries(games.feature_names.map((feature) => [feature, 1]));
  const deploy: number[] = [];
  const load: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const model_id = `${name}-${round}`;
    const source = join(directory, '..', `${model_id}.onnx`);
    writeFileSync(source, describedModel(readFileSync(file), `of round ${round}`));
    await withTools(settings, async (call) => {
      deploy.push(await timed(() => call('deploy_model', { ...games, model_id, source })));
    });
    rmSync(source);
    // Only of an object store there are copies that may go.
    rmSync(join(directory, 'artifact_cache'), { recursive: true, force: true });
    await withTools(settings, async (call) => {
      load.push(await timed(() => call('predict', { model_id, inputs: [row] })));
    });
  }
  return { deploy, load };
}

/** The example's model with so long a description. */
function largeModel(scratch: string): string {
  const file = join(scratch, 'large.onnx');
  const text = randomBytes((megabytes * 1e6 * 3) / 4).toString('base64');
  writeFileSync(file, describedModel(readFileSync(games.source), text));
  return file;
}

/** A model with a description of its own: field 6 of an ONNX model, behind all others, of which the last one counts. */
function describedModel(model: Buffer, description: string): Buffer {
  const text = Buffer.from(description);
  const length: number[] = [];
  let left = text.length;
  for (; left > 127; left >>>= 7) length.push((left & 127) | 128);
  return Buffer.concat([model, Buffer.from([0x32, ...length, left]), text]);
}

/** Milliseconds. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
