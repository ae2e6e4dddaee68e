import { textAttribute } from './attributes.ts';
import { attributeField, graphField, nodeField } from './fields.ts';
import type { Graph, GraphNode } from './read_graph.ts';
import type { Edit } from './serving_graph.ts';
import { bytesField, varintField } from './wire.ts';

/** AttributeProto.AttributeType of a text. */
const textType = 3;
const portable = 'C.UTF-8';

/**
 * Text models fold upper and lower case by a locale, American English unless they say otherwise, and do not
 * load on a machine that has it not installed, as most containers do not. C.UTF-8, which is part of every Linux,
 * folds the same letters: these edits have StringNormalizer use it instead of English. Other languages stay.
 */
export function localeEdits(graph: Graph): Edit[] {
  return graph.nodes
    .filter(
      (node) =>
        node.operator === 'StringNormalizer' && /^en_/.test(textAttribute(graph, node, 'locale') ?? 'en_US'),
    )
    .map((node) => ({ at: node.field, by: bytesField(graphField.node, withPortableLocale(graph, node)) }));
}

function withPortableLocale({ bytes }: Graph, node: GraphNode): Uint8Array {
  const locale = Buffer.concat([
    bytesField(attributeField.name, 'locale'),
    bytesField(attributeField.text, portable),
    varintField(attributeField.type, textType),
  ]);
  const others = node.attributes.filter(({ name }) => name !== 'locale');
  return Buffer.concat([
    ...node.inputs.map((input) => bytesField(nodeField.input, input)),
    ...node.outputs.map((output) => bytesField(nodeField.output, output)),
    bytesField(nodeField.name, node.name),
    bytesField(nodeField.operator, node.operator),
    bytesField(nodeField.domain, node.domain),
    ...others.map(({ span }) => bytesField(nodeField.attribute, bytes.subarray(span.start, span.end))),
    bytesField(nodeField.attribute, locale),
  ]);
}
