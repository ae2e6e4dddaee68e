import { randomUUID } from 'node:crypto';
import { copyFileSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Registration, registerVersion } from '../../src/registry/register.ts';
import type { VersionRecord } from '../../src/registry/version_record.ts';
import { encodeRecords } from '../../src/serving/codec/records.ts';
import { decodeTensor, encodeTensors, type TensorJson } from '../../src/serving/codec/tensors.ts';
import { createEngine, type Engine } from '../../src/serving/engine/engine.ts';
import { scoreRecords } from '../../src/serving/predict.ts';
import { engineModel } from '../../src/serving/served_models.ts';
import { artifactStore } from '../../src/storage/artifact_store.ts';
import { type OpenDatabase, openDatabase } from '../../src/storage/database.ts';
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
    pathOf: artifacts.pathOf,
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
    await engine.unload(engineModel(record, undefined).key);
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
      const predictions = await scoreRecords(engine, record, given);
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
      const { inputs, features } = record.signature;
      const asJson = new Map([...encoded].map(([name, sent]) => [name, decodeTensor(sent)]));
      expect(encodeTensors(inputs, asJson, features)).toEqual(encoded);
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
      const found = Object.fromEntries([...got].map(([name, one]) => [name, decodeTensor(one)]));
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

  test('external data beside the file, beside the host, and behind a symbolic link', async () => {
    // Where the runtime would look if it were let: the directory in which engine hosts run.
    const besideHosts = join(tmpdir(), 'weights.bin');
    writeFileSync(besideHosts, Buffer.alloc(4));
    writeFileSync(join(directory, 'weights.bin'), Buffer.alloc(4));
    copyFileSync(modelFile('external_relative'), join(directory, 'copied.onnx'));
    symlinkSync(modelFile('external_relative'), join(directory, 'linked.onnx'));
    try {
      for (const name of ['copied.onnx', 'linked.onnx'])
        await expect(register(join(directory, name))).rejects.toMatchObject({
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
    const failure = await scoreRecords(engine, record, [{ x: 5 }]).catch((error: unknown) => error);
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
