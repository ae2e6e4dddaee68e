import {
  type ClassCode,
  classesOfTensor,
  countNumbers,
  hasNaN,
  integersOf,
  tensorShape,
  textsOf,
} from './attributes.ts';
import type { Graph, GraphNode } from './read_graph.ts';

/** What the operators that read an input's columns tell about them; used to guess an input that the model can run on. */
export interface KnownInput {
  name: string;
  /** Columns of an input whose width is free. */
  width?: number | undefined;
  /** By column, a category that its encoder knows; null where it has none. */
  categories: (ClassCode | null)[];
  /** By column, the first categories that its encoder knows, where it has any. */
  listed?: ClassCode[][];
  /** By column, the category that missing values of the training data became; null where there is none. */
  missing: (string | null)[];
}

/** A wider table is not followed column by column. */
const maxColumns = 10_000;

/** Categories of a column that are kept to be named, and columns of which any are. */
const maxListed = 21;
const maxListedColumns = 1000;

/** A missing value as text in Python: None in an object column, NaN, pandas' NA. */
const spellingsOfMissing = new Set(['None', 'nan', 'NaN', '<NA>', 'NaT']);

/** Operators whose output has the columns of their input. */
const columnwise = new Set([
  ...['Identity', 'Cast', 'Reshape', 'Squeeze', 'Unsqueeze', 'Flatten'],
  ...['Imputer', 'Scaler', 'Binarizer', 'Clip', 'StringNormalizer'],
]);
const elementwise = new Set(['Add', 'Sub', 'Mul', 'Div']);
const trees = new Set(['TreeEnsemble', 'TreeEnsembleClassifier', 'TreeEnsembleRegressor']);
const encoders = new Set(['OneHotEncoder', 'LabelEncoder', 'CategoryMapper']);

/** Columns of inputs, in order; or a whole input whose width is not known. */
type Columns = { input: string; column: number }[] | { whole: string };

/** Follows the columns of the inputs to the operators that encode, scale, weigh or split them. */
export function knownInputs(graph: Graph): KnownInput[] {
  const known = new Map<string, KnownInput>();
  const values = new Map<string, Columns>();
  for (const { name, kind, shape } of graph.inputs) {
    if (graph.initializers.has(name) || kind !== 'tensor' || shape === undefined) continue;
    known.set(name, { name, categories: [], missing: [] });
    const width = shape.length === 1 ? 1 : shape.length === 2 ? (shape[1] ?? -1) : 0;
    if (width === -1) values.set(name, { whole: name });
    else if (width > 0 && width <= maxColumns)
      values.set(
        name,
        Array.from({ length: width }, (_, column) => ({ input: name, column })),
      );
  }
  for (const node of graph.nodes) {
    const taken = values.get(node.inputs[0] ?? '');
    if (taken !== undefined && 'whole' in taken) {
      const input = known.get(taken.whole);
      const width = widthFor(graph, node);
      if (input !== undefined && width !== undefined && width <= maxColumns)
        input.width = Math.max(input.width ?? 0, width);
    }
    if (taken !== undefined && !('whole' in taken) && encoders.has(node.operator))
      rememberCategories(known, taken, graph, node);
    const [output] = node.outputs;
    const given = columnsAfter(graph, node, values);
    if (output !== undefined && given !== undefined) values.set(output, given);
  }
  return [...known.values()].filter(({ width, categories }) => width !== undefined || categories.length > 0);
}

/** Whether an encoder has a category for NaN, the missing value of a float column. */
export function encodesNaN(graph: Graph): boolean {
  return graph.nodes.some(
    (node) => node.operator === 'LabelEncoder' && hasNaN(graph, node, ['keys_floats', 'keys_tensor']),
  );
}

function columnsAfter(
  graph: Graph,
  node: GraphNode,
  values: ReadonlyMap<string, Columns>,
): Columns | undefined {
  const taken = values.get(node.inputs[0] ?? '');
  if (taken === undefined) return undefined;
  if (columnwise.has(node.operator)) return taken;
  const picked = pickedColumns(graph, node);
  if (picked !== undefined)
    return picked.flatMap((column) =>
      'whole' in taken ? [{ input: taken.whole, column }] : (taken[column] ?? []),
    );
  if (node.operator !== 'Concat' || !isAlongColumns(graph, node)) return undefined;
  const joined = node.inputs.flatMap((name) => {
    const part = values.get(name);
    return part === undefined || 'whole' in part ? [undefined] : part;
  });
  return joined.length <= maxColumns && joined.every((column) => column !== undefined) ? joined : undefined;
}

