import { type Flow, fixed, holdsRowCount, isMixed, type Mixed } from './flow.ts';
import { fresh } from './node.ts';
import { growsWithRows, numberOf, over, product, type Size, sameSize, size, times } from './sizes.ts';
import { integersOf, type Step } from './step.ts';

/** Shapes longer than this are not computed. */
const maxElements = 64;

/**
 * Computes the elements of short integer tensors, from which shapes are made, with the number of rows as a symbol.
 * This is how PyTorch expresses "as many rows as there are" (Shape, Gather, Concat, Reshape).
 * @returns undefined where the node computes no such tensor; mixed where the number of rows enters a number that is
 * not a size.
 */
export function fold(step: Step): Flow | Mixed | undefined {
  const [first] = step.inputs;
  if (step.operator === 'Shape') return shapeOf(step);
  if (step.operator === 'Size')
    return first?.dims === undefined ? undefined : fixed([], [product(first.dims)]);
  if (step.operator === 'ConstantOfShape') return undefined;
  const present = step.inputs.flatMap((input) => input ?? []);
  if (
    present.length === 0 ||
    present.some(({ elements, rows }) => elements === undefined || rows !== undefined)
  )
    return undefined;
  const folded = folds[step.operator]?.(step, present);
  if (folded === undefined || isMixed(folded)) return folded;
  return (folded.elements?.length ?? 0) <= maxElements ? folded : undefined;
}

function shapeOf({ inputs: [input], integer }: Step): Flow | undefined {
  if (input?.dims === undefined) return undefined;
  const elements = input.dims.slice(integer('start') ?? 0, integer('end') ?? input.dims.length);
  return fixed([size(elements.length)], elements);
}

type Fold = (step: Step, inputs: readonly Flow[]) => Flow | Mixed | undefined;
type Element = Size | undefined;

const same: Fold = (_, [input]) => input;

const unary =
  (operation: (a: Element) => Element): Fold =>
  (_, [a]) =>
    a === undefined ? undefined : guarded([a], fixed(a.dims, a.elements?.map(operation)));

/** Element by element; both sides have the same number of elements, or one has a single element. */
const binary =
  (operation: (a: Size, b: Size) => Element): Fold =>
  (_, [a, b]) => {
    if (a?.elements === undefined || b?.elements === undefined) return undefined;
    const { elements: left } = a;
    const { elements: right } = b;
    const length = left.length === 1 ? right.length : left.length;
    if (right.length !== length && right.length !== 1) return undefined;
    const longer = (a.dims?.length ?? 0) >= (b.dims?.length ?? 0) && left.length === length ? a : b;
    const elements = Array.from({ length }, (__, at) => {
      const one = left.length === 1 ? left[0] : left[at];
      const other = right.length === 1 ? right[0] : right[at];
      return one === undefined || other === undefined ? undefined : operation(one, other);
    });
    return guarded([a, b], fixed(longer.dims, elements));
  };

/** A result that depends on the number of rows and is not fully known may be anything. */
function guarded(inputs: readonly Flow[], result: Flow): Flow | Mixed {
  const isKnown = result.elements?.every((one) => one !== undefined) ?? false;
  return !isKnown && inputs.some(holdsRowCount) ? { mixed: 'the number of rows goes into a number' } : result;
}

const truth = (is: boolean) => size(is ? 1 : 0);

function equal(a: Size, b: Size): Element {
  if (sameSize(a, b)) return truth(true);
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== undefined && y !== undefined) return truth(false);
  // No size is negative.
  return (x ?? 0) < 0 || (y ?? 0) < 0 ? truth(false) : undefined;
}

function sum(a: Size, b: Size, sign: 1 | -1): Element {
  if (b.factor === 0) return a;
  if (a.factor === 0) return { ...b, factor: sign * b.factor };
  if (!sameSize({ ...a, factor: 1 }, { ...b, factor: 1 })) return unlessRows(a, b);
  const factor = a.factor + sign * b.factor;
  return { factor, names: factor === 0 ? [] : a.names };
}

