import { randomUUID } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { registerVersion } from '../../src/registry/register.ts';
import type { Registration } from '../../src/registry/registration.ts';
import type { VersionRecord } from '../../src/registry/version_record.ts';
import { encodeRecords } from '../../src/serving/codec/records.ts';
import { encodeTensors } from '../../src/serving/codec/tensors.ts';
import { engineModel } from '../../src/serving/deployed_version.ts';
import { createEngine, type Engine } from '../../src/serving/engine/engine.ts';
import { scoreRecords } from '../../src/serving/score_version.ts';
import { artifactStore } from '../../src/storage/artifact_store.ts';
import { type OpenDatabase, openDatabase } from '../../src/storage/database.ts';
import { jsonOfTensor, type TensorJson } from '../../src/tensors/json_tensors.ts';
import { callBy } from '../access/origins.ts';
import { modelFile } from '../models/model_file.ts';
import { temporaryDirectory } from '../temporary.ts';

/**
 * Every model of the test set through registration, engine host and codec. What is expected was written by
 * the training library or numpy: see test/models/README.md.
 */

const row = z.object({
  record: z.record(z.string(), z.unknown()),
  value: z.unknown(),
  probabilities: z.record(z.string(), z.number()).optional(),
  scores: z.unknown().optional(),
});
const recordCase = z.object({
  model: z.string(),
  feature_names: z.array(z.string()).optional(),
  class_labels: z.array(z.string()).optional(),
  not_nullable: z.array(z.string()).optional(),
  tolerance: z.number(),
  rows: z.array(row),
});
const tensor = z.custom<TensorJson>((value) => typeof value === 'object' && value !== null);
const tensorCase = z.object({
  model: z.string(),
  inputs: z.record(z.string(), tensor),
  outputs: z.record(z.string(), tensor),
  tolerance: z.number(),
});
const expectations = z.object({
  records: z.array(recordCase),
  tensors: z.array(tensorCase),
  refused: z.array(z.object({ model: z.string(), reason: z.string() })),
});

const read = ['expected_trained.json', 'expected_graphs.json'].map((name) =>
  expectations.parse(JSON.parse(readFileSync(new URL(`../models/${name}`, import.meta.url), 'utf8'))),
);
const numbered = <T>(cases: T[]) => cases.map((one, index) => ({ ...one, index }));
const records = numbered(read.flatMap((one) => one.records));
const tensors = numbered(read.flatMap((one) => one.tensors));
const refused = read.flatMap((one) => one.refused);

let directory: string;
let database: OpenDatabase;
let engine: Engine;
let artifacts: ReturnType<typeof artifactStore>;
beforeAll(async () => {
  directory = temporaryDirectory();
  database = await openDatabase({ directory });
  artifacts = artifactStore(directory, 1e9);
  engine = createEngine({
    withFile: artifacts.withFile,
    loadTimeoutMs: 20_000,
    runTimeoutMs: 10_000,
    threads: 1,
    maxLoaded: 4,
  });
});
afterAll(async () => {
  engine.close();
  await database.close();
});

async function register(source: string, facts: Partial<Registration> = {}): Promise<VersionRecord> {
  const { record } = await registerVersion(
    {
      database: database.database,
      artifacts,
      inspector: engine,
      allowedRoots: [directory, join(modelFile('x'), '..')],
      clock: Date.now,
    },
    { ...facts, modelId: randomUUID(), version: '1', source },
    callBy('operator'),
  );
  return record;
}

async function served<T>(record: VersionRecord, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } finally {
    await engine.unload(engineModel(record, undefined));
  }
}

test('at least forty good models are in the set', () => {
  expect(new Set([...records, ...tensors].map(({ model }) => model)).size).toBeGreaterThanOrEqual(40);
});

describe('predictions agree with those of the training library', () => {
  test.each(records)('$model ($index)', async (one) => {
    const record = await register(modelFile(one.model), {
      featureNames: one.feature_names,
      classLabels: one.class_labels,
    });
    const given = one.rows.map((expected) => expected.record);
    const nullable = record.signature.features.filter((feature) => feature.nullable).map(({ name }) => name);
    const withNull = given.some((values) => Object.values(values).includes(null));
    if (withNull) for (const name of one.not_nullable ?? []) expect(nullable).not.toContain(name);
    expect(nullable.length > 0).toBe(withNull || boosted.test(one.model));

    await served(record, async () => {
      const predictions = await scoreRecords(engine, record, given, 'embedded');
      one.rows.forEach(({ value, probabilities, scores }, index) => {
        const found = predictions[index];
        const where = `row ${index}`;
        expectNear(found?.value, value, one.tolerance, where);
        expectNear(
          found?.probabilities && Object.fromEntries(found.probabilities),
          probabilities,
          one.tolerance,
          where,
        );
        expectNear(found?.scores, scores, one.tolerance, where);
        expect(Object.keys(probabilities ?? {})).toEqual((found?.probabilities ?? []).map(([name]) => name));
      });
      // The same rows as tensors, in the form in which a client sends and gets them.
      const encoded = encodeRecords(record.signature, given);
      const { inputs } = record.signature;
      const asJson = new Map([...encoded].map(([name, sent]) => [name, jsonOfTensor(sent)]));
      expect(encodeTensors(inputs, asJson)).toEqual(encoded);
    });
  });
});

/** Models that take missing values though their rows here have none. */
const boosted = /^(lightgbm|xgboost)/;

