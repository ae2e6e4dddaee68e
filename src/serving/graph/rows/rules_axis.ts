import { moved, sameRows } from './flow.ts';
import { fresh } from './node.ts';
import { flat } from './rules_products.ts';
import { isNumber, numberOf, sameSize, size } from './sizes.ts';
import { areFixed, fromFront, integersOf, type Rule } from './step.ts';

/** Operators that pick, order or change what lies along an axis. */

/** Ends from here on mean "to the end". */
const farAway = 2 ** 31 - 1;

const slice: Rule = (step) => {
  const [data] = step.inputs;
  if (data?.dims === undefined || !areFixed(step)) return undefined;
  const { dims } = data;
  const starts = integersOf(step, 1, 'starts');
  const ends = integersOf(step, 2, 'ends');
  const isSaid = step.inputs[3] !== undefined || step.has('axes');
  const axes = isSaid
    ? integersOf(step, 3, 'axes')?.map((axis) => fromFront(axis, dims))
    : Array.from(
        { length: numberOf(step.inputs[1]?.dims?.[0]) ?? starts?.length ?? dims.length },
        (_, axis) => axis,
      );
  if (axes === undefined) return undefined;
  const steps = step.inputs[4] === undefined ? axes.map(() => 1) : integersOf(step, 4, 'steps');
  const cut = dims.map((one, axis) => {
    const at = axes.indexOf(axis);
    if (at === -1) return one;
    const [start, end, by] = [starts?.[at], ends?.[at], steps?.[at]];
    if (start === 0 && by === 1 && end !== undefined && end >= farAway) return one;
    const whole = numberOf(one);
    if (whole === undefined || start === undefined || end === undefined || by !== 1) return fresh();
    const [from, to] = [start, end].map((place) =>
      Math.min(whole, Math.max(0, place < 0 ? place + whole : place)),
    );
    return size(Math.max(0, (to ?? 0) - (from ?? 0)));
  });
  const { rows } = data;
  const before = rows && dims[rows.axis];
  const after = rows && cut[rows.axis];
  if (before !== undefined && after !== undefined && !sameSize(before, after)) return undefined;
  if (rows !== undefined && axes.includes(rows.axis) && step.rows.names.length === 0) return undefined;
  return moved(data, cut);
};

const gather: Rule = ({ inputs: [data, indices], integer }) => {
  const axis = fromFront(integer('axis') ?? 0, data?.dims);
  if (data?.dims === undefined || indices?.dims === undefined || axis === undefined) return undefined;
  const dims = [...data.dims.slice(0, axis), ...indices.dims, ...data.dims.slice(axis + 1)];
  if (data.rows === undefined) return moved(indices, dims, indices.rows && indices.rows.axis + axis);
  if (indices.rows !== undefined || axis === data.rows.axis) return undefined;
  return moved(data, dims, data.rows.axis > axis ? data.rows.axis + indices.dims.length - 1 : data.rows.axis);
};

const gatherElements: Rule = ({ inputs: [data, indices], integer }) => {
  const axis = fromFront(integer('axis') ?? 0, data?.dims);
  if (data?.rows === undefined || indices?.dims === undefined) return undefined;
  return axis !== data.rows.axis && sameRows(data, indices) ? moved(indices, indices.dims) : undefined;
};

const scatterElements: Rule = ({ inputs: [data, indices, updates], integer }) => {
  const axis = fromFront(integer('axis') ?? 0, data?.dims);
  if (data?.rows === undefined || data.dims === undefined || indices === undefined || updates === undefined)
    return undefined;
  const together = sameRows(data, indices) && sameRows(data, updates);
  return together && axis !== data.rows.axis ? moved(data, data.dims) : undefined;
};

const oneHot: Rule = (step) => {
  const [indices, depth] = step.inputs;
  if (indices?.dims === undefined || !areFixed(step)) return undefined;
  const axis = step.integer('axis') ?? -1;
  const at = axis < 0 ? axis + indices.dims.length + 1 : axis;
  const dims = indices.dims.toSpliced(at, 0, depth?.elements?.[0] ?? fresh());
  const { rows } = indices;
  return moved(indices, dims, rows && (rows.axis >= at ? rows.axis + 1 : rows.axis));
};

const pad: Rule = (step) => {
  const [data] = step.inputs;
  const pads = integersOf(step, 1, 'pads');
  if (data?.dims === undefined || pads === undefined || !areFixed(step)) return undefined;
  const { dims } = data;
  const axes =
    step.inputs[3] === undefined
      ? dims.map((_, axis) => axis)
      : integersOf(step, 3, 'axes')?.map((axis) => fromFront(axis, dims));
  if (axes === undefined || pads.length !== 2 * axes.length) return undefined;
  const added = dims.map((_, axis) => {
    const at = axes.indexOf(axis);
    return at === -1 ? [0, 0] : [pads[at] ?? 0, pads[at + axes.length] ?? 0];
  });
  if (data.rows !== undefined && added[data.rows.axis]?.some((one) => one !== 0)) return undefined;
  return moved(
    data,
    dims.map((one, axis) => {
      const [before = 0, after = 0] = added[axis] ?? [];
      const whole = numberOf(one);
      if (before === 0 && after === 0) return one;
      return whole === undefined ? fresh() : size(whole + before + after);
    }),
  );
};

