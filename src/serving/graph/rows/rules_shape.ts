import { along, broadcast, type Flow, fixed, moved, reshaped, sameRows, type Value } from './flow.ts';
import { fresh } from './node.ts';
import { axisRules } from './rules_axis.ts';
import {
  growsWithRows,
  isNumber,
  numberOf,
  over,
  product,
  type Size,
  sameSize,
  size,
  times,
} from './sizes.ts';
import { areFixed, fromFront, integersOf, type Rule } from './step.ts';

/** Operators that change the shape of tensors, repeat, cut and join them. */

const reshape: Rule = ({ inputs: [data, shape], integer, rows }) => {
  if (data?.dims === undefined || shape?.elements === undefined || shape.rows !== undefined) return undefined;
  const { dims } = data;
  const keepsZero = (integer('allowzero') ?? 0) === 1;
  const asked = shape.elements.map((one, axis) => (isNumber(one, 0) && !keepsZero ? dims[axis] : one));
  if (asked.some((one) => one === undefined)) return undefined;
  const known = asked.flatMap((one) => (one === undefined || isNumber(one, -1) ? [] : [one]));
  const rest = over(product(dims), product(known));
  const target = asked.map((one) => (one === undefined || isNumber(one, -1) ? rest : one));
  if (target.every((one) => one !== undefined))
    return reshaped(
      data,
      target.flatMap((one) => one ?? []),
      rows,
    );
  return data.rows === undefined ? fixed(target.map((one) => one ?? fresh())) : undefined;
};

const flatten: Rule = ({ inputs: [data], integer, rows }) => {
  const axis = fromFront(integer('axis') ?? 1, data?.dims);
  if (data?.dims === undefined || axis === undefined) return undefined;
  return reshaped(data, [product(data.dims.slice(0, axis)), product(data.dims.slice(axis))], rows);
};

const transpose: Rule = ({ inputs: [data], integers }) => {
  if (data?.dims === undefined) return undefined;
  const { dims, rows } = data;
  const order = integers('perm') ?? dims.map((_, axis) => dims.length - 1 - axis);
  if (order.length !== dims.length) return undefined;
  return moved(
    data,
    order.map((axis) => dims[axis] ?? fresh()),
    rows && order.indexOf(rows.axis),
  );
};

const squeeze: Rule = (step) => {
  const [data] = step.inputs;
  const axes = integersOf(step, 1, 'axes')?.map((axis) => fromFront(axis, data?.dims));
  // Without axes a run of one row would lose the axis of the rows.
  if (data?.dims === undefined || axes === undefined) return undefined;
  const { rows } = data;
  if (rows !== undefined && axes.includes(rows.axis)) return undefined;
  const kept = data.dims.filter((_, axis) => !axes.includes(axis));
  const before = axes.filter((axis) => axis !== undefined && rows !== undefined && axis < rows.axis).length;
  return moved(data, kept, rows && rows.axis - before);
};

const unsqueeze: Rule = (step) => {
  const [data] = step.inputs;
  const given = integersOf(step, 1, 'axes');
  if (data?.dims === undefined || given === undefined) return undefined;
  const rank = data.dims.length + given.length;
  const axes = given.map((axis) => (axis < 0 ? axis + rank : axis));
  const rest = [...data.dims.entries()];
  let rowsAxis: number | undefined;
  const dims = Array.from({ length: rank }, (_, axis) => {
    if (axes.includes(axis)) return size(1);
    const [from, one] = rest.shift() ?? [-1, fresh()];
    if (from === data.rows?.axis) rowsAxis = axis;
    return one;
  });
  return moved(data, dims, rowsAxis);
};

/** A tensor expanded to a shape; where that contains the number of rows, the result has rows, which are all equal. */
function spread(data: Flow, target: readonly Size[], rows: Size): Value | undefined {
  if (data.rows !== undefined) {
    const at = data.rows.axis + target.length - (data.dims?.length ?? 0);
    const there = data.dims?.[data.rows.axis];
    const isKept = target[at] !== undefined && there !== undefined && sameSize(target[at], there);
    const plain = target.map((one, axis) => (axis === at && isKept ? size(1) : one));
    return plain.some(growsWithRows) ? undefined : broadcast([data, fixed(plain)], fresh);
  }
  const growing = target.flatMap((one, axis) => (growsWithRows(one) ? [axis] : []));
  const [axis] = growing;
  if (axis === undefined) return broadcast([data, fixed(target)], fresh);
  const plain = target.map((one, at) => (at === axis ? size(1) : one));
  const whole = broadcast([data, fixed(plain)], fresh);
  const length = target[axis];
  if (whole?.dims === undefined || whole.dims.length !== target.length || length === undefined)
    return undefined;
  if (growing.length > 1 || !isNumber(whole.dims[axis], 1) || !sameSize(length, rows)) return undefined;
  return along(
    axis,
    whole.dims.map((one, at) => (at === axis ? length : one)),
  );
}

