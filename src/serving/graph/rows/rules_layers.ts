import { broadcast, type Flow, moved, sameRows, type Value } from './flow.ts';
import { fresh } from './node.ts';
import { alongAxis, within } from './rules_axis.ts';
import { flat } from './rules_products.ts';
import { isNumber, size } from './sizes.ts';
import { areFixed, fromFront, isScalar, type Rule } from './step.ts';

/** The layers of neural networks: normalisation, convolution, pooling, recurrence, attention. */

/** Before operator set 13, all axes from the named one on are taken together. */
const softmax: Rule = (step) =>
  step.opset >= 13 ? alongAxis(-1)(step) : within(step.integer('axis') ?? 1)(step);

/** Over the axes from `axis` on, which have size 1 in the statistics. */
const layerNormalization: Rule = (step) => {
  const [data] = step.inputs;
  const axis = fromFront(step.integer('axis') ?? -1, data?.dims);
  if (data?.dims === undefined || axis === undefined || !areFixed(step)) return undefined;
  if (data.rows !== undefined && data.rows.axis >= axis) return undefined;
  const rank = data.dims.length;
  if (
    !step.inputs.every(
      (input, at) => at === 0 || input === undefined || (input.dims?.length ?? rank) <= rank - axis,
    )
  )
    return undefined;
  const statistics = moved(
    data,
    data.dims.map((one, at) => (at >= axis ? size(1) : one)),
  );
  return [moved(data, data.dims), statistics, statistics];
};

/** LayerNormalization of a sum, over the last axis. */
const skipLayerNormalization: Rule = (step) => {
  const [data, skip] = step.inputs;
  if (!data || !skip || !areFixed(step, 2)) return undefined;
  if (!step.inputs.every((input, at) => at < 2 || input === undefined || input.dims?.length === 1))
    return undefined;
  const sum = broadcast([data, skip], fresh);
  const last = (sum?.dims?.length ?? 0) - 1;
  if (sum?.dims === undefined || sum.rows?.axis === last) return undefined;
  const statistics = moved(
    sum,
    sum.dims.map((one, at) => (at === last ? size(1) : one)),
  );
  return [sum, statistics, statistics, sum];
};

const meanVariance: Rule = (step) => {
  const [data] = step.inputs;
  const axes = (step.integers('axes') ?? [0, 2, 3]).map((axis) => fromFront(axis, data?.dims));
  if (data?.dims === undefined || (data.rows !== undefined && axes.includes(data.rows.axis)))
    return undefined;
  return moved(data, data.dims);
};

/** Uses the statistics of the training, never those of the run (its batch). */
const batchNormalization: Rule = (step) => {
  const [data] = step.inputs;
  const trains = step.integer('training_mode') === 1 || step.outputs > 1 || step.has('is_test');
  if (data?.dims === undefined || trains || data.rows?.axis === 1 || !areFixed(step)) return undefined;
  return moved(data, data.dims);
};

/** Rows along the first axis, each with the same weights; `channels` is known from the weights. */
function convolution(weights: number): Rule {
  return (step) => {
    const [data] = step.inputs;
    const filters = step.inputs[weights]?.dims;
    if (data?.dims === undefined || (data.rows !== undefined && data.rows.axis !== 0)) return undefined;
    if (!areFixed(step)) return undefined;
    return moved(
      data,
      data.dims.map((one, axis) =>
        axis === 0 ? one : axis === 1 && step.operator.endsWith('Conv') ? (filters?.[0] ?? fresh()) : fresh(),
      ),
    );
  };
}

const quantizedConvolution: Rule = (step) => {
  const isFloat = step.operator === 'ConvInteger';
  const scales = isFloat ? [step.inputs[2]] : [1, 2, 6, 7].map((at) => step.inputs[at]);
  return scales.every(isScalar) ? convolution(isFloat ? 1 : 3)(step) : undefined;
};

/** Windows over the positions of a channel; the indices of MaxPool count through the whole run. */
const pooling: Rule = ({ inputs: [data], outputs }) => {
  if (data?.dims === undefined || (data.rows !== undefined && data.rows.axis > 1)) return undefined;
  const pooled = moved(
    data,
    data.dims.map((one, axis) => (axis < 2 ? one : fresh())),
  );
  const indices: Value = data.rows === undefined ? pooled : { mixed: 'the indices of MaxPool' };
  return outputs < 2 ? pooled : [pooled, indices];
};

