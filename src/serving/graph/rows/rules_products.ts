import { broadcast, type Flow, fixed, moved, sameRows } from './flow.ts';
import { fresh } from './node.ts';
import { isNumber, type Size, size } from './sizes.ts';
import { areFixed, fromFront, isScalar, type Rule } from './step.ts';

/** Products of matrices and sums of products. */

/** The same tensor with its last two axes swapped. */
function changedOver(input: Flow): Flow {
  const { dims } = input;
  if (dims === undefined || dims.length < 2) return input;
  const last = dims.length - 1;
  const order = [...dims.keys()].map((axis) => (axis === last ? last - 1 : axis === last - 1 ? last : axis));
  return moved(
    input,
    order.map((axis) => dims[axis] ?? fresh()),
    input.rows && order.indexOf(input.rows.axis),
  );
}

/** a × b as numpy multiplies stacks of matrices. */
function multiplied(a: Flow, b: Flow): Flow | undefined {
  if (a.dims === undefined || b.dims === undefined)
    return a.rows === undefined && b.rows === undefined ? fixed(undefined) : undefined;
  if (a.dims.length === 0 || b.dims.length === 0) return undefined;
  if (a.dims.length === 1) {
    if (a.rows !== undefined) return undefined;
    const whole = multiplied({ ...a, dims: [size(1), ...a.dims] }, b);
    return whole && dropped(whole, -2);
  }
  if (b.dims.length === 1) {
    if (b.rows !== undefined) return undefined;
    const whole = multiplied(a, { ...b, dims: [...b.dims, size(1)] });
    return whole && dropped(whole, -1);
  }
  // Rows of the left matrices and columns of the right ones are kept in the result; the axis that is summed over is
  // not.
  const left = matrixAxis(a);
  const right = matrixAxis(b);
  if (left === -1 || right === -2) return undefined;
  const stacks = broadcast([stackOf(a), stackOf(b)], fresh);
  if (stacks?.dims === undefined) return undefined;
  const dims = [...stacks.dims, a.dims.at(-2) ?? fresh(), b.dims.at(-1) ?? fresh()];
  if (left === undefined && right === undefined) return moved(stacks, dims);
  if (left !== undefined && a.rows !== undefined)
    return b.rows === undefined ? moved(a, dims, dims.length - 2) : undefined;
  return a.rows === undefined ? moved(b, dims, dims.length - 1) : undefined;
}

/** -2 or -1 where the rows lie along an axis of the matrices, undefined where they lie along a stack. */
function matrixAxis({ dims, rows }: Flow): number | undefined {
  const fromEnd = rows === undefined || dims === undefined ? -3 : rows.axis - dims.length;
  return fromEnd < -2 ? undefined : fromEnd;
}

function stackOf(input: Flow): Flow {
  const dims = input.dims?.slice(0, -2) ?? [];
  return matrixAxis(input) === undefined ? moved(input, dims) : fixed(dims);
}

export function dropped(input: Flow, axis: number): Flow | undefined {
  const { dims, rows } = input;
  const at = fromFront(axis, dims);
  if (dims === undefined || at === undefined || rows?.axis === at) return undefined;
  return moved(input, dims.toSpliced(at, 1), rows && (rows.axis > at ? rows.axis - 1 : rows.axis));
}

const matMul: Rule = ({ inputs: [a, b] }) => a && b && multiplied(a, b);

const fusedMatMul: Rule = ({ inputs: [a, b], integer }) => {
  if (integer('transBatchA') || integer('transBatchB') || !a || !b) return undefined;
  return multiplied(integer('transA') ? changedOver(a) : a, integer('transB') ? changedOver(b) : b);
};

const gemm: Rule = ({ inputs: [a, b, c], integer }) => {
  if (a?.dims?.length !== 2 || b?.dims?.length !== 2) return undefined;
  const result = multiplied(integer('transA') ? changedOver(a) : a, integer('transB') ? changedOver(b) : b);
  return c === undefined || result === undefined ? result : broadcast([result, c], fresh);
};

/** Integer weights. Zero points for each row of the data are not followed. */
const matMulInteger: Rule = ({ inputs: [a, b, zeroOfA, zeroOfB] }) => {
  if (!a || !b || b.rows !== undefined || !isScalar(zeroOfA) || zeroOfB?.rows !== undefined) return undefined;
  return multiplied(a, b);
};

const qLinearMatMul: Rule = (step) => {
  const [a, scaleOfA, zeroOfA, b, , , scale, zero] = step.inputs;
  if (!a || !b || ![scaleOfA, zeroOfA, scale, zero].every(isScalar) || !areFixed(step, 3)) return undefined;
  return multiplied(a, b);
};

const einsum: Rule = ({ inputs, text }) => {
  const [left, right] = (text('equation') ?? '').replace(/\s/g, '').split('->');
  if (left === undefined || right === undefined || !/^[a-zA-Z,]*$/.test(left) || !/^[a-zA-Z]*$/.test(right))
    return undefined;
  const terms = left.split(',');
  const operands = inputs.flatMap((input, at) => (input ? [{ input, term: terms[at] ?? '' }] : []));
  if (operands.length !== terms.length) return undefined;
  if (!operands.every(({ input, term }) => input.dims?.length === term.length)) return undefined;
  const sizes = new Map<string, Size>();
  for (const { input, term } of operands)
    [...term].forEach((letter, axis) => {
      const one = input.dims?.[axis];
      if (one !== undefined && !isNumber(one, 1)) sizes.set(letter, one);
    });
  const dims = [...right].map((letter) => sizes.get(letter) ?? size(1));
  const withRows = operands.filter(({ input }) => input.rows !== undefined);
  const [first] = withRows;
  if (first?.input.rows === undefined) return fixed(dims);
  const letter = first.term[first.input.rows.axis] ?? '';
  const stays = operands.every(({ input, term }) =>
    input.rows === undefined
      ? !term.includes(letter)
      : term[input.rows.axis] === letter &&
        term.split(letter).length === 2 &&
        sameRows(flat(first.input), flat(input)),
  );
  const axis = right.indexOf(letter);
  return stays && axis !== -1 && right.split(letter).length === 2
    ? moved(first.input, dims, axis)
    : undefined;
};

/** Where the rows lie, in a form in which two tensors can be compared. */
export function flat(input: Flow): Flow {
  return moved(input, [input.dims?.[input.rows?.axis ?? 0] ?? fresh()], 0);
}

export const productRules: Readonly<Record<string, Rule>> = {
  MatMul: matMul,
  Gemm: gemm,
  MatMulInteger: matMulInteger,
  QLinearMatMul: qLinearMatMul,
  Einsum: einsum,
};

/** Operators of the domain com.microsoft. */
export const fusedProductRules: Readonly<Record<string, Rule>> = {
  FusedMatMul: fusedMatMul,
  TransposeMatMul: fusedMatMul,
  FusedGemm: gemm,
};