/** An unknown size, computed from sizes that do not depend on the number of rows. */
function unlessRows(a: Size, b: Size): Element {
  return growsWithRows(a) || growsWithRows(b) ? undefined : fresh();
}

const gather: Fold = (_, [data, indices]) => {
  if (data?.elements === undefined || data.dims?.length !== 1 || indices?.elements === undefined)
    return undefined;
  const elements = indices.elements.map((index) => {
    const at = numberOf(index);
    return at === undefined ? undefined : data.elements?.at(at);
  });
  return guarded([data], fixed(indices.dims, elements));
};

const slice: Fold = (step, [data]) => {
  if (data?.elements === undefined || data.dims?.length !== 1) return undefined;
  const [start] = integersOf(step, 1, 'starts') ?? [];
  const [end] = integersOf(step, 2, 'ends') ?? [];
  const steps = step.inputs[4] === undefined ? [1] : integersOf(step, 4, 'steps');
  if (start === undefined || end === undefined || steps?.[0] !== 1) return undefined;
  const elements = data.elements.slice(start, end);
  return fixed([size(elements.length)], elements);
};

const concat: Fold = (_, inputs) => {
  if (inputs.some(({ dims }) => dims?.length !== 1)) return undefined;
  const elements = inputs.flatMap((input) => input.elements ?? []);
  return fixed([size(elements.length)], elements);
};

const vector: Fold = (_, [data]) =>
  data?.elements ? fixed([size(data.elements.length)], data.elements) : undefined;

const unsqueeze: Fold = (step, [data]) => (data?.dims?.length === 0 ? vector(step, [data]) : undefined);

const squeeze: Fold = (_, [data]) => (data?.elements?.length === 1 ? fixed([], data.elements) : undefined);

const reshape: Fold = (step, [data, shape]) => {
  if (data === undefined) return undefined;
  const rank = shape?.elements?.length;
  return rank === 1 ? vector(step, [data]) : rank === 0 ? squeeze(step, [data]) : undefined;
};

const where: Fold = (_, [condition, one, other]) => {
  const length = Math.max(...[condition, one, other].map((input) => input?.elements?.length ?? 0));
  const at = (input: Flow | undefined, index: number) =>
    input?.elements?.length === 1 ? input.elements[0] : input?.elements?.[index];
  const elements = Array.from({ length }, (__, index) => {
    const is = numberOf(at(condition, index));
    return is === undefined ? undefined : at(is === 0 ? other : one, index);
  });
  const inputs = [condition, one, other].flatMap((input) => input ?? []);
  return guarded(inputs, fixed(inputs.find(({ elements: e }) => e?.length === length)?.dims, elements));
};

const reduceProduct: Fold = (step, [data]) => {
  if (data?.elements === undefined || data.elements.some((one) => one === undefined)) return undefined;
  const total = product(data.elements.flatMap((one) => one ?? []));
  return fixed((step.integer('keepdims') ?? 1) === 1 ? [size(1)] : [], [total]);
};

const cast: Fold = (step, [data]) => {
  const isBool = step.integer('to') === 9;
  if (data === undefined || !isBool) return data;
  return unary((one) => {
    const value = numberOf(one);
    return value === undefined ? undefined : truth(value !== 0);
  })(step, [data]);
};

const folds: Readonly<Record<string, Fold>> = Object.assign(Object.create(null), {
  Identity: same,
  Cast: cast,
  Gather: gather,
  Slice: slice,
  Concat: concat,
  Unsqueeze: unsqueeze,
  Squeeze: squeeze,
  Reshape: reshape,
  Where: where,
  ReduceProd: reduceProduct,
  Equal: binary(equal),
  Add: binary((a, b) => sum(a, b, 1)),
  Sub: binary((a, b) => sum(a, b, -1)),
  Mul: binary(times),
  Div: binary((a, b) => over(a, b) ?? unlessRows(a, b)),
  Not: unary((one) => {
    const value = numberOf(one);
    return value === undefined ? undefined : truth(value === 0);
  }),
});
