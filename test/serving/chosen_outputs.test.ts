import { expect, test } from 'vitest';
import type { TensorSpec } from '../../src/registry/signature.ts';
import { chooseOutputs } from '../../src/serving/chosen_outputs.ts';

const output = (name: string, more: Partial<TensorSpec> = {}): TensorSpec => ({
  name,
  datatype: 'FP32',
  shape: [-1],
  ...more,
});
const fetched = (outputs: TensorSpec[], names: string[] | undefined) =>
  chooseOutputs(outputs, names).fetched.map(({ name }) => name);

test('only what is named is computed; without names everything', () => {
  const outputs = [output('boxes'), output('masks'), output('scores')];
  expect(fetched(outputs, undefined)).toEqual(['boxes', 'masks', 'scores']);
  expect(fetched(outputs, ['scores', 'boxes'])).toEqual(['boxes', 'scores']);
  expect(chooseOutputs(outputs, ['masks']).isSent('boxes')).toBe(false);
});

test('what says the class is computed too, but not sent', () => {
  const classifier = [
    output('label', { role: 'label', decided_by: 'p' }),
    output('p', { role: 'probabilities' }),
    output('embedding', { role: 'scores' }),
  ];
  const chosen = chooseOutputs(classifier, ['embedding']);
  expect(chosen.fetched.map(({ name }) => name)).toEqual(['label', 'p', 'embedding']);
  expect(['label', 'p', 'embedding'].filter(chosen.isSent)).toEqual(['embedding']);
  const columns = [
    output('p_a', { role: 'probabilities' }),
    output('p_b', { role: 'probabilities' }),
    output('z'),
  ];
  expect(fetched(columns, ['p_a'])).toEqual(['p_a', 'p_b']);
  expect(fetched([output('s', { role: 'scores' }), output('z')], ['z'])).toEqual(['s', 'z']);
});

test('a name that is no output is refused, with what was probably meant', () => {
  expect(() => chooseOutputs([output('boxes'), output('masks')], ['boxs'])).toThrow(
    expect.objectContaining({
      code: 'SIGNATURE_MISMATCH',
      message: 'The model has no output "boxs".',
      hint: 'Did you mean boxes? Name some of its outputs: boxes FP32[-1], masks FP32[-1].',
    }),
  );
});