const globalPooling: Rule = ({ inputs: [data] }) => {
  if (data?.dims === undefined || (data.rows !== undefined && data.rows.axis > 1)) return undefined;
  return moved(
    data,
    data.dims.map((one, axis) => (axis < 2 ? one : size(1))),
  );
};

/** LSTM, GRU and RNN: time comes first and the rows second, unless the layout says otherwise. */
const recurrent: Rule = (step) => {
  const [data, weights, recurrence, bias, lengths, state, cell, peepholes] = step.inputs;
  const batchFirst = step.integer('layout') === 1;
  const axis = batchFirst ? 0 : 1;
  if (data?.rows === undefined || data.dims?.length !== 3 || data.rows.axis !== axis) return undefined;
  if ([weights, recurrence, bias, peepholes].some((one) => one?.rows !== undefined)) return undefined;
  const length = data.dims[axis] ?? fresh();
  const lies = (input: Flow | undefined, at: number) =>
    input === undefined || (input.rows?.axis === at && sameRows(moved(data, [length], 0), flat(input)));
  if (!lies(lengths, 0) || !lies(state, axis) || !lies(cell, axis)) return undefined;
  const steps = data.dims[1 - axis] ?? fresh();
  const directions = step.text('direction') === 'bidirectional' ? size(2) : size(1);
  const width = size(step.integer('hidden_size') ?? Number.NaN);
  const hidden = Number.isNaN(width.factor) ? fresh() : width;
  const last = moved(data, batchFirst ? [length, directions, hidden] : [directions, length, hidden], axis);
  const all = batchFirst ? [length, steps, directions, hidden] : [steps, directions, length, hidden];
  return [moved(data, all, batchFirst ? 0 : 2), last, last];
};

/**
 * Attention over inputs whose rows come first; caches of earlier positions are not followed.
 * @param together how many of the first inputs must have the rows
 * @param weights inputs that are the same for all rows
 * @param masks inputs that either have the rows first and the given number of dimensions, or are the same for all rows
 */
function attention(
  together: number,
  weights: readonly number[],
  masks: ReadonlyMap<number, readonly number[]>,
): Rule {
  return (step) => {
    const [data] = step.inputs;
    if (data?.dims === undefined || data.rows?.axis !== 0 || step.outputs > 1) return undefined;
    const isApart = step.inputs.every((input, at) => {
      if (input === undefined || at === 0) return true;
      if (at < together) return sameRows(data, input);
      if (weights.includes(at)) return input.rows === undefined;
      const ranks = masks.get(at);
      if (ranks === undefined || input.dims === undefined) return false;
      if (input.rows === undefined) return input.dims.length > 1 && isNumber(input.dims[0], 1);
      return ranks.includes(input.dims.length) && sameRows(data, input);
    });
    if (!isApart) return undefined;
    return moved(
      data,
      data.dims.map((one, axis) => (axis === 2 || axis === 3 ? fresh() : one)),
    );
  };
}

export const layerRules: Readonly<Record<string, Rule>> = {
  Softmax: softmax,
  LogSoftmax: softmax,
  Hardmax: softmax,
  LpNormalization: alongAxis(-1),
  LayerNormalization: layerNormalization,
  RMSNormalization: layerNormalization,
  SimplifiedLayerNormalization: layerNormalization,
  MeanVarianceNormalization: meanVariance,
  InstanceNormalization: within(1),
  GroupNormalization: within(1),
  LRN: within(1),
  BatchNormalization: batchNormalization,
  Conv: convolution(1),
  ConvTranspose: convolution(1),
  ConvInteger: quantizedConvolution,
  QLinearConv: quantizedConvolution,
  MaxPool: pooling,
  AveragePool: pooling,
  LpPool: pooling,
  GlobalAveragePool: globalPooling,
  GlobalMaxPool: globalPooling,
  GlobalLpPool: globalPooling,
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
  Attention: attention(3, [], new Map([[3, [4]]])),
};

/** Operators of the domain com.microsoft. */
export const fusedLayerRules: Readonly<Record<string, Rule>> = {
  FusedConv: convolution(1),
  SkipLayerNormalization: skipLayerNormalization,
  SkipSimplifiedLayerNormalization: skipLayerNormalization,
  Attention: attention(1, [1, 2], new Map([[3, [1, 2, 3]]])),
  MultiHeadAttention: attention(
    3,
    [3],
    new Map([
      [4, [1, 2, 3]],
      [5, [4]],
    ]),
  ),
};
