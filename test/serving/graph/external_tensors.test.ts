import { readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { inlineTensors, type Piece } from '../../../src/serving/graph/external_tensors.ts';
import { requireSelfContained } from '../../../src/serving/graph/self_contained.ts';

const fileOf = (name: string) => new URL(`../../mlflow/external/${name}`, import.meta.url);
const { tensors, files } = z
  .object({ tensors: z.record(z.string(), z.string()), files: z.record(z.string(), z.array(z.string())) })
  .parse(JSON.parse(readFileSync(fileOf('expected.json'), 'utf8')));

const lengthOf = (name: string) => statSync(fileOf(name), { throwIfNoEntry: false })?.size;
const bytesOf = (piece: Piece) =>
  'location' in piece
    ? readFileSync(fileOf(piece.location)).subarray(piece.offset, piece.offset + piece.length)
    : piece;

describe.each(Object.keys(files))('a model with its tensors elsewhere: %s', (name) => {
  const model = readFileSync(fileOf(`${name}.onnx`));

  test('becomes the model that onnx writes with all tensors inside', () => {
    const pieces = inlineTensors(model, lengthOf) ?? [];
    const whole = Buffer.concat(pieces.map(bytesOf));
    for (const [tensor, bytes] of Object.entries(tensors))
      expect(whole.includes(Buffer.from(bytes, 'hex')), tensor).toBe(true);
    expect(() => requireSelfContained(whole)).not.toThrow();
    expect(whole.equals(readFileSync(fileOf('whole.onnx')))).toBe(true);
  });

  test('takes its tensors from those files and no others', () => {
    const pieces = inlineTensors(model, lengthOf) ?? [];
    const locations = pieces.flatMap((piece) => ('location' in piece ? [piece.location] : []));
    expect([...new Set(locations)].toSorted()).toEqual(files[name]);
  });

  test('is refused where a file is missing or too short', () => {
    expect(() => inlineTensors(model, () => undefined)).toThrow(/is no plain file beside it/);
    expect(() => inlineTensors(model, (location) => (lengthOf(location) ?? 1) - 1)).toThrow(/beyond the end/);
  });
});

test('a model with all tensors inside stays as it is', () => {
  expect(inlineTensors(readFileSync(fileOf('whole.onnx')), lengthOf)).toBeUndefined();
});

test('bytes that are no model are refused', () => {
  expect(() => inlineTensors(Buffer.from('not a model'), lengthOf)).toThrow();
});
