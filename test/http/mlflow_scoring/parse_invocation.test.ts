import { describe, expect, test } from 'vitest';
import { parseInvocation } from '../../../src/http/mlflow_scoring/parse_invocation.ts';
import { deriveFeatures, type Signature, type TensorSpec } from '../../../src/registry/signature.ts';
import type { PredictInput } from '../../../src/serving/predict_input.ts';

function signatureOf(inputs: TensorSpec[], featureNames?: string[]): Signature {
  return { inputs, outputs: [], features: deriveFeatures(inputs, featureNames).features };
}

const table = signatureOf([{ name: 'x', datatype: 'FP32', shape: [-1, 3] }], ['a', 'b', 'c']);
const columns = signatureOf([
  { name: 'id', datatype: 'INT64', shape: [-1] },
  { name: 'city', datatype: 'BYTES', shape: [-1, 1] },
]);
const images = signatureOf([
  { name: 'image', datatype: 'FP32', shape: [-1, 2, 2] },
  { name: 'mask', datatype: 'BOOL', shape: [-1, 2] },
]);

async function inputOf(body: unknown, signature: Signature): Promise<PredictInput> {
  const { input } = await parseInvocation('json', typeof body === 'string' ? body : JSON.stringify(body));
  return typeof input === 'function' ? input(signature) : input;
}

const records = (...rows: Record<string, unknown>[]) => ({ kind: 'records', records: rows });

describe('rows of a model with named features', () => {
  const rows = records({ a: 1, b: 2, c: 3 }, { a: 4, b: null, c: 6 });
  test.each<[string, unknown]>([
    ['dataframe_records', { dataframe_records: rows.records }],
    [
      'dataframe_split',
      {
        dataframe_split: {
          index: [7, 8],
          columns: ['c', 'a', 'b'],
          data: [
            [3, 1, 2],
            [6, 4, null],
          ],
        },
      },
    ],
    [
      'dataframe_split with the columns that pandas numbers',
      {
        dataframe_split: {
          columns: [0, 1, 2],
          data: [
            [1, 2, 3],
            [4, null, 6],
          ],
        },
      },
    ],
    ['instances by name', { instances: rows.records }],
    [
      'instances by position',
      {
        instances: [
          [1, 2, 3],
          [4, null, 6],
        ],
      },
    ],
    [
      'inputs by position',
      {
        inputs: [
          [1, 2, 3],
          [4, null, 6],
        ],
      },
    ],
    ['inputs as columns', { inputs: { a: [1, 4], b: [2, null], c: [3, 6] } }],
    ['inputs as columns of width one', { inputs: { a: [[1], [4]], b: [[2], [null]], c: [[3], [6]] } }],
    ['inputs as records', { inputs: rows.records }],
    ['what Python writes for NaN', '{"inputs": [[1, 2, 3], [4, NaN, 6]]}'],
  ])('%s', async (_, body) => {
    expect(await inputOf(body, table)).toEqual(rows);
  });

  test('one value a name is one row', async () => {
    expect(await inputOf({ inputs: { a: 1, b: 2, c: 3 } }, table)).toEqual(records({ a: 1, b: 2, c: 3 }));
  });

  test('64-bit integers are exact, as bare numbers and as text; numbers for floats are numbers', async () => {
    const body = '{"dataframe_records": [{"id": 9007199254740993, "city": "Oslo"}]}';
    expect(await inputOf(body, columns)).toEqual(records({ id: '9007199254740993', city: 'Oslo' }));
    expect(await inputOf('{"instances": [[9007199254740993, 1, 2]]}', table)).toEqual(
      records({ a: 9007199254740992, b: 1, c: 2 }),
    );
  });

  test('values are not read as what they are not', async () => {
    const body = { dataframe_records: [{ id: '12', city: 5 }] };
    expect(await inputOf(body, columns)).toEqual(records({ id: '12', city: 5 }));
  });

  test('CSV: cells by the datatype of their feature, missing ones null', async () => {
    const { input } = await parseInvocation('csv', '\ufeffcity,id\r\n"Os,lo",9007199254740993\r\nNA,\r\n');
    if (typeof input !== 'function') throw new Error('CSV is read by the signature');
    expect(input(columns)).toEqual(
      records({ city: 'Os,lo', id: '9007199254740993' }, { city: 'NA', id: null }),
    );
  });
});

