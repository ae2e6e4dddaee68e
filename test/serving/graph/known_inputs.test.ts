import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { knownInputs } from '../../../src/serving/graph/known_inputs.ts';
import { readGraph } from '../../../src/serving/graph/read_graph.ts';
import { modelFile } from '../../models/model_file.ts';

const known = (model: string) => knownInputs(readGraph(readFileSync(modelFile(model))));

test('the categories that encoders know, of every column that leads to one', () => {
  expect(known('onehot_strict')).toEqual([
    { name: 'city', categories: ['Bern'], listed: [['Bern', 'Oslo', 'Rome']], missing: [null] },
    { name: 'kind', categories: ['new'], listed: [['new', 'old']], missing: [null] },
  ]);
});

test('the category that missing values became in training', () => {
  expect(known('onehot_none')).toEqual([
    { name: 'city', categories: ['Bern'], listed: [['Bern', 'Oslo', 'Rome', 'None']], missing: ['None'] },
  ]);
});

test('the width that trees have', () => {
  const [input] = known('forest_free');
  expect(input?.width).toBe(4);
});

test('nothing, of a model whose operators name neither', () => {
  for (const model of ['needs_pixels', 'needs_steps', 'linear_float32', 'identity_string'])
    expect(known(model)).toEqual([]);
});
