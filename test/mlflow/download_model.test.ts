import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { artifactFolder } from '../../src/mlflow/artifact_folder.ts';
import { openConnection } from '../../src/mlflow/connection.ts';
import { downloadModel } from '../../src/mlflow/download_model.ts';
import { modelFile } from '../models/model_file.ts';
import { temporaryDirectory } from '../temporary.ts';

const connection = openConnection({ trackingUri: 'http://127.0.0.1:1', insecureTls: false, timeoutMs: 1000 });
const external = (name: string) => fileURLToPath(new URL(`external/${name}`, import.meta.url));
const mlmodel = (data: string, more = {}) =>
  JSON.stringify({ flavors: { onnx: { data }, python_function: {} }, run_id: 'r', ...more });

/** A mounted store with these files in its folder `model`. */
function storeWith(files: Record<string, { text: string } | { copy: string }>): string {
  const store = temporaryDirectory();
  for (const [name, content] of Object.entries(files)) {
    const file = join(store, 'model', name);
    mkdirSync(join(file, '..'), { recursive: true });
    if ('text' in content) writeFileSync(file, content.text);
    else copyFileSync(content.copy, file);
  }
  return store;
}

async function download(
  store: string,
  path = 'model',
  { maxBytes = 1e6, signal }: { maxBytes?: number; signal?: AbortSignal } = {},
) {
  const told: [number, number][] = [];
  const directory = temporaryDirectory();
  const folder = artifactFolder(connection, store, [store], signal);
  const { file, description } = await downloadModel(folder, path, {
    directory,
    maxBytes,
    progress: (received, total) => told.push([received, total]),
  });
  return { bytes: readFileSync(file), description, told, directory };
}

const linear = readFileSync(modelFile('linear_float32'));

describe('a model that MLflow wrote', () => {
  test('is brought with what its MLmodel says', async () => {
    const inputs = JSON.stringify(['a', 'b', 'c'].map((name) => ({ type: 'double', name, required: true })));
    const store = storeWith({
      MLmodel: { text: mlmodel('model.onnx', { signature: { inputs }, model_id: 'm-1' }) },
      'model.onnx': { copy: modelFile('linear_float32') },
      'conda.yaml': { text: 'x' },
      'input_example.json': { text: '{}' },
    });
    const { bytes, description, told } = await download(store);
    expect(bytes.equals(linear)).toBe(true);
    expect(description).toEqual({
      data: 'model.onnx',
      columns: ['a', 'b', 'c'],
      classLabels: undefined,
      runId: 'r',
      modelId: 'm-1',
    });
    expect(told).toEqual([[linear.length, linear.length]]);
  });

  test('may lie in a directory of its own, with its tensors beside it', async () => {
    const store = storeWith({
      MLmodel: { text: mlmodel('data/model.onnx') },
      'data/model.onnx': { copy: external('one_file.onnx') },
      'data/one_file.data': { copy: external('one_file.data') },
      // Not the model's: it stays where it is.
      'data/notes.txt': { text: 'x'.repeat(100_000) },
    });
    const { bytes, told, directory } = await download(store, 'model', { maxBytes: 50_000 });
    expect(bytes.equals(readFileSync(external('whole.onnx')))).toBe(true);
    expect(told.map(([received]) => received)).toEqual([623, 623 + 6400]);
    expect(readdirSync(directory).toSorted()).toEqual(['data-0', 'model.onnx', 'whole.onnx']);
  });

  test('may be an .onnx file alone', async () => {
    const store = temporaryDirectory();
    cpSync(modelFile('linear_float32'), join(store, 'net.onnx'));
    const { bytes, description } = await download(store, 'net.onnx');
    expect(bytes.equals(linear)).toBe(true);
    expect(description).toBeUndefined();
  });

  test.each<[string, Record<string, { text: string } | { copy: string }>, object]>([
    [
      'the file is not there',
      { MLmodel: { text: mlmodel('model.onnx') } },
      { code: 'ARTIFACT_INVALID', message: expect.stringContaining('model.onnx, which is not among') },
    ],
    [
      'the file would be elsewhere',
      { MLmodel: { text: mlmodel('../model.onnx') } },
      { code: 'INVALID_INPUT', message: expect.stringContaining('a path that cannot be') },
    ],
    [
      'it is of another flavor',
      { MLmodel: { text: 'flavors:\n  sklearn:\n    pickled_model: model.pkl\n' } },
      { code: 'ARTIFACT_INVALID', message: expect.stringContaining('its flavors are sklearn') },
    ],
    [
      'MLmodel cannot be read',
      { MLmodel: { text: 'flavors: &x\n  a: [\n' } },
      { code: 'ARTIFACT_INVALID', message: expect.stringContaining('at line 3, column 1') },
    ],
    [
      'its tensors are missing',
      {
        MLmodel: { text: mlmodel('model.onnx') },
        'model.onnx': { copy: external('one_file.onnx') },
        other: { text: 'x' },
      },
      {
        code: 'ARTIFACT_INVALID',
        message: expect.stringContaining('"one_file.data" is no plain file beside it'),
      },
    ],
    ['there is no MLmodel', { readme: { text: 'x' } }, { code: 'INVALID_INPUT' }],
  ])('is refused when %s', async (_, files, error) => {
    await expect(download(storeWith(files))).rejects.toMatchObject(error);
  });

  test('is refused above the limit, also when only its tensors make it so large', async () => {
    const files = {
      MLmodel: { text: mlmodel('model.onnx') },
      'model.onnx': { copy: external('one_file.onnx') },
      'one_file.data': { copy: external('one_file.data') },
    };
    for (const maxBytes of [100, 1000, 7000])
      await expect(download(storeWith(files), 'model', { maxBytes })).rejects.toMatchObject({
        code: 'LIMIT_EXCEEDED',
      });
    expect((await download(storeWith(files), 'model', { maxBytes: 7100 })).bytes.length).toBeLessThan(7100);
  });

  test('is given up when the call is cancelled', async () => {
    const store = storeWith({
      MLmodel: { text: mlmodel('model.onnx') },
      'model.onnx': { copy: modelFile('linear_float32') },
    });
    await expect(download(store, 'model', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
  });
});
