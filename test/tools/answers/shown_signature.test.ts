import { expect, test } from 'vitest';
import type { Signature } from '../../../src/registry/signature.ts';
import { shownSignature } from '../../../tools/answers/shown_signature.ts';

const wide: Signature = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 5000] }],
  outputs: Array.from({ length: 3000 }, (_, index) => ({
    name: `y${index}`,
    datatype: 'FP32',
    shape: [-1],
    ...(index === 0 && {
      role: 'label',
      classes: Array.from({ length: 9000 }, (_, code) => code),
      decided_by: 'y1',
    }),
  })),
  features: Array.from({ length: 5000 }, (_, column) => ({
    name: `f${column}`,
    datatype: 'FP32',
    input: 'x',
    column,
  })),
};

test('a wide signature is cut, and says what is not shown and where it is', () => {
  const shown = shownSignature({ signature: wide }, true);
  expect(JSON.stringify(shown).length).toBeLessThan(6000);
  expect(shown.features.length).toBeGreaterThan(10);
  expect(shown.not_whole).toContain(`${shown.features.length} of 5000 features`);
  expect(shown.not_whole).toContain(`${shown.outputs.length} of 3000 outputs`);
  expect(shown.not_whole).toMatch(/of 9000 classes of y0.*response_format=detailed/);
});

test('whole, it is as it is registered; a small one is never cut', () => {
  const whole = shownSignature({ signature: wide }, false);
  expect([whole.inputs.length, whole.outputs.length, whole.features.length]).toEqual([1, 3000, 5000]);
  expect(whole.not_whole).toBeUndefined();
  const small = { ...wide, outputs: wide.outputs.slice(1, 3), features: wide.features.slice(0, 4) };
  expect(shownSignature({ signature: small }, true)).toEqual(small);
});
