import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { Ajv } from 'ajv';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { startServer, type TestServer } from '../e2e/client.ts';
import { type Scratch, scratchDirectory, testModel } from '../e2e/environment.ts';
import { runCommand } from '../e2e/running_command.ts';
import type { EngineServer } from '../engines/engine_process.ts';
import { startTriton, tritonPython } from '../engines/triton_server.ts';
import { bucket, type S3Server, python as s3Python, startS3 } from '../object_store/s3_server.ts';

const object = z.looseObject({ apiVersion: z.string(), kind: z.string() });
const schemas = z
  .looseObject({ roots: z.record(z.string(), z.unknown()) })
  .parse(JSON.parse(readFileSync(new URL('schemas.json', import.meta.url), 'utf8')));
const ajv = new Ajv({ strict: false, allErrors: true });
ajv.addSchema(schemas, 'published');

/** What the published schema says against an object. */
function faultsOf(given: z.output<typeof object>): unknown {
  const kind = `${given.apiVersion} ${given.kind}`;
  expect(Object.keys(schemas.roots)).toContain(kind);
  const validate = ajv.getSchema(`published#/roots/${encodeURIComponent(kind.replaceAll('/', '~1'))}`);
  if (validate === undefined) throw new Error(`no schema of ${kind}`);
  return validate(given) ? [] : validate.errors;
}

const read = (yaml: string) => parseAllDocuments(yaml).map((document) => object.parse(document.toJS()));

const service = z.object({
  metadata: z.object({ name: z.string(), annotations: z.record(z.string(), z.string()) }),
  spec: z.object({
    predictor: z.object({
      canaryTrafficPercent: z.number().optional(),
      serviceAccountName: z.string(),
      model: z.object({ runtime: z.string(), storageUri: z.string() }),
    }),
  }),
});
const serviceIn = (yaml: string) => service.parse(read(yaml).find(({ kind }) => kind === 'InferenceService'));

const storageUri = 'pvc://models/kserve';