/** The columns that an operator takes out of a table. */
function pickedColumns(graph: Graph, node: GraphNode): number[] | undefined {
  const picks =
    node.operator === 'ArrayFeatureExtractor' || (node.operator === 'Gather' && isAlongColumns(graph, node));
  const indices = picks ? graph.initializers.get(node.inputs[1] ?? '') : undefined;
  return (
    indices && classesOfTensor(graph, indices).flatMap((index) => (typeof index === 'number' ? index : []))
  );
}

function isAlongColumns(graph: Graph, node: GraphNode): boolean {
  const [axis = 0] = integersOf(graph, node, 'axis');
  return axis === 1 || axis === -1;
}

function rememberCategories(
  known: ReadonlyMap<string, KnownInput>,
  columns: readonly { input: string; column: number }[],
  graph: Graph,
  node: GraphNode,
): void {
  const texts = textsOf(graph, node, ['cats_strings', 'keys_strings', 'keys_tensor']);
  const missing = texts.find((text) => spellingsOfMissing.has(text)) ?? null;
  const numbers = integersOf(graph, node, 'cats_int64s', 'keys_int64s');
  const [number] = numbers;
  // A category that stands for a missing value comes last.
  const category = texts.find((text) => text !== missing) ?? missing ?? number ?? null;
  for (const { input, column } of columns) {
    const columnsOf = known.get(input);
    if (columnsOf === undefined) continue;
    const { categories, missing: missings } = columnsOf;
    for (let before = categories.length; before <= column; before++) {
      categories.push(null);
      missings.push(null);
    }
    categories[column] ??= category;
    if (column < maxListedColumns) {
      columnsOf.listed ??= [];
      for (let before = columnsOf.listed.length; before <= column; before++) columnsOf.listed.push([]);
      if (columnsOf.listed[column]?.length === 0)
        columnsOf.listed[column] = (texts.length > 0 ? texts : numbers).slice(0, maxListed);
    }
    missings[column] ??= missing;
  }
}

/** The columns that an operator's parameters apply to. */
function widthFor(graph: Graph, node: GraphNode): number | undefined {
  const { operator } = node;
  const count = (name: string) => countNumbers(graph, node, name);
  const several = (length: number) => (length > 1 ? length : undefined);
  if (trees.has(operator)) return highest(integersOf(graph, node, 'nodes_featureids'));
  if (operator === 'Scaler') return several(Math.max(count('scale'), count('offset')));
  if (operator === 'Imputer')
    return several(Math.max(count('imputed_value_floats'), count('imputed_value_int64s')));
  if (operator === 'LinearClassifier') return quotient(count('coefficients'), count('intercepts'));
  if (operator === 'LinearRegressor')
    return quotient(count('coefficients'), integersOf(graph, node, 'targets')[0] ?? 1);
  if (operator === 'SVMRegressor')
    return quotient(count('support_vectors'), integersOf(graph, node, 'n_supports')[0] ?? 0);
  if (operator === 'SVMClassifier')
    return quotient(
      count('support_vectors'),
      integersOf(graph, node, 'vectors_per_class').reduce((sum, vectors) => sum + vectors, 0),
    );
  const picked = pickedColumns(graph, node);
  if (picked !== undefined) return highest(picked);
  const weights = graph.initializers.get(node.inputs[1] ?? '');
  if (weights === undefined) return undefined;
  const shape = tensorShape(graph.bytes, weights);
  if (operator === 'MatMul' && shape.length === 2) return shape[0];
  if (operator === 'Gemm') return shape[integersOf(graph, node, 'transB')[0] === 1 ? 1 : 0];
  return elementwise.has(operator) ? several(shape.at(-1) ?? 1) : undefined;
}

function highest(columns: readonly number[]): number | undefined {
  let most = -1;
  for (const column of columns) most = Math.max(most, column);
  return most < 0 ? undefined : most + 1;
}

function quotient(numbers: number, rows: number): number | undefined {
  const width = numbers / rows;
  return Number.isInteger(width) && width > 0 ? width : undefined;
}
