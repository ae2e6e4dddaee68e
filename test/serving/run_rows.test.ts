import { describe, expect, test } from 'vitest';
import type { TensorSpec } from '../../src/registry/signature.ts';
import type { Engine, EngineModel } from '../../src/serving/engine/engine.ts';
import type { NamedTensors } from '../../src/serving/engine/protocol.ts';
import type { RowIndependence } from '../../src/serving/graph/rows/row_independence.ts';
import { callSignature, fixedRows, runRows } from '../../src/serving/run_rows.ts';

const spec = (name: string, ...shape: number[]): TensorSpec => ({ name, datatype: 'FP32', shape });
const proven: RowIndependence = { independent: true, outputsByRow: true };

/** A model that doubles `x` in runs of four rows, or of any. */
function doubling(rows: RowIndependence, shape: number[]) {
  const runs: number[][] = [];
  const refuse = () => Promise.reject(new Error('not part of this test'));
  const engine: Engine = {
    inspect: refuse,
    wholeFile: refuse,
    load: refuse,
    rows: async () => rows,
    known: () => ({ good: undefined, inputs: [] }),
    async run(_, tensors) {
      const x = tensors.get('x');
      const values = Array.from(x?.data ?? [], Number);
      runs.push(values);
      const data = Float32Array.from(values, (value) => 2 * value);
      return new Map([['y', { datatype: 'FP32', shape: x?.shape ?? [], data }]]);
    },
    unload: async () => undefined,
    status: () => ({ state: 'ready', hosts: 1, waiting: 0, runningMs: undefined }),
    pools: () => [],
    close: () => undefined,
  };
  const model: EngineModel = {
    key: 'x',
    artifact: { sha256: '', bytes: 0 },
    inputs: [spec('x', ...shape)],
    outputs: [spec('y', ...shape)],
    instances: undefined,
  };
  const run = async (...values: number[]) => {
    const x = { datatype: 'FP32', shape: [values.length, 1], data: Float32Array.from(values) } as const;
    const tensors: NamedTensors = new Map([['x', { ...x, shape: [values.length, 1] }]]);
    const y = (await runRows(engine, model, tensors)).get('y');
    return { shape: y?.shape, values: Array.from(y?.data ?? [], Number) };
  };
  return { run, runs };
}

describe('a model that takes four rows a run', () => {
  test.each([
    [[1], [[1, 1, 1, 1]]],
    [[1, 2, 3, 4], [[1, 2, 3, 4]]],
    [
      [1, 2, 3, 4, 5, 6],
      [
        [1, 2, 3, 4],
        [5, 6, 6, 6],
      ],
    ],
    [
      [1, 2, 3, 4, 5, 6, 7, 8],
      [
        [1, 2, 3, 4],
        [5, 6, 7, 8],
      ],
    ],
  ])('answers %j in groups, the last filled up with its last row', async (values, expected) => {
    const { run, runs } = doubling(proven, [4, 1]);
    expect(await run(...values)).toEqual({
      shape: [values.length, 1],
      values: values.map((value) => 2 * value),
    });
    expect(runs).toEqual(expected);
  });

  test.each<[string, RowIndependence]>([
    ['depend on one another', { independent: false, because: 'ReduceMean' }],
    ['are not one an output', { independent: true, outputsByRow: false }],
  ])('answers only four where its rows %s', async (_, rows) => {
    const { run, runs } = doubling(rows, [4, 1]);
    expect((await run(1, 2, 3, 4)).values).toEqual([2, 4, 6, 8]);
    for (const values of [[1], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6, 7, 8]])
      await expect(run(...values)).rejects.toMatchObject({
        code: 'SIGNATURE_MISMATCH',
        message: expect.stringContaining(`exactly 4 rows a call, but ${values.length} were given.`),
        hint: 'Give 4 rows.',
      });
    expect(runs).toHaveLength(1);
  });
});

test('any other model runs once, on what it was given', async () => {
  const { run, runs } = doubling({ independent: false, because: 'ReduceMean' }, [-1, 1]);
  await run(1, 2, 3, 4, 5);
  expect(runs).toEqual([[1, 2, 3, 4, 5]]);
});

test('the number of rows is fixed where all inputs say the same', () => {
  expect(fixedRows([spec('a', 4, 2), spec('b', 4)])).toBe(4);
  expect(fixedRows([spec('a', 4, 2), spec('b', 3)])).toBeUndefined();
  expect(fixedRows([spec('a', -1, 2)])).toBeUndefined();
  expect(fixedRows([])).toBeUndefined();
  const signature = { inputs: [spec('a', 4, 4)], outputs: [spec('y', 4), spec('z', 3, 4)], features: [] };
  expect(callSignature(signature)).toEqual({
    inputs: [spec('a', -1, 4)],
    outputs: [spec('y', -1), spec('z', 3, 4)],
    features: [],
  });
});