describe('modelyard export kserve', { timeout: 120_000 }, () => {
  let scratch: Scratch;
  let server: TestServer;
  beforeAll(async () => {
    scratch = scratchDirectory();
    server = await startServer({ directory: scratch.path, settings: { MODELYARD_APPROVALS: 'off' } });
    const deploy = (model_id: string, version: string, model: string, set_active: boolean) =>
      server.call('deploy_model', { model_id, version, source: testModel(model), set_active });
    await deploy('Linear.model', '1', 'linear_float32', true);
    await deploy('Linear.model', '2', 'linear_float32_b', false);
    await deploy('zipmap', 'first', 'classifier_zipmap', true);
    await deploy('text', '1', 'text_classifier', true);
    await deploy('scalar', '1', 'scalar_input', true);
    await server.call('set_traffic', { model_id: 'Linear.model', weights: { 1: 0.9, 2: 0.1 } });
  }, 120_000);
  afterAll(async () => {
    await server.close();
    scratch.remove();
  });

  let folders = 0;
  const folder = () => {
    const path = join(scratch.path, `repository-${folders++}`);
    mkdirSync(path);
    return path;
  };
  const run = (given: readonly string[], settings?: Record<string, string>) =>
    runCommand(['export', ...given], { directory: scratch.path, settings });
  const toFolder = (path: string) => ['--repository', path, '--storage-uri', storageUri];

  it('prints objects that Kubernetes and KServe take, and writes a model repository', async () => {
    const path = folder();
    const { code, output, errors } = await run(['kserve', 'Linear.model', ...toFolder(path)]);
    expect([code, errors]).toEqual([0, expect.stringContaining('without MODELYARD_ARTIFACTS')]);
    const objects = read(output);
    expect(objects.map(({ kind }) => kind)).toEqual([
      'ServiceAccount',
      'InferenceService',
      'Deployment',
      'Service',
    ]);
    for (const given of objects) expect([given.kind, faultsOf(given)]).toEqual([given.kind, []]);
    const { metadata, spec } = serviceIn(output);
    expect(metadata.name).toMatch(/^linear-model-[0-9a-f]{8}$/);
    expect(metadata.annotations).toMatchObject({
      'modelyard/model-id': 'Linear.model',
      'modelyard/version': '1',
    });
    expect(spec.predictor).toEqual({
      serviceAccountName: 'modelyard',
      model: { runtime: 'kserve-tritonserver', storageUri },
    });
    expect(readdirSync(join(path, 'Linear.model')).toSorted()).toEqual(['1', 'config.pbtxt']);
    expect(readdirSync(path)).toEqual(['Linear.model']);
  });

  it('a version beside the active one is a canary with its part of the calls', async () => {
    const { output } = await run(['kserve', 'Linear.model', '2', ...toFolder(folder())]);
    expect(serviceIn(output).spec.predictor.canaryTrafficPercent).toBe(10);
  });

  it('the schemas refuse what they do not know', async () => {
    const { output } = await run(['kserve', 'zipmap', ...toFolder(folder())]);
    for (const given of read(output)) {
      expect(faultsOf({ ...given, wrong: 1 })).not.toEqual([]);
      expect(
        faultsOf({ ...given, metadata: { ...z.object({}).parse(given.metadata), name: 7 } }),
      ).not.toEqual([]);
    }
    const wrong = output.replace('canaryTrafficPercent', 'canary').replace('secretRef', 'secretReference');
    expect(wrong).not.toBe(output);
    expect(read(wrong).flatMap((given) => faultsOf(given))).not.toEqual([]);
  });

  it('the names of the Service are no settings of the pods, and calls by them are answered', async () => {
    const { output } = await run(['kserve', 'zipmap', ...toFolder(folder()), '--namespace', 'models']);
    const pod = z
      .object({
        metadata: z.object({ namespace: z.literal('models') }),
        spec: z.object({
          template: z.object({
            spec: z.object({
              enableServiceLinks: z.literal(false),
              containers: z.tuple([
                z.object({ args: z.array(z.string()), env: z.array(z.looseObject({ name: z.string() })) }),
              ]),
            }),
          }),
        }),
      })
      .parse(read(output).find(({ kind }) => kind === 'Deployment'));
    const [{ args, env }] = pod.spec.template.spec.containers;
    // The very flags are taken, with what Kubernetes puts for the variable; without a token they wait for one.
    const settings = Object.fromEntries(
      env.flatMap(({ name, value }) =>
        typeof value === 'string' && name !== 'MODEL_REGISTRY_DIR' ? [[name, value]] : [],
      ),
    );
    const given = args.map((flag) => flag.replaceAll('$(POD_NAMESPACE)', 'models'));
    expect(given).toContain('--allowed-host=modelyard.models.svc');
    const started = await runCommand(given, { directory: scratch.path, settings });
    expect([started.code, started.errors]).toEqual([expect.any(Number), expect.stringContaining('token')]);
    const linked = { ...settings, MODELYARD_SERVICE_HOST: '10.0.0.1' };
    const refused = await runCommand(given, { directory: scratch.path, settings: linked });
    expect(refused.errors).toContain('MODELYARD_SERVICE_HOST');
  });

  it.each<[string, string[], string]>([
    ['another kind', ['seldon', 'zipmap'], "Unexpected argument 'seldon'"],
    ['no model', ['kserve'], 'is missing'],
    ['an unknown model', ['kserve', 'zipmapp'], 'There is no model zipmapp.'],
    ['an unknown version', ['kserve', 'zipmap', '9'], 'zipmap has no version 9.'],
    ['artifacts that KServe cannot read', ['kserve', 'zipmap'], 'in a folder of this machine'],
    ['half of what belongs together', ['kserve', 'zipmap', '--repository', '.'], 'given together'],
    ['a bad name', ['kserve', 'zipmap', '--name', 'Zip_Map'], '--name=Zip_Map is not valid'],
    [
      'no folder',
      ['kserve', 'zipmap', ...toFolder('/nowhere/at/all')],
      'There is no folder /nowhere/at/all.',
    ],
    ['a tensor that Triton cannot be told', ['kserve', 'scalar', ...toFolder('.')], 'no dimensions'],
  ])('refuses %s', async (_, given, sentence) => {
    const { code, output, errors } = await run(given);
    expect(code).not.toBe(0);
    expect(output).toBe('');
    expect(errors).toContain(sentence);
  });

  it('replaces a model in a folder only by force', async () => {
    const path = folder();
    const given = ['kserve', 'zipmap', ...toFolder(path)];
    expect((await run(given)).code).toBe(0);
    const again = await run(given);
    expect([again.code, again.errors]).toEqual([1, expect.stringContaining('exists already')]);
    expect((await run([...given, '--force'])).code).toBe(0);
    expect(readdirSync(path)).toEqual(['zipmap']);
  });

  it.skipIf(tritonPython === undefined)(
    'a real Triton loads what was exported, of a ZipMap the graph that is served, and answers as ModelYard does',
    async () => {
      const triton = await startTriton();
      try {
        await answersAlike(triton, 'Linear.model', 'FP32', [1, 2, 3, -1, 0.5, 2]);
        // Triton's machine need not have English.
        await answersAlike(triton, 'text', 'BYTES', ['a good game', 'A BAD one']);
        await answersAlike(triton, 'zipmap', 'FP32', [5.1, 3.5, 1.4, 0.2, 6.7, 3, 5.2, 2.3]);
      } finally {
        await triton.kill();
      }
    },
    240_000,
  );

  /** Two rows of a model whose version is served as 1 by Triton. */
  async function answersAlike(
    triton: EngineServer,
    model: string,
    datatype: 'FP32' | 'BYTES',
    data: (number | string)[],
  ): Promise<void> {
    const post = (path: string, body: unknown) =>
      fetch(`${triton.url}${path}`, { method: 'POST', body: JSON.stringify(body) });
    const { code } = await run(['kserve', model, ...toFolder(join(triton.folder, 'models'))]);
    expect(code).toBe(0);
    const loaded = await post(`/v2/repository/models/${model}/load`, {});
    expect([loaded.status, await loaded.text()]).toEqual([200, '']);
    const { inputs } = described.parse(await (await fetch(`${triton.url}/v2/models/${model}`)).json());
    const [{ name, shape }] = inputs;
    const tensor = { datatype, shape: shape.length === 1 ? [2] : [2, data.length / 2], data };
    const answered = await post(`/v2/models/${model}/versions/1/infer`, { inputs: [{ name, ...tensor }] });
    const { outputs } = answers.parse(await answered.json());
    const { outputs: ours = {} } = await server.call('predict', {
      model_id: model,
      ...(model === 'Linear.model' && { version: '1' }),
      tensors: { [name]: tensor },
    });
    expect(outputs.map((output) => output.name).toSorted()).toEqual(Object.keys(ours).toSorted());
    for (const { name: output, data: found } of outputs) {
      const expected = ours[output]?.data ?? [];
      expect(found).toHaveLength(expected.length);
      for (const [index, value] of found.entries()) {
        if (typeof value === 'number') expect(value).toBeCloseTo(Number(expected[index]), 5);
        else expect(value).toBe(expected[index]);
      }
    }
  }
});

