import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { artifactFolder } from '../../src/mlflow/artifact_folder.ts';
import { openConnection } from '../../src/mlflow/connection.ts';
import { modelsAmong, requireOneModel, toldModels } from '../../src/mlflow/run_models.ts';
import { temporaryDirectory } from '../temporary.ts';

const connection = openConnection({ trackingUri: 'http://127.0.0.1:1', insecureTls: false, timeoutMs: 1000 });

function among(...files: string[]) {
  const store = temporaryDirectory();
  for (const file of files) {
    mkdirSync(join(store, file, '..'), { recursive: true });
    writeFileSync(join(store, file), '');
  }
  return modelsAmong(artifactFolder(connection, store, [store]));
}

test('models are directories that MLflow wrote, however deep, and .onnx files outside of them', async () => {
  const found = await among('a/b/MLmodel', 'a/b/model.onnx', 'c/MLmodel', 'files/x.onnx', 'notes/readme.txt');
  expect(found).toEqual({ models: ['c', 'a/b'], files: ['files/x.onnx'] });
  expect(toldModels('r', found)).toBe('The run holds runs:/r/a/b, runs:/r/c, runs:/r/files/x.onnx.');
  expect(() => requireOneModel('r', found)).toThrow(/holds 2 models/);
});

test('one is chosen, whatever files are beside it; else the one file', async () => {
  expect(requireOneModel('r', await among('m/MLmodel', 'm/model.onnx', 'x.onnx', 'y.onnx'))).toBe('m');
  expect(requireOneModel('r', await among('x.onnx', 'readme.txt'))).toBe('x.onnx');
  const none = await among('readme.txt');
  expect(toldModels('r', none)).toBe('The run holds no model.');
  expect(() => requireOneModel('r', none)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
});