describe('tensors of every datatype and shape', () => {
  test.each(tensors)('$model ($index)', async ({ model, inputs, outputs, tolerance }) => {
    const record = await register(modelFile(model));
    await served(record, async () => {
      const sent = encodeTensors(record.signature.inputs, new Map(Object.entries(inputs)));
      const got = await engine.run(engineModel(record, undefined), sent);
      const found = Object.fromEntries([...got].map(([name, one]) => [name, jsonOfTensor(one)]));
      for (const [name, expected] of Object.entries(outputs)) {
        expect(found[name]).toMatchObject({ datatype: expected.datatype, shape: expected.shape });
        const isHalf = expected.datatype === 'FP16';
        expectNear(found[name]?.data, expected.data, isHalf ? 1e-3 : tolerance, name);
      }
      expect(Object.keys(found)).toEqual(Object.keys(outputs));
    });
  });
});

describe('refused at registration, with the reason', () => {
  test.each(refused)('$model', async ({ model, reason }) => {
    const started = performance.now();
    await expect(register(modelFile(model))).rejects.toMatchObject({
      code: 'ARTIFACT_INVALID',
      message: expect.stringContaining(reason),
    });
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  test('external data that is beside the host, beside a link, or a link itself', async () => {
    // Where the runtime would look if it were let: the directory in which engine hosts run.
    const besideHosts = join(tmpdir(), 'weights.bin');
    writeFileSync(besideHosts, Buffer.alloc(4));
    const folder = join(directory, 'linked');
    mkdirSync(folder);
    symlinkSync(besideHosts, join(folder, 'weights.bin'));
    copyFileSync(modelFile('external_relative'), join(folder, 'copied.onnx'));
    symlinkSync(modelFile('external_relative'), join(directory, 'linked.onnx'));
    writeFileSync(join(directory, 'weights.bin'), Buffer.alloc(4));
    try {
      for (const file of [
        modelFile('external_relative'),
        join(folder, 'copied.onnx'),
        join(directory, 'linked.onnx'),
      ])
        await expect(register(file)).rejects.toMatchObject({
          code: 'ARTIFACT_INVALID',
          message: expect.stringContaining('external data'),
        });
    } finally {
      rmSync(besideHosts);
    }
  });
});

test('missing values are refused where the model takes none', async () => {
  const record = await register(modelFile('logistic_binary'), { featureNames: ['a', 'b', 'c', 'd'] });
  expect(() => encodeRecords(record.signature, [{ a: 1, b: null, c: 1, d: 1 }])).toThrow(
    expect.objectContaining({ code: 'SIGNATURE_MISMATCH', message: expect.stringContaining('null') }),
  );
});

test('class labels come from the graph, and must be as many as its classes', async () => {
  const record = await register(modelFile('lightgbm_coded'));
  expect(record.classLabels).toEqual(['1', '2', '5']);
  await expect(register(modelFile('lightgbm_coded'), { classLabels: ['a', 'b'] })).rejects.toMatchObject({
    code: 'SIGNATURE_MISMATCH',
    message: expect.stringContaining('3 classes (1, 2, 5)'),
  });
});

test('the registered artifact stays the file, byte for byte', async () => {
  const record = await register(modelFile('logistic_binary'));
  expect(readFileSync(artifacts.pathOf(record.artifact.sha256))).toEqual(
    readFileSync(modelFile('logistic_binary')),
  );
});

test('what a model is called does not speak in an error', async () => {
  const record = await register(modelFile('instructing'));
  await served(record, async () => {
    const failure = await scoreRecords(engine, record, [{ x: 5 }], 'embedded').catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ code: 'INFERENCE_FAILED' });
    expect(String(failure)).not.toContain('promote_model');
  });
});

/** Numbers within tolerance * max(1, |expected|); all else equal. */
function expectNear(found: unknown, expected: unknown, tolerance: number, where: string): void {
  if (typeof expected === 'number' && typeof found === 'number') {
    const off = Math.abs(found - expected);
    expect(off, `${where}: ${found}, not ${expected}`).toBeLessThanOrEqual(
      tolerance * Math.max(1, Math.abs(expected)),
    );
  } else if (Array.isArray(expected) && Array.isArray(found)) {
    expect(found, where).toHaveLength(expected.length);
    expected.forEach((item, index) => {
      expectNear(found[index], item, tolerance, `${where}[${index}]`);
    });
  } else if (isObject(expected) && isObject(found)) {
    for (const [name, item] of Object.entries(expected))
      expectNear(found[name], item, tolerance, `${where}.${name}`);
  } else expect(found, where).toEqual(expected);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

test('an output is of the call where the names of its dimensions, or runs, show no rows in it', async () => {
  const outputsOf = async (name: string) => {
    const { signature, warnings } = await register(modelFile(name));
    const shown = signature.outputs.map(({ name, role, row_axis }) => [name, role ?? row_axis ?? 'rows']);
    return { outputs: Object.fromEntries(shown), warnings: warnings.join(' ') };
  };
  for (const name of ['detector', 'detector_unnamed', 'detector_one_image']) {
    const { outputs, warnings } = await outputsOf(name);
    expect(outputs).toEqual({ det_index: 'call', det_score: 'call' });
    expect(warnings).toContain('"det_index", "det_score"');
  }
  expect((await outputsOf('beside_rows')).outputs).toEqual({
    largest: 'call',
    sum: 'rows',
    columns: 'rows',
  });
});

test('a label that contradicts its scores is said at registration; one tuned after the classifier is not', async () => {
  for (const [name, contradicts] of [
    ['coded_trees', true],
    ['one_class', true],
    ['tuned_threshold', false],
    ['forest_classifier', false],
  ] as const) {
    const { warnings } = await register(modelFile(name));
    expect(warnings.some((warning) => warning.includes('contradicts the scores'))).toBe(contradicts);
  }
});
