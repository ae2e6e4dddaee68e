import type { Graph, GraphValue } from '../read_graph.ts';
import { along, isMixed } from './flow.ts';
import { follow } from './follow.ts';
import { fresh } from './node.ts';
import { functionsOf, look, opsetOf, type Scope, type Walk } from './scope.ts';
import { isNumber, named, rowsName, type Size, sameSize, size } from './sizes.ts';

/**
 * Whether a row's answer is the same whatever other rows are in its run; where that is not proven, why. If it is, also
 * whether all outputs have the rows along their first axis.
 */
export type RowIndependence =
  | { independent: true; outputsByRow: boolean }
  | { independent: false; because: string };

/**
 * Decides from a graph whether its rows are independent: follows the axis along which the rows lie from the inputs
 * through every operator to the outputs. The proof fails at an operator that is not known to keep rows independent,
 * also in branches, loops and functions, and at an output that does not have one entry a row.
 * @param outputs the outputs that are fetched
 */
export function rowIndependence(graph: Graph, outputs: readonly string[]): RowIndependence {
  try {
    return decide(graph, outputs);
  } catch {
    // The runtime may be able to read what cannot be read here.
    return dependent('the graph cannot be followed');
  }
}

function decide(graph: Graph, outputs: readonly string[]): RowIndependence {
  const inputs = graph.inputs.filter(({ name }) => !graph.initializers.has(name));
  const rows = rowsOf(inputs);
  if (rows === undefined) return dependent('its inputs do not all have as many rows');
  if (isNumber(rows, 1)) return { independent: true, outputsByRow: true };
  const walk: Walk = { graph, rows, steps: 0, functions: functionsOf(graph), follow };
  const scope: Scope = {
    values: new Map(),
    outer: undefined,
    given: new Map(),
    opset: opsetOf(graph.opsets),
    depth: 0,
  };
  for (const { name, shape } of inputs)
    scope.values.set(
      name,
      along(
        0,
        (shape ?? []).map((one, axis) => (axis === 0 ? rows : one === -1 ? fresh() : size(one))),
      ),
    );
  follow(walk, scope, graph);
  let outputsByRow = true;
  for (const name of outputs) {
    const value = look(scope, name);
    if (value === undefined) return dependent('an output is made of nothing that is known');
    if (isMixed(value)) return dependent(value.mixed);
    const length = value.rows && value.dims?.[value.rows.axis];
    if (length === undefined || !sameSize(length, rows))
      return dependent('an output has not one entry a row');
    outputsByRow &&= value.rows?.axis === 0;
  }
  return { independent: true, outputsByRow };
}

function dependent(because: string): RowIndependence {
  return { independent: false, because };
}

/**
 * The number of rows of a run: the one that all inputs declare, or any; undefined where inputs declare different ones.
 */
function rowsOf(inputs: readonly GraphValue[]): Size | undefined {
  const firsts = inputs.map(({ kind, shape }) => (kind === 'tensor' ? shape?.[0] : undefined));
  const [first] = firsts;
  if (first === undefined || firsts.some((one) => one !== first)) return undefined;
  return first === -1 ? named(rowsName) : first > 0 ? size(first) : undefined;
}
