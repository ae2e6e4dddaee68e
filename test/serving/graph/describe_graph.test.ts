import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { describeOrigin } from '../../../src/serving/graph/describe_graph.ts';
import { modelField, opsetField } from '../../../src/serving/graph/fields.ts';
import { readGraph } from '../../../src/serving/graph/read_graph.ts';
import { bytesField, varintField } from '../../../src/serving/graph/wire.ts';
import { bytesOfModel, join, model, tensorOutput } from './graph_bytes.ts';

/** By make_origins.py beside it, with onnx 1.23. */
const origins = z
  .record(z.string(), z.object({ producer: z.string().nullable(), opsets: z.record(z.string(), z.number()) }))
  .parse(JSON.parse(readFileSync(new URL('../../fixtures/origins/origins.json', import.meta.url), 'utf8')));

test.each(Object.entries(origins))('%s says who wrote it and for which operators', (name, expected) => {
  const { producer, opsets } = describeOrigin(readGraph(bytesOfModel(name)));
  expect({ producer, opsets: Object.fromEntries(opsets) }).toEqual(expected);
});

test('whatever a file says of itself is told short and on one line', () => {
  const file = join(
    model(tensorOutput('y')),
    bytesField(modelField.producer, `evil\n\u001b[2J${'x'.repeat(10_000)}`),
    bytesField(modelField.producerVersion, '1.2'),
    ...Array.from({ length: 1000 }, (_, index) =>
      bytesField(
        modelField.opset,
        join(bytesField(opsetField.domain, `d${index}`), varintField(opsetField.version, index + 1)),
      ),
    ),
  );
  const { producer, opsets } = describeOrigin(readGraph(file));
  expect(producer).toMatch(/^evil \[2Jx+$/);
  expect(producer).toHaveLength(200);
  expect(opsets).toHaveLength(50);
  expect(opsets[49]).toEqual(['d48', 49]);
});
