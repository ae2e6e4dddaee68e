import { expect, test } from 'vitest';
import { datatypes } from '../../src/registry/datatypes.ts';
import { featureKinds } from '../../src/registry/feature_kinds.ts';

test('every datatype has a kind by which its values compare', () => {
  const features = datatypes.map((datatype, column) => ({ name: datatype, datatype, input: 'x', column }));
  const kinds = featureKinds({ inputs: [], outputs: [], features });
  expect(kinds.filter(({ kind }) => kind === 'boolean').map(({ name }) => name)).toEqual(['BOOL']);
  expect(kinds.filter(({ kind }) => kind === 'categorical').map(({ name }) => name)).toEqual(['BYTES']);
});
