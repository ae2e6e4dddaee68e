import { describe, expect, test } from 'vitest';
import {
  featureKinds,
  inferKind,
  namesIn,
  predictionColumns,
  toColumn,
} from '../../src/monitoring/columns.ts';
import { datatypes } from '../../src/registry/datatypes.ts';

const numbers = (values: readonly unknown[]) => [...toColumn({ name: 'x', kind: 'numeric' }, values).values];
const texts = (values: readonly unknown[]) => toColumn({ name: 'x', kind: 'categorical' }, values).values;
const truths = (values: readonly unknown[]) => toColumn({ name: 'x', kind: 'boolean' }, values).values;
const { NaN: notANumber, POSITIVE_INFINITY: infinity } = Number;

test('every datatype has a kind by which its values compare', () => {
  const features = datatypes.map((datatype, column) => ({ name: datatype, datatype, input: 'x', column }));
  const kinds = featureKinds({ inputs: [], outputs: [], features });
  expect(kinds.filter(({ kind }) => kind === 'boolean').map(({ name }) => name)).toEqual(['BOOL']);
  expect(kinds.filter(({ kind }) => kind === 'categorical').map(({ name }) => name)).toEqual(['BYTES']);
});

describe('a column', () => {
  test('of numbers takes numbers and long integers as text; what is absent is missing', () => {
    expect(numbers([1.5, null, undefined, infinity, '9223372036854775807', '-3'])).toEqual([
      1.5,
      notANumber,
      notANumber,
      infinity,
      2 ** 63,
      -3,
    ]);
  });

  test('of texts takes texts, numbers and truth values', () => {
    expect(texts(['a', '', 7, true, null, undefined])).toEqual(['a', '', '7', 'true', null, null]);
  });

  test('of truth values takes these alone', () => {
    expect(truths([true, false, null])).toEqual(['true', 'false', null]);
  });

  test.each<[string, () => unknown, string]>([
    ['text among numbers', () => numbers([1, 'two']), 'Row 1, feature "x": expected a number, got "two".'],
    ['a decimal as text', () => numbers(['1.5']), 'Row 0, feature "x": expected a number, got "1.5".'],
    ['a truth value among numbers', () => numbers([true]), 'expected a number, got true.'],
    ['a list among texts', () => texts([['a']]), 'expected text, got ["a"].'],
    ['a number among truth values', () => truths([1]), 'expected true or false, got 1.'],
    ['something without end', () => texts([{ long: 'x'.repeat(200) }]), `got {"long":"${'x'.repeat(51)}.`],
  ])('names %s', (_, read, message) => {
    expect(read).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', message: expect.stringContaining(message) }),
    );
  });
});

test.each<[string, unknown[], string]>([
  ['numbers', [1, null, 2.5], 'numeric'],
  ['truth values', [true, null, false], 'boolean'],
  ['texts', ['a', null], 'categorical'],
  ['a mixture', [1, 'a'], 'categorical'],
  ['nothing', [null, undefined], 'numeric'],
])('%s look like a column of their kind', (_, values, kind) => {
  expect(inferKind('x', values)).toEqual({ name: 'x', kind });
});

test('names are taken in the order of their first appearance, odd ones too', () => {
  expect(namesIn([{ b: 1 }, JSON.parse('{"__proto__": 1, "a": 2}'), { constructor: 1, b: 2 }])).toEqual([
    'b',
    '__proto__',
    'a',
    'constructor',
  ]);
});

describe('the columns of predictions', () => {
  const named = (columns: ReturnType<typeof predictionColumns>) =>
    columns.map(({ name, values }) => [name, [...values]]);

  test('are the values of a regression', () => {
    expect(named(predictionColumns([{ value: 1 }, { value: null }, { value: 3 }]))).toEqual([
      ['prediction', [1, notANumber, 3]],
    ]);
  });

  test('are the labels of a classifier without probabilities', () => {
    expect(named(predictionColumns([{ value: 'yes' }, { value: 'no' }]))).toEqual([
      ['prediction', ['yes', 'no']],
    ]);
  });

  test('are the probability of the second of two classes', () => {
    const row = (no: number, yes: number) => ({
      value: 'no',
      probabilities: [
        ['no', no],
        ['yes', yes],
      ] as [string, number][],
    });
    expect(named(predictionColumns([row(0.75, 0.25), row(0.5, 0.5)]))).toEqual([['P(yes)', [0.25, 0.5]]]);
  });

  test('are the probabilities of more classes; one that was NaN, null in the log, is missing', () => {
    const probabilities: [string, number][] = JSON.parse('[["a", 0.5], ["__proto__", null], ["c", 0.25]]');
    expect(
      named(
        predictionColumns([
          { value: 'a', probabilities },
          { value: 'a', probabilities: null },
        ]),
      ),
    ).toEqual([
      ['P(a)', [0.5, notANumber]],
      ['P(__proto__)', [notANumber, notANumber]],
      ['P(c)', [0.25, notANumber]],
    ]);
  });

  test('are the elements of arrays, nested ones left out', () => {
    expect(named(predictionColumns([{ value: [1, 'a', [2]] }, { value: [3] }, { value: null }]))).toEqual([
      ['prediction[0]', [1, 3, notANumber]],
      ['prediction[1]', ['a', null, null]],
      ['prediction[2]', [notANumber, notANumber, notANumber]],
    ]);
  });

  test('are read from as many rows as a window holds', () => {
    const predictions = Array.from({ length: 500_000 }, () => ({ value: [1, 2] }));
    expect(predictionColumns(predictions).map(({ values }) => values.length)).toEqual([500_000, 500_000]);
  });
});
