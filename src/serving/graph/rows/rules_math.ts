import { broadcast, fixed, moved } from './flow.ts';
import { fresh } from './node.ts';
import { fusedLayerRules, layerRules } from './rules_layers.ts';
import { dropped, fusedProductRules, productRules } from './rules_products.ts';
import { isNumber, size } from './sizes.ts';
import { areFixed, fromFront, integersOf, isScalar, type Rule } from './step.ts';

/** Operators that compute, element by element and over axes. */

/** Element by element; the other inputs are single numbers that apply to all elements. */
export const unary: Rule = (step) => {
  const [data] = step.inputs;
  if (data === undefined) return undefined;
  return areFixed(step) ? { ...data, elements: undefined } : undefined;
};

/** Element by element, broadcast as in numpy; operator sets before 7 broadcast differently. */
const elementwise: Rule = (step) => {
  if (step.has('broadcast') || step.has('axis')) return undefined;
  return broadcast(
    step.inputs.flatMap((input) => input ?? []),
    fresh,
  );
};

const dropout: Rule = (step) => {
  const training = step.inputs[2];
  const isOff = training === undefined || isNumber(training.elements?.[0], 0);
  return isOff ? unary(step) : undefined;
};

/** Over axes that an input or an attribute names. */
function reduce(axesInputFrom: number): Rule {
  return (step) => {
    const [data] = step.inputs;
    if (data?.dims === undefined || !areFixed(step)) return undefined;
    const { dims, rows } = data;
    const isInput = step.opset >= axesInputFrom && step.inputs[1] !== undefined;
    const given = isInput ? integersOf(step, 1, '') : (step.integers('axes') ?? []);
    if (given === undefined) return undefined;
    if (given.length === 0 && step.integer('noop_with_empty_axes') === 1) return moved(data, dims);
    const axes =
      given.length === 0 ? dims.map((_, axis) => axis) : given.map((axis) => fromFront(axis, dims));
    if (rows !== undefined && axes.includes(rows.axis)) return undefined;
    if ((step.integer('keepdims') ?? 1) === 1)
      return moved(
        data,
        dims.map((one, axis) => (axes.includes(axis) ? size(1) : one)),
      );
    const before = axes.filter((axis) => axis !== undefined && rows !== undefined && axis < rows.axis).length;
    return moved(
      data,
      dims.filter((_, axis) => !axes.includes(axis)),
      rows && rows.axis - before,
    );
  };
}

const argument: Rule = ({ inputs: [data], integer }) => {
  const axis = fromFront(integer('axis') ?? 0, data?.dims);
  if (data?.dims === undefined || axis === undefined || axis === data.rows?.axis) return undefined;
  if ((integer('keepdims') ?? 1) === 0) return dropped(data, axis);
  return moved(
    data,
    data.dims.map((one, at) => (at === axis ? size(1) : one)),
  );
};

/** Quantised numbers with one scale for all, or one for each index of an axis other than that of the rows. */
const quantize: Rule = (step) => {
  const [data, scale] = step.inputs;
  if (data?.dims === undefined || !areFixed(step)) return undefined;
  if (data.rows === undefined || step.inputs.every((input, at) => at === 0 || isScalar(input)))
    return moved(data, data.dims);
  const axis = fromFront(step.integer('axis') ?? 1, data.dims);
  if (scale?.dims?.length !== 1 || axis === data.rows?.axis || (step.integer('block_size') ?? 0) !== 0)
    return undefined;
  return moved(data, data.dims);
};

/** a, its scale and zero point, b, its scale and zero point, then those of the result. */
const quantizedElementwise: Rule = ({ inputs: [a, sa, za, b, sb, zb, sy, zy] }) =>
  a && b && [sa, za, sb, zb, sy, zy].every(isScalar) ? broadcast([a, b], fresh) : undefined;

const quantizedUnary: Rule = (step) =>
  step.inputs.every((input, at) => at === 0 || isScalar(input)) ? unary(step) : undefined;

const range: Rule = (step) => (areFixed(step, 0) ? fixed([fresh()]) : undefined);

/** Only for tensors without rows. */
const never: Rule = () => undefined;

const unaries = [
  ...[
    'Abs',
    'Acos',
    'Acosh',
    'Asin',
    'Asinh',
    'Atan',
    'Atanh',
    'Cos',
    'Cosh',
    'Sin',
    'Sinh',
    'Tan',
    'Tanh',
    'Exp',
  ],
  ...[
    'Log',
    'Sqrt',
    'Reciprocal',
    'Neg',
    'Sign',
    'Floor',
    'Ceil',
    'Round',
    'Erf',
    'IsInf',
    'IsNaN',
    'Not',
    'BitwiseNot',
  ],
  ...[
    'Relu',
    'LeakyRelu',
    'ThresholdedRelu',
    'Elu',
    'Celu',
    'Selu',
    'Gelu',
    'HardSigmoid',
    'HardSwish',
    'Mish',
    'Shrink',
  ],
  ...['Sigmoid', 'Softplus', 'Softsign', 'Swish', 'Identity', 'Cast', 'RegexFullMatch'],
];
const elementwises = [
  ...['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Mod', 'Max', 'Min', 'Mean', 'Sum', 'And', 'Or', 'Xor', 'BitShift'],
  ...[
    'BitwiseAnd',
    'BitwiseOr',
    'BitwiseXor',
    'Equal',
    'Greater',
    'GreaterOrEqual',
    'Less',
    'LessOrEqual',
    'Where',
  ],
  ...['PRelu', 'Clip', 'StringConcat'],
];
const reductions = ['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'Sum', 'SumSquare'];

const castLike: Rule = ({ inputs: [data] }) => data && { ...data, elements: undefined };

const stringNormalizer: Rule = (step) => (step.has('stopwords') ? undefined : unary(step));

export const mathRules: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(unaries.map((name) => [name, unary])),
  ...Object.fromEntries(elementwises.map((name) => [name, elementwise])),
  ...Object.fromEntries(reductions.map((name) => [`Reduce${name}`, reduce(name === 'Sum' ? 13 : 18)])),
  ...productRules,
  ...layerRules,
  CastLike: castLike,
  StringNormalizer: stringNormalizer,
  Dropout: dropout,
  ArgMax: argument,
  ArgMin: argument,
  QuantizeLinear: quantize,
  DequantizeLinear: quantize,
  Range: range,
  // fold.ts computes the shapes that Shape and Size give.
  Shape: never,
  Size: never,
  DynamicQuantizeLinear: never,
  NonZero: never,
  Unique: never,
  Compress: never,
  EyeLike: never,
  ScatterND: never,
};

export const microsoftRules: Readonly<Record<string, Rule>> = {
  ...fusedProductRules,
  ...fusedLayerRules,
  Gelu: unary,
  QuickGelu: unary,
  FastGelu: elementwise,
  BiasGelu: elementwise,
  QuantizeLinear: quantize,
  DequantizeLinear: quantize,
  QLinearAdd: quantizedElementwise,
  QLinearMul: quantizedElementwise,
  QLinearSigmoid: quantizedUnary,
  QLinearLeakyRelu: quantizedUnary,
  CDist: ({ inputs: [a, b] }) => {
    if (a?.dims?.length !== 2 || b?.dims?.length !== 2) return undefined;
    const dims = [a.dims[0] ?? fresh(), b.dims[0] ?? fresh()];
    if (b.rows === undefined) return a.rows?.axis === 1 ? undefined : moved(a, dims);
    return a.rows === undefined && b.rows.axis === 0 ? moved(b, dims, 1) : undefined;
  },
};
