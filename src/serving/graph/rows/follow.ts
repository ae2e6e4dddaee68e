import { attributeField } from '../fields.ts';
import type { Graph, GraphFunction, GraphNode } from '../read_graph.ts';
import { control, isControl } from './control_flow.ts';
import { type Flow, fixed, holdsRowCount, isMixed, type Mixed, type Value } from './flow.ts';
import { fold } from './fold.ts';
import { attributeSpan, constantAt, countAt, integersAt, partAt } from './node.ts';
import { mathRules, microsoftRules } from './rules_math.ts';
import { mlRules, textRules } from './rules_ml.ts';
import { shapeRules } from './rules_shape.ts';
import { domainOf, look, maxDepth, maxSteps, opsetOf, type Scope, stepOf, type Walk } from './scope.ts';
import { size } from './sizes.ts';
import type { Rule, Step } from './step.ts';

/** Gives a scope the value of every name of a body. */
export function follow(
  walk: Walk,
  scope: Scope,
  { initializers, nodes }: Pick<Graph, 'initializers' | 'nodes'>,
): void {
  for (const [name, span] of initializers)
    if (!scope.values.has(name)) scope.values.set(name, constantAt(walk.graph.bytes, span));
  for (const node of nodes) {
    const results = evaluated(walk, scope, node);
    node.outputs.forEach((name, at) => {
      const result = results[at] ?? { mixed: what(node) };
      if (name !== '') scope.values.set(name, result);
    });
  }
}

/** The name of an operator as a message shows it, since a file can contain any text. */
function what({ operator, domain }: GraphNode): string {
  const isOwn = domainOf({ domain }) === '' || domain === 'ai.onnx.ml' || domain === 'com.microsoft';
  return isOwn && /^\w{1,40}$/.test(operator) ? operator : 'an operator that is not known';
}

function evaluated(walk: Walk, scope: Scope, node: GraphNode): readonly Value[] {
  const mixed = (because = what(node)): Mixed[] => node.outputs.map(() => ({ mixed: because }));
  if (++walk.steps > maxSteps || scope.depth > maxDepth) return mixed('a graph too large to be followed');
  const inputs: (Flow | undefined)[] = [];
  for (const name of node.inputs) {
    const value = name === '' ? undefined : look(scope, name);
    if (name !== '' && value === undefined) return mixed('a tensor that nothing makes');
    if (value !== undefined && isMixed(value)) return mixed(value.mixed);
    inputs.push(value);
  }
  const domain = domainOf(node);
  const rule = ruleOf(domain, node.operator);
  const called = walk.functions.get(`${domain}:${node.operator}`);
  // A function that has the name of an operator may be run as either.
  if (called !== undefined)
    return rule !== undefined || isControl(domain, node)
      ? mixed()
      : (call(walk, scope, node, called, inputs) ?? mixed());
  if (isControl(domain, node)) return control(walk, scope, node, inputs) ?? mixed();
  if (domain === '' && node.operator === 'Constant') return [constant(walk, scope, node)];
  if (rule === undefined) return mixed();
  const step = stepOf(walk, scope, node, inputs);
  if (inputs.some((input) => input?.ownRow)) return ofOwnRow(step, rule, node.outputs.length);
  const folded = domain === '' ? fold(step) : undefined;
  if (folded !== undefined) return [folded];
  const shapes = domain === '' ? takesShape.get(node.operator) : undefined;
  if (inputs.some((input, at) => input !== undefined && at !== shapes && holdsRowCount(input)))
    return mixed('the number of rows goes into a number');
  const result = rule(step);
  if (result !== undefined) return manyOf(result, node.outputs.length);
  return inputs.some((input) => input !== undefined && (input.rows !== undefined || holdsRowCount(input)))
    ? mixed()
    : node.outputs.map(() => fixed(undefined));
}

