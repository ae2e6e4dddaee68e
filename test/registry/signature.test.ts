import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { datatypes } from '../../src/registry/datatypes.ts';
import { deriveFeatures, describeTensors, type TensorSpec } from '../../src/registry/signature.ts';

const shape: fc.Arbitrary<number[]> = fc.oneof(
  fc.constant<number[]>([-1]),
  fc.integer({ min: 1, max: 20 }).map((width) => [-1, width]),
);
const tabular: fc.Arbitrary<TensorSpec[]> = fc
  .uniqueArray(fc.string(), { minLength: 1, maxLength: 5 })
  .chain((names) =>
    fc.tuple(
      ...names.map((name) =>
        fc.record({
          name: fc.constant(name),
          datatype: fc.constantFrom(...datatypes),
          shape,
        }),
      ),
    ),
  );
const widthOf = ({ shape }: TensorSpec) => shape[1] ?? 1;
const columnsOf = (inputs: TensorSpec[]) => inputs.reduce((sum, input) => sum + widthOf(input), 0);

test('every column of every input is one feature, under a name of its own', () => {
  fc.assert(
    fc.property(tabular, (inputs) => {
      // The made-up names f0, f1, … may collide with an input's: then it is an error, not a double name.
      fc.pre(!inputs.some(({ name }) => /^f\d+$/.test(name)));
      const { features, warnings } = deriveFeatures(inputs, undefined);
      expect(new Set(features.map(({ name }) => name)).size).toBe(columnsOf(inputs));
      const columns = inputs.flatMap((input) =>
        Array.from({ length: widthOf(input) }, (_, column) => [input.name, input.datatype, column]),
      );
      expect(features.map(({ input, datatype, column }) => [input, datatype, column])).toEqual(columns);
      expect(warnings.length).toBe(inputs.some((input) => widthOf(input) > 1) ? 1 : 0);
    }),
  );
});

test('given names are taken in the order of inputs and columns, one per column', () => {
  fc.assert(
    fc.property(tabular, fc.integer({ min: -1, max: 1 }), (inputs, off) => {
      const names = Array.from({ length: columnsOf(inputs) + off }, (_, index) => `name ${index}`);
      if (off === 0) {
        const { features, warnings } = deriveFeatures(inputs, names);
        expect(features.map(({ name }) => name)).toEqual(names);
        expect(warnings).toEqual([]);
      } else expect(() => deriveFeatures(inputs, names)).toThrow(/feature_names has/);
    }),
  );
});

describe('an input whose width is free', () => {
  const free = { name: 'x', datatype: 'FP32' as const, shape: [-1, -1] };
  const flag = { name: 'flag', datatype: 'BOOL' as const, shape: [-1] };

  test('is as wide as the names say', () => {
    const { features } = deriveFeatures([flag, free], ['on', 'a', 'b']);
    expect(features.map(({ name, input, column }) => [name, input, column])).toEqual([
      ['on', 'flag', 0],
      ['a', 'x', 0],
      ['b', 'x', 1],
    ]);
  });

  test('needs a name at least', () => {
    expect(() => deriveFeatures([flag, free], ['on'])).toThrow(/have 1 or more columns/);
  });

  test('makes no features without names', () => {
    expect(deriveFeatures([free], undefined)).toEqual({
      features: [],
      warnings: [expect.stringContaining('register with feature_names')],
    });
  });

  test('cannot be shared out when there are two of them', () => {
    expect(() => deriveFeatures([free, { ...free, name: 'y' }], ['a', 'b'])).toThrow(/not columns/);
  });
});

test('inputs of more dimensions have no features, and take no names', () => {
  const image = [{ name: 'image', datatype: 'FP32' as const, shape: [-1, 1, 4, 4] }];
  expect(deriveFeatures(image, undefined).features).toEqual([]);
  expect(() => deriveFeatures(image, ['pixel'])).toThrow(
    expect.objectContaining({ code: 'SIGNATURE_MISMATCH' }),
  );
});

test('a name given or made up twice is refused', () => {
  const x = { name: 'x', datatype: 'FP32' as const, shape: [-1, 2] };
  expect(() => deriveFeatures([x], ['a', 'a'])).toThrow(/"a" is used twice/);
  expect(() => deriveFeatures([x, { ...x, name: 'f0', shape: [-1] }], undefined)).toThrow(
    /"f0" is used twice/,
  );
});

test('tensors are described in few words', () => {
  const many = Array.from({ length: 12 }, (_, index) => ({
    name: `x${index}`,
    datatype: 'FP32' as const,
    shape: [-1, 3],
  }));
  expect(describeTensors(many.slice(0, 2))).toBe('x0 FP32[-1,3], x1 FP32[-1,3]');
  expect(describeTensors(many)).toMatch(/ and 2 more$/);
});
