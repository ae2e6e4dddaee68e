import { describe, expect, test } from 'vitest';
import type { DatatypeName } from '../../../src/registry/datatypes.ts';
import type { VersionRecord } from '../../../src/registry/version_record.ts';
import type { PredictedValue, RowPrediction } from '../../../src/serving/codec/predictions.ts';
import { isResultColumn, resultLayout } from '../../../src/serving/file/result_columns.ts';
import { versionRecord } from '../../registry/version_record.ts';

const recordOf = (datatype: DatatypeName, classLabels?: string[]): VersionRecord =>
  versionRecord({
    signature: { inputs: [], outputs: [{ name: 'y', datatype, shape: [-1] }], features: [] },
    classLabels,
  });
const predicted = (value: PredictedValue, probabilities?: [string, number][]): RowPrediction => ({
  value,
  probabilities,
});
const namesAndTypes = (record: VersionRecord, first?: RowPrediction) =>
  resultLayout(record, first).columns.map(({ name, type }) => `${name} ${type}`);

describe('the columns that the output adds', () => {
  test('are a prediction and, of a classifier, a probability a class', () => {
    expect(namesAndTypes(recordOf('FP32'), predicted(0.5))).toEqual([
      'prediction_id text',
      'prediction number',
      'error text',
    ]);
    const probabilities: [string, number][] = [
      ['no', 0.25],
      ['yes', 0.75],
    ];
    expect(namesAndTypes(recordOf('INT64', ['no', 'yes']), predicted('yes', probabilities))).toEqual([
      'prediction_id text',
      'prediction text',
      'P(no) number',
      'P(yes) number',
      'error text',
    ]);
  });

  test('are one a number of an array', () => {
    expect(namesAndTypes(recordOf('FP32'), predicted([1, [2, 3]]))).toEqual([
      'prediction_id text',
      'prediction[0] number',
      'prediction[1][0] number',
      'prediction[1][1] number',
      'error text',
    ]);
  });

  test('are of whole numbers where the model says so, not by chance', () => {
    expect(namesAndTypes(recordOf('FP64'), predicted(3))).toContain('prediction number');
    expect(namesAndTypes(recordOf('INT64'), predicted(3))).toContain('prediction integer');
    expect(namesAndTypes(recordOf('INT64'), predicted('9007199254740993'))).toContain('prediction integer');
    expect(namesAndTypes(recordOf('BYTES'), predicted('3'))).toContain('prediction text');
    expect(namesAndTypes(recordOf('BOOL'), predicted(true))).toContain('prediction boolean');
    expect(namesAndTypes(recordOf('FP32'), predicted(null))).toContain('prediction number');
  });

  test('are numbers where the classes are numbers, and text where one of them has a name', () => {
    const probabilities = (names: string[]) => names.map((name): [string, number] => [name, 0.5]);
    const typeOf = (labels: string[], value: PredictedValue, classes?: (string | number)[]) => {
      const record = versionRecord({
        signature: {
          inputs: [],
          outputs: [{ name: 'y', datatype: 'INT64', shape: [-1], ...(classes && { classes }) }],
          features: [],
        },
        classLabels: labels,
      });
      const layout = resultLayout(record, predicted(value, probabilities(labels)));
      return [
        layout.columns[1]?.type,
        ...[layout.cells(predicted(value, probabilities(labels)))].flat().slice(0, 1),
      ];
    };
    expect(typeOf(['0', '1'], 1)).toEqual(['integer', 1]);
    expect(typeOf(['3', '7'], 7, [3, 7])).toEqual(['integer', 7]);
    expect(typeOf(['0.5', '1.5'], 1.5, [0.5, 1.5])).toEqual(['number', 1.5]);
    expect(typeOf(['no', '1'], 1)).toEqual(['text', '1']);
    expect(typeOf(['3', '7'], '3', ['3', '7'])).toEqual(['text', '3']);
  });

  test('are there without any prediction, too', () => {
    expect(namesAndTypes(recordOf('FP32'))).toEqual([
      'prediction_id text',
      'prediction number',
      'error text',
    ]);
  });

  test('are at most 10 000', () => {
    const wide = predicted(Array.from({ length: 10_001 }, () => 0));
    expect(() => resultLayout(recordOf('FP32'), wide)).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED' }),
    );
  });

  test('are known before, so that the input may not have them', () => {
    for (const name of [
      'prediction_id',
      'prediction',
      'error',
      'prediction[0]',
      'prediction[1][2]',
      'P(a)',
      'P(a\nb)',
    ])
      expect(isResultColumn(name)).toBe(true);
    for (const name of ['predictions', 'errors', 'prediction[a]', 'p(a)', 'P(a', 'xP(a)', 'prediction '])
      expect(isResultColumn(name)).toBe(false);
  });
});

describe('the cells of a row', () => {
  test('are in the order of the columns', () => {
    const first = predicted('b', [
      ['a', 0.4],
      ['b', 0.6],
    ]);
    const layout = resultLayout(recordOf('INT64', ['a', 'b']), first);
    const other = predicted(7, [
      ['b', Number.NaN],
      ['a', 0.1],
    ]);
    expect(layout.cells(first)).toEqual(['b', 0.4, 0.6, undefined]);
    expect(layout.cells(other)).toEqual(['7', 0.1, null, undefined]);
    expect(layout.failedCells('why')).toEqual([undefined, undefined, undefined, undefined, 'why']);
  });

  test('of 64-bit integers are exact', () => {
    const layout = resultLayout(recordOf('INT64'), predicted(1));
    expect(layout.cells(predicted('-9007199254740993'))).toEqual([-9007199254740993n, undefined]);
  });

  test('of another shape than the first row are an error', () => {
    const layout = resultLayout(recordOf('FP32'), predicted([1, 2]));
    expect(layout.cells(predicted([1, 2, 3]))).toEqual({ error: expect.stringContaining('3 values') });
  });
});