/** Acts on the axes from `first` on (negative: counted from the end), each slice along the other axes separately. */
export function within(first: number, resize = false): Rule {
  return (step) => {
    const [data] = step.inputs;
    const from = fromFront(first, data?.dims);
    if (data?.dims === undefined || from === undefined || !areFixed(step)) return undefined;
    if (data.rows !== undefined && data.rows.axis >= from) return undefined;
    return moved(
      data,
      data.dims.map((one, axis) => (axis >= from && resize ? fresh() : one)),
    );
  };
}

/** Along one axis, which is kept. */
export function alongAxis(otherwise: number, named = 'axis'): Rule {
  return (step) => {
    const [data] = step.inputs;
    const axis = fromFront(step.integer(named) ?? otherwise, data?.dims);
    if (data?.dims === undefined || axis === undefined || axis === data.rows?.axis || !areFixed(step))
      return undefined;
    return moved(data, data.dims);
  };
}

const cumulative: Rule = (step) => {
  const [data] = step.inputs;
  const [axis] = integersOf(step, 1, 'axis') ?? [];
  if (data?.dims === undefined || axis === undefined) return undefined;
  return fromFront(axis, data.dims) === data.rows?.axis ? undefined : moved(data, data.dims);
};

const topK: Rule = (step) => {
  const [data, count] = step.inputs;
  const axis = fromFront(step.integer('axis') ?? -1, data?.dims);
  if (data?.dims === undefined || axis === undefined || axis === data.rows?.axis || !areFixed(step))
    return undefined;
  const [length] = count?.elements ?? [];
  return moved(
    data,
    data.dims.map((one, at) => (at === axis ? (length ?? fresh()) : one)),
  );
};

const resizes: Rule = (step) => {
  const [data] = step.inputs;
  if (data?.dims === undefined || !areFixed(step)) return undefined;
  const { dims, rows } = data;
  if (step.text('coordinate_transformation_mode') === 'tf_crop_and_resize') return undefined;
  if ((step.text('keep_aspect_ratio_policy') ?? 'stretch') !== 'stretch') return undefined;
  const axes = (step.integers('axes') ?? dims.map((_, axis) => axis)).map((axis) => fromFront(axis, dims));
  const scales = step.inputs[step.opset >= 11 ? 2 : 1]?.elements;
  const sizes = step.inputs[3]?.elements;
  const at = axes.indexOf(rows?.axis);
  const kept = sizes?.[at];
  const isKept =
    at === -1 ||
    (sizes === undefined
      ? isNumber(scales?.[at], 1)
      : kept !== undefined && sameSize(kept, dims[rows?.axis ?? 0] ?? fresh()));
  if (rows !== undefined && !isKept) return undefined;
  return moved(
    data,
    dims.map((one, axis) => (axis === rows?.axis || !axes.includes(axis) ? one : fresh())),
  );
};

const reverseSequence: Rule = ({ inputs: [data, lengths], integer }) => {
  const batch = integer('batch_axis') ?? 1;
  const time = integer('time_axis') ?? 0;
  if (data?.rows === undefined || data.dims === undefined || lengths === undefined) return undefined;
  if (!sameRows(flat(data), flat(lengths))) return undefined;
  return data.rows.axis === batch && batch !== time ? moved(data, data.dims) : undefined;
};

const gatherND: Rule = ({ inputs: [data, indices], integer }) => {
  if (data?.dims === undefined || indices?.dims === undefined) return undefined;
  const shared = integer('batch_dims') ?? 0;
  const depth = numberOf(indices.dims.at(-1));
  if (depth === undefined) return undefined;
  const dims = [...indices.dims.slice(0, -1), ...data.dims.slice(shared + depth)];
  if (data.rows === undefined && shared === 0)
    return indices.rows && indices.rows.axis === indices.dims.length - 1 ? undefined : moved(indices, dims);
  return data.rows && data.rows.axis < shared && sameRows(data, indices) ? moved(indices, dims) : undefined;
};

export const axisRules: Readonly<Record<string, Rule>> = {
  Slice: slice,
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  ScatterElements: scatterElements,
  OneHot: oneHot,
  Pad: pad,
  CumSum: cumulative,
  TopK: topK,
  Resize: resizes,
  Upsample: resizes,
  ReverseSequence: reverseSequence,
  Trilu: within(-2),
  DepthToSpace: within(1, true),
  SpaceToDepth: within(1, true),
};
