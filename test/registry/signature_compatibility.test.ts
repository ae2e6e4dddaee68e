import { describe, expect, test } from 'vitest';
import { datatypes } from '../../src/registry/datatypes.ts';
import type { Feature, Signature, TensorSpec } from '../../src/registry/signature.ts';
import { type CalledSignature, compareSignatures } from '../../src/registry/signature_compatibility.ts';
import { encodeRecords } from '../../src/serving/codec/records.ts';

const feature = (name: string, facts: Partial<Feature> = {}): Feature => ({
  name,
  datatype: 'FP32',
  input: name,
  column: 0,
  ...facts,
});

/** A model with one input a feature, as skl2onnx makes it of a data frame. */
const tabular = (features: Feature[], outputs: TensorSpec[] = [value]): CalledSignature => ({
  signature: {
    inputs: features.map(({ name, datatype }) => ({ name, datatype, shape: [-1, 1] })),
    outputs,
    features,
  },
});
const tensors = (inputs: TensorSpec[], outputs: TensorSpec[] = [value]): CalledSignature => ({
  signature: { inputs, outputs, features: [] },
});

const value: TensorSpec = { name: 'y', datatype: 'FP32', shape: [-1, 1] };
const label: TensorSpec = { name: 'label', datatype: 'INT64', shape: [-1], role: 'label', classes: [0, 1] };
const scores: TensorSpec = { name: 'p', datatype: 'FP32', shape: [-1, 2], role: 'probabilities' };
const [a, b] = [feature('a'), feature('b', { datatype: 'INT32' })];
const base = tabular([a, b]);
const classifier = tabular([a], [label, scores]);
const image: TensorSpec = { name: 'image', datatype: 'FP32', shape: [-1, 3, 224, 224] };

test('equal signatures do not differ', () => {
  for (const signature of [base, classifier, tensors([image])])
    expect(compareSignatures(signature, structuredClone(signature))).toEqual({ breaking: [], other: [] });
});

test.each<[string, CalledSignature, CalledSignature, string]>([
  ['a missing feature', base, tabular([a]), 'Features that are no longer there: b.'],
  ['a new feature', tabular([a]), base, 'New features that every record must have: b (INT32).'],
  [
    'a new feature that may be null, since records must name it',
    tabular([a]),
    tabular([a, feature('c', { nullable: true })]),
    'New features that every record must have: c (FP32, may be null).',
  ],
  [
    'a renamed feature',
    base,
    tabular([a, feature('beta', { datatype: 'INT32' })]),
    'Features that are called otherwise: b is beta now.',
  ],
  [
    'numbers where text was',
    tabular([feature('a', { datatype: 'BYTES' })]),
    tabular([a]),
    'Features of a datatype that takes fewer values: a was BYTES, is FP32.',
  ],
  [
    'a renamed feature of another datatype',
    base,
    tabular([a, feature('beta', { datatype: 'BOOL' })]),
    'Features of a datatype that takes fewer values: b was INT32, is BOOL.',
  ],
  [
    'null refused where it was taken',
    tabular([feature('a', { nullable: true })]),
    tabular([a]),
    'Features that may not be null any more: a.',
  ],
  [
    'records no longer taken',
    base,
    tensors([image]),
    'It has no named features any more: it is called with tensors, not with records.',
  ],
  [
    'a fixed number of rows',
    tensors([image]),
    tensors([{ ...image, shape: [1, 3, 224, 224] }]),
    'A call must have exactly 1 rows now; before any number.',
  ],
  [
    'another size of image',
    tensors([image]),
    tensors([{ ...image, shape: [-1, 3, 256, 256] }]),
    'The input image FP32[-1,3,224,224] is image FP32[-1,3,256,256] now.',
  ],
  [
    'an input of another name',
    tensors([image]),
    tensors([{ ...image, name: 'pixels' }]),
    'There is no input image FP32[-1,3,224,224] any more.',
  ],
  ['a missing output', classifier, tabular([a], [label]), 'There is no output p FP32[-1,2] any more.'],
  [
    'a wider answer',
    tabular([a]),
    tabular([a], [{ ...value, shape: [-1, 3] }]),
    'The output y FP32[-1,1] is y FP32[-1,3] now.',
  ],
  [
    'a number where text was',
    tabular([a], [{ ...value, datatype: 'BYTES' }]),
    tabular([a]),
    'The output y BYTES[-1,1] is y FP32[-1,1] now.',
  ],
  [
    'an output in another role',
    tabular([a], [label, scores]),
    tabular([a], [label, { ...scores, role: 'scores' }]),
    'The output p is the scores now; before it was the probabilities.',
  ],
  [
    'a second value',
    tabular([a]),
    tabular([a], [value, { ...value, name: 'z' }]),
    'There is a new output: z FP32[-1,1].',
  ],
  [
    'a class that is gone',
    { ...classifier, classLabels: ['no', 'yes'] },
    { ...classifier, classLabels: ['no', 'maybe'] },
    'Classes that are no longer there: yes.',
  ],
  [
    'a new class',
    classifier,
    tabular(
      [a],
      [
        { ...label, classes: [0, 1, 2] },
        { ...scores, shape: [-1, 3] },
      ],
    ),
    'New classes: 2.',
  ],
])('%s is breaking', (_, before, after, sentence) => {
  expect(compareSignatures(before, after).breaking).toContain(sentence);
});