const described = z.object({ inputs: z.tuple([z.object({ name: z.string(), shape: z.array(z.number()) })]) });
const answers = z.object({
  outputs: z.array(z.object({ name: z.string(), data: z.array(z.unknown()) })),
});

test.skipIf(s3Python === undefined)(
  'with an object store the repository goes there, where it belongs to the store',
  async () => {
    const scratch = scratchDirectory();
    const s3: S3Server = await startS3(scratch.path);
    const settings = {
      MODELYARD_ARTIFACTS: `s3://${bucket}/production`,
      AWS_ENDPOINT_URL_S3: s3.address,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    };
    const server = await startServer({ directory: scratch.path, settings });
    try {
      await server.call('deploy_model', {
        model_id: 'linear',
        version: '3',
        source: testModel('linear_float32'),
      });
      const run = (more: Record<string, string>) =>
        runCommand(['export', 'kserve', 'linear'], {
          directory: scratch.path,
          settings: { ...settings, ...more },
        });
      const refused = await run({ MODELYARD_ROLE: 'viewer' });
      expect([refused.code, refused.errors]).toEqual([1, expect.stringContaining('needs the role operator')]);
      const { code, output, errors } = await run({});
      expect([code, errors]).toEqual([0, '']);
      expect(read(output).flatMap((given) => faultsOf(given))).toEqual([]);
      const place = 'production/kserve/linear/3';
      expect(serviceIn(output).spec.predictor.model.storageUri).toBe(`s3://${bucket}/${place}`);
      expect(output).toContain(`value: s3://${bucket}/production\n`);
      const listed = await s3.client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: place }));
      expect(listed.Contents?.map(({ Key: key }) => key).toSorted()).toEqual([
        `${place}/linear/3/model.onnx`,
        `${place}/linear/config.pbtxt`,
      ]);
      const stored = await s3.client.send(
        new GetObjectCommand({ Bucket: bucket, Key: `${place}/linear/3/model.onnx` }),
      );
      expect(Buffer.from((await stored.Body?.transformToByteArray()) ?? [])).toEqual(
        readFileSync(testModel('linear_float32')),
      );
      expect(existsSync(join(scratch.path, 'registry', 'artifacts'))).toBe(false);
      const litter = await runCommand(['litter'], { directory: scratch.path, settings });
      expect([litter.code, litter.output]).toEqual([0, expect.not.stringContaining('kserve')]);
    } finally {
      await server.close();
      await s3.close();
      scratch.remove();
    }
  },
  120_000,
);
