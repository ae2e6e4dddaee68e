import { describe, expect, test } from 'vitest';
import { fittingRows, tensorsOf } from '../../src/backtest/feature_columns.ts';
import { columnOf } from '../../src/prediction_log/column.ts';
import type { DatatypeName } from '../../src/registry/datatypes.ts';
import type { Signature } from '../../src/registry/signature.ts';
import { encodeRecords } from '../../src/serving/codec/records.ts';

/** A model of one input a feature. */
function signatureOf(features: Record<string, DatatypeName>, nullable: readonly string[] = []): Signature {
  return {
    inputs: Object.entries(features).map(([name, datatype]) => ({ name, datatype, shape: [-1, 1] })),
    outputs: [],
    features: Object.entries(features).map(([name, datatype]) => ({
      name,
      datatype,
      input: name,
      column: 0,
      ...(nullable.includes(name) && { nullable: true as const }),
    })),
  };
}

const columnsOf = (records: readonly Record<string, unknown>[], names: readonly string[]) => ({
  rows: records.length,
  columns: new Map(names.map((name) => [name, columnOf(records.map((record) => record[name]))])),
});

describe('rows of the log as a model’s tensors', () => {
  const features = {
    single: 'FP32',
    double: 'FP64',
    half: 'FP16',
    count: 'INT32',
    long: 'INT64',
    flag: 'BOOL',
    text: 'BYTES',
  } as const;
  const names = Object.keys(features);
  const records = [
    { single: 0.1, double: 0.1, half: 0.1, count: 3, long: 7, flag: true, text: 'a' },
    { single: null, double: -2, half: null, count: -1, long: '9007199254740993', flag: false, text: '' },
    { single: 1e38, double: null, half: 2, count: 0, long: -4, flag: true, text: 'ü' },
  ];

  test('are those that the same records give', () => {
    const signature = signatureOf(features, ['single', 'double', 'half']);
    const given = columnsOf(records, names);
    const { rows, refused, absent } = fittingRows(signature, given);
    expect({ rows: [...rows], refused: [...refused], absent }).toEqual({
      rows: [0, 1, 2],
      refused: [],
      absent: [],
    });
    expect(tensorsOf(signature, given, rows)).toEqual(encodeRecords(signature, records));
    const some = Uint32Array.of(2, 0);
    const [first, , third] = records;
    expect(tensorsOf(signature, given, some)).toEqual(encodeRecords(signature, [third ?? {}, first ?? {}]));
  });

  test('are refused one by one where they do not fit, with the reason and how many', () => {
    const given = columnsOf(
      [{ x: 1 }, { x: null }, { x: 1.5 }, { x: 2 }, { x: 'two' }, { x: null }].map((row) => ({ ...row })),
      ['x'],
    );
    const { rows, refused } = fittingRows(signatureOf({ x: 'INT32' }), given);
    expect([...rows]).toEqual([0, 3]);
    expect([...refused]).toEqual([
      ['"x" is missing, and the model takes no missing value there', 2],
      [expect.stringMatching(/^"x" is not a whole number from .*, for example 1\.5$/), 2],
    ]);
  });

  test('lack a feature where their call was given none, though others have it', () => {
    const given = {
      ...columnsOf([{ x: 1 }, { x: null }, { x: 2 }], ['x']),
      has: () => (row: number) => row !== 1,
    };
    const nullable = signatureOf({ x: 'FP32' }, ['x']);
    const { rows, refused } = fittingRows(nullable, given);
    expect([...rows]).toEqual([0, 2]);
    expect([...refused]).toEqual([['"x" was not given or not logged', 1]]);
    const other = fittingRows(signatureOf({ y: 'FP32' }), given);
    expect(other).toMatchObject({ absent: ['y'] });
    expect([...other.refused.values()]).toEqual([3]);
  });
});
