import { fixed, moved, sameRows } from './flow.ts';
import { fresh } from './node.ts';
import { unary } from './rules_math.ts';
import { product, size, times } from './sizes.ts';
import { areFixed, type Rule, type Step } from './step.ts';

/** Operators of ai.onnx.ml: most take a table of rows × columns, each row for itself. */

/** A table whose rows come first; a tensor of one dimension is one row to these operators. */
function ofTable(step: Step) {
  const [data] = step.inputs;
  return data?.dims?.length === 2 && (data.rows === undefined || data.rows.axis === 0) ? data : undefined;
}

/** From a table to one with `width` columns; undefined: their number is not known. */
function tableOf(width: (step: Step) => number | undefined): Rule {
  return (step) => {
    const data = ofTable(step);
    const columns = width(step);
    if (data?.dims === undefined || !areFixed(step)) return undefined;
    return moved(data, [data.dims[0] ?? fresh(), columns === undefined ? fresh() : size(columns)]);
  };
}

const table = tableOf(() => undefined);

const sameTable: Rule = (step) => {
  const data = ofTable(step);
  return data?.dims && moved(data, data.dims);
};

/** The label of each row, and its scores. */
function classifier(width: (step: Step, classes: number) => number | undefined): Rule {
  return (step) => {
    const data = ofTable(step);
    const rows = data?.dims?.[0];
    if (data === undefined || rows === undefined) return undefined;
    const classes = Math.max(...classNames.map(step.count));
    const columns = classes < 2 ? undefined : width(step, classes);
    return [moved(data, [rows]), moved(data, [rows, columns === undefined ? fresh() : size(columns)])];
  };
}

const classNames = ['classlabels_int64s', 'classlabels_ints', 'classlabels_strings'];

/** One column a class; where two classes have one set of weights, the runtime adds the column of the other. */
function linearScores({ count }: Step, classes: number): number | undefined {
  const sets = count('intercepts');
  return sets === classes || (sets === 1 && classes === 2) ? classes : undefined;
}

/** With one number for all columns, the form of the tensor does not matter. */
const scaler: Rule = (step) =>
  ['offset', 'scale'].every((name) => step.count(name) <= 1) ? unary(step) : sameTable(step);

const imputer: Rule = (step) =>
  step.count('imputed_value_floats') + step.count('imputed_value_int64s') === 1
    ? unary(step)
    : sameTable(step);

const oneHotEncoder: Rule = ({ inputs: [data], count }) => {
  if (data?.dims === undefined) return undefined;
  const categories = count('cats_int64s') || count('cats_strings');
  return moved(data, [...data.dims, categories > 0 ? size(categories) : fresh()]);
};

/** Columns by their numbers: of a table, or of a list of classes that the rows choose from. */
const arrayFeatureExtractor: Rule = ({ inputs: [data, indices] }) => {
  if (data?.dims === undefined || indices?.dims === undefined) return undefined;
  const { dims } = data;
  const last = dims.length - 1;
  const leading = dims.length === 1 ? [size(1)] : dims.slice(0, last);
  const whole = [...leading, product(indices.dims)];
  if (indices.rows === undefined)
    return data.rows?.axis === last ? undefined : data.rows === undefined ? fixed(whole) : moved(data, whole);
  if (data.rows !== undefined) return undefined;
  const outer = times(product(indices.dims.slice(0, indices.rows.axis)), indices.rows.outer);
  return { dims: whole, rows: { axis: whole.length - 1, outer } };
};

const featureVectorizer: Rule = ({ inputs }) => {
  const tables = inputs.flatMap((input) => input ?? []);
  const [first] = tables;
  if (first?.rows?.axis !== 0 || !tables.every((table) => table.dims?.length === 2 && sameRows(first, table)))
    return undefined;
  return moved(first, [first.dims?.[0] ?? fresh(), fresh()]);
};

export const mlRules: Readonly<Record<string, Rule>> = {
  LinearClassifier: classifier(linearScores),
  LinearRegressor: tableOf(({ integer }) => integer('targets') ?? 1),
  SVMClassifier: classifier(() => undefined),
  SVMRegressor: table,
  TreeEnsembleClassifier: classifier((_, classes) => classes),
  TreeEnsembleRegressor: tableOf(({ integer }) => integer('n_targets') ?? 1),
  TreeEnsemble: tableOf(({ integer }) => integer('n_targets') ?? 1),
  Normalizer: sameTable,
  Scaler: scaler,
  Imputer: imputer,
  Binarizer: unary,
  LabelEncoder: unary,
  CategoryMapper: unary,
  OneHotEncoder: oneHotEncoder,
  ArrayFeatureExtractor: arrayFeatureExtractor,
  FeatureVectorizer: featureVectorizer,
  ZipMap: unary,
};

/** TfIdfVectorizer is one of ONNX's own operators, but takes tables in the same way. */
export const textRules: Readonly<Record<string, Rule>> = { TfIdfVectorizer: table };
