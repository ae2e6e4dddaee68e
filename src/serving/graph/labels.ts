import { type ClassCode, classesOfAttribute, classesOfTensor, textAttribute } from './attributes.ts';
import type { Graph, GraphNode } from './read_graph.ts';
import { isUnchanged, originOf, upstreamOf } from './upstream.ts';

/** Where an output that is a class comes from. */
export interface LabelOrigin {
  /** The classes in the order of the columns of the scores; empty when a label is the number of its column. */
  classes: ClassCode[];
  /** The tensor of scores that the label was chosen by, or the label as its classifier made it. */
  tensor: string;
  isArgMax: boolean;
}

const classLists = [
  'classlabels_int64s',
  'classlabels_ints',
  'classlabels_strings',
  'values_int64s',
  'values_strings',
];
const classifiers = new Set(['LinearClassifier', 'TreeEnsembleClassifier', 'SVMClassifier']);

/** How an output is a class: made by a classifier, or picked as the largest score. Undefined when it is none. */
export function labelOrigin(graph: Graph, output: string): LabelOrigin | undefined {
  const node = originOf(graph, output);
  if (node === undefined) return undefined;
  if (classifiers.has(node.operator)) {
    const [label] = node.outputs;
    if (label === undefined || !upstreamOf(graph, output).has(label)) return undefined;
    return { classes: classesOf(graph, node), tensor: label, isArgMax: false };
  }
  if (node.operator === 'ArgMax') return { classes: [], tensor: node.inputs[0] ?? '', isArgMax: true };
  // A table of classes, looked up with the number of the largest score.
  const [first = '', second = ''] = node.inputs;
  if (node.operator === 'ArrayFeatureExtractor' || node.operator === 'Gather')
    return lookedUp(graph, second, () => classesOfTensor(graph, graph.initializers.get(first) ?? nowhere));
  if (node.operator === 'LabelEncoder') return lookedUp(graph, first, () => classesOf(graph, node));
  return undefined;
}

/** The classes that a ZipMap names, which is what makes an output a map. */
export function zipMapClasses(graph: Graph, node: GraphNode): ClassCode[] {
  return classesOf(graph, node);
}

/** Whether scores and label are of one classification: the one is computed from the other or from its origin. */
export function belongTogether(graph: Graph, label: LabelOrigin, scores: string): boolean {
  if (!label.isArgMax) {
    const maker = graph.producers.get(label.tensor);
    const upstream = upstreamOf(graph, scores);
    return maker?.outputs.some((output) => upstream.has(output)) ?? false;
  }
  return upstreamOf(graph, scores).has(label.tensor) || upstreamOf(graph, label.tensor).has(scores);
}

/**
 * The output that decided a classifier operator's label: the scores of the same operator, or what was computed from them
 * and keeps their order. Undefined where a label may rightly differ from the largest score: a support
 * vector machine decides by votes or before its scores are calibrated, and SOFTMAX_ZERO moves zeros.
 */
export function decidingScores(
  graph: Graph,
  label: LabelOrigin,
  candidates: readonly string[],
): string | undefined {
  const node = label.isArgMax ? undefined : graph.producers.get(label.tensor);
  if (node === undefined || node.operator === 'SVMClassifier') return undefined;
  if (textAttribute(graph, node, 'post_transform') === 'SOFTMAX_ZERO') return undefined;
  return candidates.find((name) => orderedAs(graph, name) === node.outputs[1]);
}

/** The tensor before changes of its form, and before scalings that keep the order within each row. */
function orderedAs(graph: Graph, name: string): string {
  let tensor = name;
  for (let steps = 0; steps < 100; steps++) {
    const node = graph.producers.get(tensor);
    const keeps = node !== undefined && (isUnchanged(node) || isNormalised(graph, node));
    if (!keeps) return tensor;
    tensor = node.inputs[0] ?? '';
  }
  return tensor;
}

function isNormalised(graph: Graph, node: GraphNode): boolean {
  // Division by the maximum, the operator's default, reverses the order where the maximum is negative.
  return node.operator === 'Normalizer' && /^L[12]$/.test(textAttribute(graph, node, 'norm') ?? 'MAX');
}

const nowhere = { start: 0, end: 0 };

function lookedUp(graph: Graph, index: string, classes: () => ClassCode[]): LabelOrigin | undefined {
  const chosen = originOf(graph, index);
  if (chosen?.operator !== 'ArgMax') return undefined;
  const codes = classes();
  return codes.length === 0 ? undefined : { classes: codes, tensor: chosen.inputs[0] ?? '', isArgMax: true };
}

function classesOf(graph: Graph, node: GraphNode): ClassCode[] {
  for (const name of classLists) {
    const classes = classesOfAttribute(graph, node, name);
    if (classes.length > 0) return classes;
  }
  return [];
}
