import { describe, expect, test } from 'vitest';
import { actualReader } from '../../src/registry/actual_value.ts';
import type { TensorSpec } from '../../src/registry/signature.ts';
import { versionRecord } from './version_record.ts';

function reader(outputs: TensorSpec[], classLabels?: string[]) {
  return actualReader(versionRecord({ signature: { inputs: [], outputs, features: [] }, classLabels }));
}
const label = (given: Partial<TensorSpec>): TensorSpec => ({
  name: 'label',
  datatype: 'INT64',
  shape: [-1],
  role: 'label',
  ...given,
});
const value = (read: unknown) => ({ kind: 'value', value: read });
const unlisted = (read: unknown) => ({ kind: 'value', value: read, isUnlisted: true });
const missing = { kind: 'missing' };

describe('an actual value is read as', () => {
  const number: TensorSpec = { name: 'y', datatype: 'FP32', shape: [-1, 1] };
  test.each([
    [1.5, value(1.5)],
    [' 1e3 ', value(1000)],
    ['', missing],
    ['NaN', missing],
    [null, missing],
    [undefined, missing],
    [Number.NaN, missing],
    ['abc', { kind: 'wrong', expected: 'a number' }],
    ['inf', { kind: 'wrong', expected: 'a number' }],
    [true, { kind: 'wrong', expected: 'a number' }],
    [[1], { kind: 'wrong', expected: 'a number' }],
  ])('a number: %j', (given, expected) => {
    expect(reader([number])(given)).toEqual(expected);
  });

  test.each([
    [1, value(1)],
    ['1', value(1)],
    ['1.0', value(1)],
    [true, value(1)],
    ['False', value(0)],
    ['', missing],
    [3, unlisted(3)],
    ['other', unlisted('other')],
    ['inf', unlisted('inf')],
    [[1], { kind: 'wrong', expected: 'a class' }],
  ])('a class that is a number: %j', (given, expected) => {
    expect(reader([label({ classes: [0, 1] })])(given)).toEqual(expected);
  });

  test.each([
    ['none', value('none')],
    [' mild ', value('mild')],
    ['NA', missing],
    ['grave', unlisted('grave')],
    [2, unlisted('2')],
  ])('a class that is a text: %j', (given, expected) => {
    const spec = label({ datatype: 'BYTES', classes: ['none', 'mild'] });
    expect(reader([spec])(given)).toEqual(expected);
  });

  test('a class by the name that the version gives it', () => {
    const read = reader([label({ classes: [0, 1] })], ['away', 'home']);
    expect([read('home'), read('away')]).toEqual([value('home'), value('away')]);
    // The columns of scores are classes too.
    const scores: TensorSpec = { name: 'p', datatype: 'FP32', shape: [-1, 2], role: 'probabilities' };
    expect(reader([scores], ['no', 'yes'])('yes')).toEqual(value('yes'));
  });

  test.each([true, 'True', 1, '1', '1.0', 'TRUE'])(
    'one of two classes that the model does not list: %j',
    (given) => {
      const scores: TensorSpec = { name: 'p', datatype: 'FP32', shape: [-1, 2], role: 'probabilities' };
      expect(reader([label({})])(given)).toEqual(value(1));
      expect(reader([label({}), scores])(given)).toEqual(value(1));
      expect(reader([scores])(given)).toEqual(value(1));
      expect(reader([label({ datatype: 'BYTES', classes: ['False', 'True'] })])(given)).toEqual(
        value('True'),
      );
      const three = { ...scores, shape: [-1, 3] };
      const isTruth = typeof given === 'boolean' || /true/i.test(String(given));
      const wrong = { kind: 'wrong', expected: 'a class: the model answers numbers' };
      expect(reader([label({}), three])(given)).toEqual(isTruth ? wrong : value(1));
    },
  );

  test('a class of those that the model does not list', () => {
    expect(reader([label({})])('7')).toEqual(value(7));
    expect(reader([label({})])('yes')).toEqual({
      kind: 'wrong',
      expected: 'a class: the model answers numbers',
    });
    expect(reader([label({ datatype: 'BYTES' })])('7')).toEqual(value('7'));
    expect(reader([{ name: 'y', datatype: 'BOOL', shape: [-1] }])('true')).toEqual(value(true));
  });

  test.each([
    [[1, 2.5], value([1, 2.5])],
    ['[1,[2,3]]', value([1, [2, 3]])],
    ['', missing],
    [1, { kind: 'wrong', expected: 'an array of numbers or labels' }],
    ['[1,null]', { kind: 'wrong', expected: 'an array of numbers or labels' }],
  ])('an array: %j', (given, expected) => {
    expect(reader([{ name: 'y', datatype: 'FP32', shape: [-1, 2] }])(given)).toEqual(expected);
  });
});
