import { describe, expect, test } from 'vitest';
import {
  attributeField,
  functionField,
  graphField,
  modelField,
  nodeField,
  sparseField,
  tensorField,
  trainingField,
} from '../../../src/serving/graph/fields.ts';
import { requireSelfContained } from '../../../src/serving/graph/self_contained.ts';
import { bytesField, varintField } from '../../../src/serving/graph/wire.ts';
import { bytesOfModel, join, model } from './graph_bytes.ts';

const entry = bytesField(tensorField.external, bytesField(1, 'location'));
const located = varintField(tensorField.location, 1);
const inAttribute = (field: number, content: Uint8Array) =>
  bytesField(graphField.node, bytesField(nodeField.attribute, bytesField(field, content)));

describe('external data is found wherever it hides', () => {
  test.each<[string, Uint8Array]>([
    ['in a weight', model(bytesField(graphField.initializer, entry))],
    ['in a weight that only says so', model(bytesField(graphField.initializer, located))],
    ['in a sparse weight', model(bytesField(graphField.sparse, bytesField(sparseField.indices, entry)))],
    ['in an attribute', model(inAttribute(attributeField.tensor, entry))],
    ['in a list of an attribute', model(inAttribute(attributeField.tensors, entry))],
    [
      'in a sparse attribute',
      model(inAttribute(attributeField.sparses, bytesField(sparseField.values, entry))),
    ],
    ['in a branch', model(inAttribute(attributeField.graph, bytesField(graphField.initializer, entry)))],
    [
      'in a branch of a branch',
      model(
        inAttribute(
          attributeField.graph,
          inAttribute(attributeField.graphs, bytesField(graphField.initializer, located)),
        ),
      ),
    ],
    [
      'in a function',
      join(
        model(),
        bytesField(
          modelField.function,
          bytesField(
            functionField.node,
            bytesField(nodeField.attribute, bytesField(attributeField.tensor, entry)),
          ),
        ),
      ),
    ],
    [
      'in what trains it',
      join(
        model(),
        bytesField(
          modelField.training,
          bytesField(trainingField.algorithm, bytesField(graphField.initializer, entry)),
        ),
      ),
    ],
    ['in a second piece of the graph', join(model(), model(bytesField(graphField.initializer, entry)))],
    [
      'in a location that is 1 only after it is cut to 32 bits',
      model(bytesField(graphField.initializer, varintField(tensorField.location, 2 ** 32 + 1))),
    ],
  ])('%s', (_, bytes) => {
    expect(() => requireSelfContained(bytes)).toThrow(/external data/);
  });
});

test('a location of 0 is none', () => {
  const inside = varintField(tensorField.location, 0);
  expect(() => requireSelfContained(model(bytesField(graphField.initializer, inside)))).not.toThrow();
  expect(() => requireSelfContained(bytesOfModel('forest_classifier'))).not.toThrow();
});

test('graphs nested a thousand deep are refused, not followed', () => {
  let graph: Uint8Array = new Uint8Array();
  for (let depth = 0; depth < 1000; depth++) graph = inAttribute(attributeField.graph, graph);
  expect(() => requireSelfContained(model(graph))).toThrow(/nested/);
});