describe('tensors', () => {
  const tensors = (shape: number[], data: unknown[]) => ({
    kind: 'tensors',
    tensors: new Map([['x', { datatype: 'FP32', shape, data }]]),
  });
  const unnamed: Signature = { ...table, features: [] };

  test('a list is the one input of a model', async () => {
    for (const field of ['inputs', 'instances'])
      expect(await inputOf({ [field]: [[1], [2]] }, unnamed)).toEqual(tensors([2, 1], [1, 2]));
  });

  test('a named input that is nested as deeply is a tensor, for a model with features too', async () => {
    expect(await inputOf({ inputs: { x: [[1, 2, 3]] } }, table)).toEqual(tensors([1, 3], [1, 2, 3]));
  });

  test('inputs by name, and instances with a part of each', async () => {
    const image = {
      datatype: 'FP32',
      shape: [2, 2, 2],
      data: [1, 2, 3, 4, 5, 6, 7, 8],
    };
    const mask = { datatype: 'BOOL', shape: [2, 2], data: [true, false, false, true] };
    const expected = { kind: 'tensors', tensors: new Map(Object.entries({ image, mask })) };
    const rows = [
      {
        image: [
          [1, 2],
          [3, 4],
        ],
        mask: [true, false],
      },
      {
        image: [
          [5, 6],
          [7, 8],
        ],
        mask: [false, true],
      },
    ];
    expect(await inputOf({ instances: rows }, images)).toEqual(expected);
    const named = { image: rows.map((row) => row.image), mask: rows.map((row) => row.mask) };
    expect(await inputOf({ inputs: named }, images)).toEqual(expected);
  });
});

test('params', async () => {
  const params = { version: 2, entity_key: 'player-1', prediction_ids: ['a'], outputs: ['label'] };
  const parse = (given: unknown) =>
    parseInvocation('json', JSON.stringify({ inputs: [[1, 2, 3]], params: given }));
  expect((await parse(params)).parameters).toEqual({ ...params, version: '2' });
  expect((await parse(null)).parameters).toEqual({});
  await expect(parse({ temperature: 1 })).rejects.toThrow('params has unknown members: "temperature".');
  await expect(parse({ prediction_ids: 'a' })).rejects.toThrow('params.prediction_ids must be a list.');
});

describe('what is wrong is said', () => {
  const one = 'exactly one of the input fields';
  test.each<[unknown, Signature, string]>([
    ['no JSON', table, 'The body is no JSON.'],
    ['[1]', table, `${one} dataframe_split, dataframe_records, instances, inputs. Received a list.`],
    ['1', table, 'Received no object.'],
    [{}, table, 'Received the fields (none).'],
    [
      { dataframe_records: [], instances: [] },
      table,
      'Received the fields "dataframe_records", "instances".',
    ],
    [{ inputs: [[1]], signature_name: 'x' }, table, 'Received the fields "inputs", "signature_name".'],
    [{ messages: [] }, table, 'Received the fields "messages".'],
    [{ dataframe_records: { a: 1 } }, table, 'dataframe_records must be a list of one row or more.'],
    [{ dataframe_records: [[1]] }, table, 'dataframe_records[0] must be an object.'],
    [{ dataframe_split: [] }, table, 'dataframe_split must be an object.'],
    [{ dataframe_split: { data: [[1, 2]] } }, table, 'Row 0 of dataframe_split has 2 values for 3 columns.'],
    [
      { dataframe_split: { columns: ['a', 'a'], data: [[1, 2]] } },
      table,
      'dataframe_split names the column "a" twice.',
    ],
    [
      { dataframe_split: { columns: ['a', 'b', 'c'], data: [[1, 2, 3], [1]] } },
      table,
      'Row 1 of dataframe_split has 1 values for 3 columns.',
    ],
    [{ instances: { a: [1] } }, table, 'instances must be a list of rows.'],
    [{ inputs: 'a' }, table, 'inputs must be an object of names, or a list.'],
    [{ inputs: [] }, table, 'inputs has no row.'],
    [{ inputs: { a: [1, 2], b: [1], c: [1, 2] } }, table, 'inputs.b has 1 values, but inputs.a 2.'],
    [{ inputs: { a: [1, 2], b: 1, c: [1, 2] } }, table, 'inputs.b is no list, as others are.'],
    [{ inputs: [[1, 2, 3], [4]] }, table, 'inputs has a list of 1 at depth 1, where others are lists of 3.'],
    [
      { inputs: { mask: [[true], [[true]]], image: [[[1]]] } },
      images,
      'inputs.mask has lists or objects where others are plain values.',
    ],
    [{ inputs: [[1]] }, images, 'inputs is a list without names, but the model has 2 inputs.'],
    [{ instances: [{ mask: [true, true] }, {}] }, images, 'Row 1 of instances has other names than row 0.'],
    [
      `{"inputs": ${'['.repeat(5000)}${']'.repeat(5000)}}`,
      table,
      'The body is nested more than 100 levels deep.',
    ],
  ])('%j', async (body, signature, sentence) => {
    await expect(inputOf(body, signature)).rejects.toThrow(sentence);
  });

  test.each([
    ['', 'The CSV body is empty.'],
    ['a,b,c\n', 'The CSV body has no row below its header.'],
    ['a,b,c\n1,2\n', 'The CSV body cannot be read (line 2): The line has 2 cells, but the header 3.'],
    ['a;b\n1;2\n', 'The CSV body seems to have its cells divided by semicolons, and not by commas.'],
    ['a,b,a\n1,2,3\n', 'The CSV body names the column "a" twice.'],
  ])('CSV %j', async (text, sentence) => {
    await expect(parseInvocation('csv', text)).rejects.toThrow(sentence);
  });
});