test.each<[string, CalledSignature, CalledSignature, string]>([
  [
    'a wider datatype',
    base,
    tabular([feature('a', { datatype: 'FP64' }), b]),
    'Features of a datatype that takes more values: a was FP32, is FP64.',
  ],
  [
    'null taken where it was refused',
    base,
    tabular([feature('a', { nullable: true }), b]),
    'Features that may be null now: a.',
  ],
  [
    'records taken by a model of tensors',
    tensors([{ name: 'a', datatype: 'FP32', shape: [-1, 1] }]),
    tabular([a]),
    'It has named features now, and can be called with records.',
  ],
  [
    'a free dimension where it was fixed',
    tensors([image]),
    tensors([{ ...image, shape: [-1, 3, -1, -1] }]),
    'The input image FP32[-1,3,224,224] is image FP32[-1,3,-1,-1] now.',
  ],
  ['scores beside the label', tabular([a], [label]), classifier, 'There is a new output: p FP32[-1,2].'],
  [
    'classes in another order',
    { ...classifier, classLabels: ['no', 'yes'] },
    { ...classifier, classLabels: ['yes', 'no'] },
    'The classes are in another order: yes, no.',
  ],
])('%s is told and not breaking', (_, before, after, sentence) => {
  const { breaking, other } = compareSignatures(before, after);
  expect([breaking, other[0]]).toEqual([[], sentence]);
});

test('the tensors of a model with features matter to callers of tensors alone', () => {
  const columns = ['a', 'b'].map((name, column) => feature(name, { input: 'X', column }));
  const one: CalledSignature = {
    signature: {
      inputs: [{ name: 'X', datatype: 'FP32', shape: [-1, 2] }],
      outputs: [value],
      features: columns,
    },
  };
  expect(compareSignatures(tabular([a, feature('b')]), one)).toEqual({
    breaking: [],
    other: [
      'For callers of tensors: There is no input a FP32[-1,1] any more.',
      'For callers of tensors: There is no input b FP32[-1,1] any more.',
      'For callers of tensors: There are new inputs: X FP32[-1,2].',
    ],
  });
});

test('long lists are cut', () => {
  const many = Array.from({ length: 25 }, (_, index) => feature(`f${index}`));
  expect(compareSignatures(tabular(many), tabular([a])).breaking).toEqual([
    'Features that are no longer there: f0, f1, f2, f3, f4, f5, f6, f7, f8, f9 and 15 more.',
    'New features that every record must have: a (FP32).',
  ]);
});

describe('the codec agrees', () => {
  const extremes = [
    0,
    1,
    -1,
    0.5,
    127,
    -128,
    255,
    32767,
    -32768,
    65504,
    65535,
    2147483647,
    -2147483648,
    4294967295,
    Number.MAX_SAFE_INTEGER,
    3.4e38,
    1e300,
    '9223372036854775807',
    '-9223372036854775808',
    '18446744073709551615',
    'text',
    true,
    false,
    null,
  ];

  const takes = (signature: Signature, record: Record<string, unknown>) => {
    try {
      encodeRecords(signature, [record]);
      return true;
    } catch {
      return false;
    }
  };

  test.each(datatypes.flatMap((old) => datatypes.map((datatype) => [old, datatype] as const)))(
    'a feature of %s that becomes %s: breaking exactly where a value is refused',
    (old, datatype) => {
      const before = tabular([feature('a', { datatype: old })]);
      const after = tabular([feature('a', { datatype })]);
      const refused = extremes.filter(
        (item) => takes(before.signature, { a: item }) && !takes(after.signature, { a: item }),
      );
      expect(compareSignatures(before, after).breaking.length > 0).toBe(refused.length > 0);
    },
  );
});
