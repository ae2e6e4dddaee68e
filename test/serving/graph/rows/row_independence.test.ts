import { readFileSync } from 'node:fs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { readGraph } from '../../../../src/serving/graph/read_graph.ts';
import { rowIndependence } from '../../../../src/serving/graph/rows/row_independence.ts';
import { modelFile } from '../../../models/model_file.ts';

type Verdict = 'independent' | 'dependent' | 'unproven';
const expected: Record<string, Verdict> = JSON.parse(
  readFileSync(new URL('../../../models/rows/expected.json', import.meta.url), 'utf8'),
);

/** The length of an axis that is free, other than that of the rows. */
const freeLength = 3;
const scales = [1, 30, 0.1, 1];

/** Rows that differ, the same in every run of this test. */
function rowsOf(length: number, isInteger: boolean): number[][] {
  let state = 7;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return scales.map((scale) =>
    Array.from({ length }, () => (isInteger ? Math.floor(random() * 5) : (2 * random() - 1) * scale)),
  );
}

/** Whether every row is answered as it is alone (or, where their number is fixed, whatever the others are). */
async function isApart(name: string): Promise<boolean> {
  const session = await InferenceSession.create(modelFile(`rows/${name}`), { logSeverityLevel: 4 });
  const [input] = session.inputMetadata;
  if (!input?.isTensor) throw new Error('a tensor was expected');
  const [first, ...rest] = input.shape.map((one) => (typeof one === 'number' ? one : undefined));
  const shape = rest.map((one) => one ?? freeLength);
  const isInteger = input.type === 'int64';
  const rows = rowsOf(
    shape.reduce((a, b) => a * b, 1),
    isInteger,
  );
  const run = async (given: readonly number[][]) => {
    const flat = given.flat();
    const data = isInteger ? BigInt64Array.from(flat.map(BigInt)) : Float32Array.from(flat);
    const answer = await session.run({ [input.name]: new Tensor(data, [given.length, ...shape]) });
    const output = answer[session.outputNames[0] ?? ''];
    if (output?.dims[0] !== given.length) return undefined;
    const values = Array.from({ length: output.size }, (_, at) => Number(output.data[at]));
    return given.map((_, at) =>
      values.slice((at * output.size) / given.length, ((at + 1) * output.size) / given.length),
    );
  };
  const together = await run(rows);
  if (together === undefined) return false;
  const backwards = (await run(rows.toReversed()))?.toReversed();
  const scale = Math.max(...together.flat().map(Math.abs));
  const same = (a: number[] | undefined, b: number[] | undefined) =>
    a !== undefined &&
    a.length === b?.length &&
    a.every((value, at) => Math.abs(value - (b[at] ?? Number.NaN)) <= 1e-5 * scale);
  const alone: (number[] | undefined)[] = [];
  for (const row of rows) {
    if (first === undefined) alone.push((await run([row]))?.[0]);
    else alone.push((await run(rows.map(() => row)))?.[0]);
  }
  return together.every((row, at) => same(row, backwards?.[at]) && same(row, alone[at]));
}

describe.each(Object.entries(expected))('%s', (name, verdict) => {
  test(`is ${verdict}, as it is run alone and in company`, async () => {
    const graph = readGraph(readFileSync(modelFile(`rows/${name}`)));
    const [output] = graph.outputs;
    const rows = rowIndependence(graph, [output?.name ?? '']);
    expect(rows.independent).toBe(verdict === 'independent');
    // A random number differs in company and alone, but not for the company.
    expect(await isApart(name)).toBe(verdict !== 'dependent');
  });
});

test('there are graphs of both kinds', () => {
  const verdicts = Object.values(expected);
  expect(verdicts.filter((one) => one === 'independent').length).toBeGreaterThan(25);
  expect(verdicts.filter((one) => one === 'dependent').length).toBeGreaterThan(20);
});

test('an output that nothing makes, or that is the same for all rows, is not one a row', () => {
  const graph = readGraph(readFileSync(modelFile('rows/mlp')));
  expect(rowIndependence(graph, ['y', 'nothing'])).toMatchObject({ independent: false });
  expect(rowIndependence(graph, ['w'])).toEqual({
    independent: false,
    because: 'an output has not one entry a row',
  });
});
