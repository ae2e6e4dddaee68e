import { attributeField } from '../fields.ts';
import type { Graph, GraphFunction, GraphNode } from '../read_graph.ts';
import type { Value } from './flow.ts';
import { attributeSpan, constantAt, countAt, type Given, integersAt, partAt, textAt } from './node.ts';
import type { Size } from './sizes.ts';
import type { Step } from './step.ts';

export interface Walk {
  graph: Graph;
  rows: Size;
  steps: number;
  functions: ReadonlyMap<string, GraphFunction>;
  /** Follows a body of the graph: gives its scope the value of every name. */
  follow(walk: Walk, scope: Scope, body: Pick<Graph, 'initializers' | 'nodes'>): void;
}

/** The values that are visible in a graph: its own, and those of the graphs around it. */
export interface Scope {
  values: Map<string, Value>;
  outer: Scope | undefined;
  /** The attributes of the call, where this is the body of a function. */
  given: Given;
  opset: number;
  depth: number;
}

/** The work that a proof may take, since bodies are followed repeatedly; a model that takes more is not proven. */
export const maxSteps = 200_000;
export const maxDepth = 24;

export function look(scope: Scope, name: string): Value | undefined {
  return scope.values.get(name) ?? (scope.outer && look(scope.outer, name));
}

export function inner(scope: Scope): Scope {
  return { ...scope, values: new Map(), outer: scope, depth: scope.depth + 1 };
}

export function opsetOf(opsets: ReadonlyMap<string, number>): number {
  return opsets.get('') ?? opsets.get('ai.onnx') ?? 1;
}

export function functionsOf({ functions }: Graph): Map<string, GraphFunction> {
  return new Map(functions.map((one) => [`${domainOf(one)}:${one.name}`, one]));
}

export function domainOf({ domain }: { domain: string }): string {
  return domain === 'ai.onnx' ? '' : domain;
}

/** A node as the rules see it. */
export function stepOf(
  { graph, rows }: Walk,
  { given, opset }: Scope,
  node: GraphNode,
  inputs: Step['inputs'],
): Step {
  const { bytes } = graph;
  const at = (name: string) => attributeSpan(bytes, node, name, given);
  const read =
    <T>(reader: (span: NonNullable<ReturnType<typeof at>>) => T) =>
    (name: string): T | undefined => {
      const span = at(name);
      return span && reader(span);
    };
  return {
    operator: node.operator,
    inputs,
    outputs: node.outputs.filter((name, index) => name !== '' || index < node.outputs.length - 1).length,
    opset,
    rows,
    integers: read((span) => integersAt(bytes, span)),
    integer: read((span) => integersAt(bytes, span)[0]),
    text: read((span) => textAt(bytes, span)),
    tensor: read((span) => {
      const tensor = partAt(bytes, span, attributeField.tensor);
      return tensor && constantAt(bytes, tensor);
    }),
    has: (name) => at(name) !== undefined,
    count: (name) => read((span) => countAt(bytes, span))(name) ?? 0,
  };
}