function manyOf(result: Value | readonly Value[], count: number): readonly Value[] {
  const values = isMany(result) ? result : [result];
  return Array.from(
    { length: count },
    (_, at) => values[at] ?? values[0] ?? { mixed: 'an output that is not known' },
  );
}

function isMany(result: Value | readonly Value[]): result is readonly Value[] {
  return Array.isArray(result);
}

/** Operators that take a shape, with the index of that input. */
const takesShape = new Map([
  ['Reshape', 1],
  ['Expand', 1],
  ['Tile', 1],
  ['ConstantOfShape', 0],
  ['Resize', 3],
]);

const rulesOf: ReadonlyMap<string, Readonly<Record<string, Rule>>> = new Map([
  ['', { ...shapeRules, ...mathRules, ...textRules }],
  ['ai.onnx.ml', mlRules],
  ['com.microsoft', microsoftRules],
]);

function ruleOf(domain: string, operator: string): Rule | undefined {
  const rules = rulesOf.get(domain);
  return rules !== undefined && Object.hasOwn(rules, operator) ? rules[operator] : undefined;
}

/** What a Constant node holds. */
function constant({ graph }: Walk, { given }: Scope, node: GraphNode): Flow {
  const { bytes } = graph;
  const at = (name: string) => attributeSpan(bytes, node, name, given);
  const tensor = at('value');
  const part = tensor && partAt(bytes, tensor, attributeField.tensor);
  if (part !== undefined) return constantAt(bytes, part);
  const one = at('value_int');
  if (one !== undefined) return fixed([], integersAt(bytes, one).map(size));
  const many = at('value_ints');
  if (many !== undefined) {
    const numbers = integersAt(bytes, many);
    return fixed([size(numbers.length)], numbers.map(size));
  }
  if (at('value_float') !== undefined || at('value_string') !== undefined) return fixed([]);
  const floats = at('value_floats');
  return floats === undefined ? fixed(undefined) : fixed([size(countAt(bytes, floats))]);
}

/** In a step of a Scan along the rows a tensor belongs to one row, so any operator that is known may take it. */
function ofOwnRow(step: Step, rule: Rule, outputs: number): readonly Value[] {
  const inputs = step.inputs.map((input) =>
    input?.ownRow ? { ...input, ownRow: undefined, elements: undefined } : input,
  );
  if (inputs.some((input) => input !== undefined && (input.rows !== undefined || holdsRowCount(input))))
    return manyOf({ mixed: step.operator }, outputs);
  const result = rule({ ...step, inputs });
  const values = result === undefined ? [fixed(undefined)] : isMany(result) ? result : [result];
  return Array.from({ length: outputs }, (_, at) => {
    const value = values[at] ?? values[0] ?? fixed(undefined);
    return isMixed(value) ? value : { ...value, elements: undefined, ownRow: true };
  });
}

function call(
  walk: Walk,
  scope: Scope,
  node: GraphNode,
  called: GraphFunction,
  inputs: Step['inputs'],
): readonly Value[] | undefined {
  const { bytes } = walk.graph;
  if (
    walk.graph.functions.filter((one) => one.name === called.name && domainOf(one) === domainOf(called))
      .length > 1
  )
    return undefined;
  const given = new Map(called.defaults);
  for (const { name } of node.attributes) {
    const span = attributeSpan(bytes, node, name, scope.given);
    if (span !== undefined) given.set(name, span);
  }
  const body: Scope = {
    values: new Map(),
    outer: undefined,
    given,
    opset: opsetOf(called.opsets),
    depth: scope.depth + 1,
  };
  if (inputs.some((input) => input?.ownRow)) return undefined;
  for (const [at, name] of called.inputs.entries()) {
    const input = inputs[at];
    // An input that is omitted is missing inside too; such a body is not followed.
    if (input === undefined) return undefined;
    body.values.set(name, input);
  }
  follow(walk, body, { initializers: new Map(), nodes: called.nodes });
  return called.outputs.map((name) => look(body, name) ?? { mixed: what(node) });
}
