import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { TensorSpec } from '../../../src/registry/signature.ts';
import { removeFromFolder, writeToFolder } from '../../../src/serving/remote/shared_folder.ts';
import { temporaryDirectory } from '../../temporary.ts';

const model: { inputs: TensorSpec[]; outputs: TensorSpec[] } = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
  outputs: [{ name: 'y', datatype: 'INT64', shape: [-1] }],
};
const files = [
  { name: 'model.onnx', bytes: Buffer.from('the graph') },
  { name: 'tensor 0', bytes: Buffer.from('beside') },
];

test('several processes that write one model leave it whole, and nothing else', async () => {
  const folder = temporaryDirectory();
  const shared = { folder, implementation: 'a.B' };
  await Promise.all(Array.from({ length: 8 }, () => writeToFolder(shared, 'm', model, files)));
  expect(readdirSync(join(folder, 'm')).sort()).toEqual(['model-settings.json', 'model.onnx', 'tensor 0']);
  expect(readFileSync(join(folder, 'm', 'model.onnx'), 'utf8')).toBe('the graph');
  expect(JSON.parse(readFileSync(join(folder, 'm', 'model-settings.json'), 'utf8'))).toEqual({
    name: 'm',
    implementation: 'a.B',
    platform: 'onnx_onnxv1',
    parameters: { uri: './model.onnx' },
    ...model,
  });
  await removeFromFolder(folder, 'm');
  await removeFromFolder(folder, 'm');
  expect(readdirSync(folder)).toEqual([]);
});

test('a folder that cannot be written is storage that is away, by its name', async () => {
  const folder = temporaryDirectory();
  const occupied = join(folder, 'file');
  writeFileSync(occupied, '');
  await expect(
    writeToFolder({ folder: occupied, implementation: 'a.B' }, 'm', model, files),
  ).rejects.toMatchObject({
    code: 'STORAGE_UNAVAILABLE',
    message: expect.stringContaining(occupied),
  });
  rmSync(occupied);
  mkdirSync(occupied);
  await writeToFolder({ folder: occupied, implementation: 'a.B' }, 'm', model, files);
});