const expand: Rule = ({ inputs: [data, shape], rows }) => {
  if (data?.dims === undefined || shape?.elements === undefined || shape.rows !== undefined) return undefined;
  const target = shape.elements.map((one) => one ?? fresh());
  return spread(data, target, rows);
};

const constantOfShape: Rule = ({ inputs: [shape], tensor, rows }) => {
  if (shape?.rows !== undefined) return undefined;
  const rank = numberOf(shape?.dims?.[0]);
  const target = shape?.elements?.map((one) => one ?? fresh());
  if (target === undefined)
    return rank === undefined ? undefined : fixed(Array.from({ length: rank }, fresh));
  const [fill] = tensor('value')?.elements ?? [size(0)];
  const length = numberOf(product(target));
  if (target.length <= 1 && length !== undefined && length <= 64)
    return fixed(
      target,
      Array.from({ length }, () => fill),
    );
  return spread(fixed([]), target, rows);
};

const tile: Rule = ({ inputs: [data, repeats], rows }) => {
  if (data?.dims === undefined || repeats?.elements === undefined || repeats.rows !== undefined)
    return undefined;
  const times_ = repeats.elements;
  if (data.rows !== undefined && !isNumber(times_[data.rows.axis], 1)) return undefined;
  const dims = data.dims.map((one, axis) => {
    const count = times_[axis];
    return count === undefined ? fresh() : times(one, count);
  });
  const growing = dims.flatMap((_, axis) => (growsWithRows(times_[axis]) ? [axis] : []));
  const [axis] = growing;
  if (axis === undefined) return moved(data, dims);
  if (data.rows !== undefined || growing.length > 1 || !sameSize(dims[axis] ?? fresh(), rows))
    return undefined;
  return along(axis, dims);
};

const concat: Rule = ({ inputs, integer }) => {
  const parts = inputs.flatMap((input) => input ?? []);
  const first = parts.find(({ rows }) => rows !== undefined) ?? parts[0];
  const axis = fromFront(integer('axis') ?? 1, first?.dims);
  if (first?.dims === undefined || axis === undefined) return undefined;
  if (first.rows !== undefined && (axis === first.rows.axis || !parts.every((part) => sameRows(first, part))))
    return undefined;
  const sizes = parts.map(({ dims }) => numberOf(dims?.[axis]));
  const total = sizes.reduce<number | undefined>(
    (sum, one) => (sum === undefined || one === undefined ? undefined : sum + one),
    0,
  );
  return moved(
    first,
    first.dims.map((one, at) => (at !== axis ? one : total === undefined ? fresh() : size(total))),
  );
};

const split: Rule = (step) => {
  const [data] = step.inputs;
  const axis = fromFront(step.integer('axis') ?? 0, data?.dims);
  if (data?.dims === undefined || axis === undefined || axis === data.rows?.axis || !areFixed(step))
    return undefined;
  const { dims } = data;
  const sizes = integersOf(step, 1, 'split');
  const whole = numberOf(dims[axis]);
  return Array.from({ length: step.outputs }, (_, index) => {
    const even = whole === undefined || whole % step.outputs !== 0 ? undefined : whole / step.outputs;
    const isEven = sizes === undefined && step.inputs[1] === undefined;
    const length = sizes?.[index] ?? (isEven ? even : undefined);
    return moved(
      data,
      dims.map((one, at) => (at !== axis ? one : length === undefined ? fresh() : size(length))),
    );
  });
};

export const shapeRules: Readonly<Record<string, Rule>> = {
  ...axisRules,
  Reshape: reshape,
  Flatten: flatten,
  Transpose: transpose,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Expand: expand,
  ConstantOfShape: constantOfShape,
  Tile: tile,
  Concat: concat,
  Split: split,
};
