import type { TensorSpec } from '../../registry/signature.ts';
import type { Tensor } from '../../tensors/datatypes.ts';
import { readElement } from '../../tensors/elements.ts';
import type { NamedTensors } from '../engine/protocol.ts';
import { classByScores, classIndex } from './labels.ts';
import { className, type PredictedValue, type RowPrediction, sumToOne, toleranceOf } from './predictions.ts';
import { classesOf, type Reading, readingOf } from './reading.ts';

/** Predictions of several rows: what `readPredictions` says of them but for the scores. */
export interface PredictionColumns {
  rows: number;
  /** Numbers with NaN for null; or one of few values each. */
  values:
    | { numbers: Float64Array }
    | { entries: Exclude<PredictedValue, PredictedValue[]>[]; codes: Int32Array };
  /** Where the rows have probabilities: the classes, and for each class one probability a row. */
  classes: string[] | undefined;
  probabilities: Float64Array[];
}

/** One row of them. */
export function predictionAt(
  { values, classes, probabilities }: PredictionColumns,
  row: number,
): RowPrediction {
  return {
    value: predictedValue(values, row),
    probabilities: classes?.map((label, index) => [label, probabilities[index]?.[row] ?? Number.NaN]),
  };
}

export function predictedValue(values: PredictionColumns['values'], row: number): PredictedValue {
  if (!('numbers' in values)) return values.entries[values.codes[row] ?? 0] ?? null;
  const number = values.numbers[row] ?? Number.NaN;
  return Number.isNaN(number) ? null : number;
}

/**
 * Reads the outputs of a run as `readPredictions` does, without an object a row.
 * @returns undefined where the predictions are not one value a row with as many probabilities each
 * @throws as readPredictions
 */
export function readPredictionColumns(
  signature: readonly TensorSpec[],
  outputs: NamedTensors,
  classLabels: readonly string[] | undefined,
  rows: number,
): PredictionColumns | undefined {
  const specs = signature.filter(({ role }) => role !== 'call');
  const names = classLabels ?? classesOf(specs).map(String);
  const reading = readingOf(specs, names);
  const { label, columns } = reading;
  if (label === undefined && columns.length === 0) {
    const [only] = specs;
    const found = specs.length === 1 ? matrixOf(only, outputs, rows) : undefined;
    const [numbers] = found ?? [];
    if (numbers === undefined || found?.length !== 1) return undefined;
    return { rows, values: { numbers }, classes: undefined, probabilities: [] };
  }
  if (columns.length !== 1) return undefined;
  const given = matrixOf(specOf(specs, columns[0]), outputs, rows);
  const scores = given && reading.isPositive ? bothOf(given) : given;
  if (given === undefined || scores === undefined) return undefined;
  const values =
    label === undefined
      ? mostProbable(scores, reading, names, rows)
      : labelled(label, reading, names, specs, outputs, given, rows);
  if (values === undefined) return undefined;
  const shown = reading.areProbabilities ? shownRows(specs, columns, scores, rows) : 0;
  if (shown > 0 && shown < rows) return undefined;
  if (shown === 0) return { rows, values, classes: undefined, probabilities: [] };
  const classes = scores.map((_, index) => names[index] ?? String(index));
  return { rows, values, classes, probabilities: scores };
}

type Codes = Extract<PredictionColumns['values'], { codes: Int32Array }>;

/** Values that are few, each once. */
function codeBuilder(rows: number) {
  const entries: Codes['entries'] = [];
  const codes = new Int32Array(rows);
  const known = new Map<PredictedValue, number>();
  return {
    set(row: number, value: Codes['entries'][number]): void {
      let code = known.get(value);
      if (code === undefined) {
        code = entries.push(value) - 1;
        known.set(value, code);
      }
      codes[row] = code;
    },
    values: { entries, codes },
  };
}

/** The class of each row by the label that the model gives, see classByScores. */
function labelled(
  label: string,
  { decidedBy, classes, ...rest }: Reading,
  names: readonly string[],
  specs: readonly TensorSpec[],
  outputs: NamedTensors,
  fallback: readonly Float64Array[],
  rows: number,
): Codes | undefined {
  const tensor = byRow(specOf(specs, label), outputs, rows);
  if (tensor === undefined || tensor.data.length !== rows) return undefined;
  const deciding = decidedBy === undefined ? undefined : matrixOf(specOf(specs, decidedBy), outputs, rows);
  if (decidedBy !== undefined && deciding?.length !== classes.length) return undefined;
  const found = codeBuilder(rows);
  const known = new Map<unknown, { index: number; name: Codes['entries'][number] }>();
  const reading = { decidedBy, classes, ...rest };
  for (let row = 0; row < rows; row++) {
    const raw = tensor.data[row];
    let one = known.get(raw);
    if (one === undefined) {
      const given = readElement(tensor, row);
      const name = className(given, reading, names);
      if (Array.isArray(name)) return undefined;
      one = { index: classIndex(classes, given), name };
      known.set(raw, one);
    }
    const isDecided =
      classes.length === 0 ||
      (one.index !== -1 && (deciding === undefined || isLargest(deciding, one.index, row)));
    if (isDecided) found.set(row, one.name);
    else {
      const at = (columns: readonly Float64Array[]) => columns.map((column) => column[row] ?? Number.NaN);
      const code = classByScores(readElement(tensor, row), classes, deciding && at(deciding), at(fallback));
      const name = className(code, reading, names);
      if (Array.isArray(name)) return undefined;
      found.set(row, name);
    }
  }
  return found.values;
}

/** Whether the score of a class is finite and above all others: then it is the class for certain. */
function isLargest(scores: readonly Float64Array[], index: number, row: number): boolean {
  const own = scores[index]?.[row] ?? Number.NaN;
  if (!Number.isFinite(own)) return false;
  for (let other = 0; other < scores.length; other++)
    if (other !== index && !((scores[other]?.[row] ?? Number.NaN) < own)) return false;
  return true;
}

function mostProbable(
  scores: readonly Float64Array[],
  reading: Reading,
  names: readonly string[],
  rows: number,
): Codes | undefined {
  const classNames = scores.map((_, index) => className(reading.classes[index] ?? index, reading, names));
  const found = codeBuilder(rows);
  for (let row = 0; row < rows; row++) {
    let best = 0;
    for (let index = 0; index < scores.length; index++) {
      const value = scores[index]?.[row] ?? Number.NaN;
      if (Number.isNaN(value)) return undefined;
      if (value > (scores[best]?.[row] ?? Number.NaN)) best = index;
    }
    const name = classNames[best];
    if (name === undefined || Array.isArray(name)) return undefined;
    found.set(row, name);
  }
  return found.values;
}

/** Both probabilities, from the second; undefined where one is none. */
function bothOf([second]: readonly Float64Array[]): Float64Array[] | undefined {
  if (second?.every((value) => value >= 0 && value <= 1) !== true) return undefined;
  return [second.map((value) => 1 - value), second];
}

/** How many rows have probabilities that can be shown as such. */
function shownRows(
  specs: readonly TensorSpec[],
  columns: readonly string[],
  scores: readonly Float64Array[],
  rows: number,
): number {
  const values = new Array<number>(scores.length);
  const tolerance = toleranceOf(specs, columns);
  let shown = 0;
  for (let row = 0; row < rows; row++) {
    for (let index = 0; index < scores.length; index++) values[index] = scores[index]?.[row] ?? Number.NaN;
    if (sumToOne(values, tolerance)) shown++;
  }
  return shown;
}

function specOf(specs: readonly TensorSpec[], name: string | undefined): TensorSpec | undefined {
  return specs.find((spec) => spec.name === name);
}

/** An output whose rows lie along its first axis. */
function byRow(spec: TensorSpec | undefined, outputs: NamedTensors, rows: number): Tensor | undefined {
  const tensor = outputs.get(spec?.name ?? '');
  if (spec === undefined || tensor === undefined || tensor.shape[0] !== rows || rows === 0) return undefined;
  const free = spec.shape.indexOf(-1);
  const isFirst =
    spec.row_axis === undefined ? free <= 0 || tensor.shape[free] !== rows : spec.row_axis === 0;
  return isFirst ? tensor : undefined;
}

/** The columns of an output of numbers with one or more a row; what is not finite is NaN. */
function matrixOf(
  spec: TensorSpec | undefined,
  outputs: NamedTensors,
  rows: number,
): Float64Array[] | undefined {
  const tensor = byRow(spec, outputs, rows);
  if (tensor === undefined || tensor.shape.length > 2 || !areNumbers(tensor)) return undefined;
  const { data } = tensor;
  const width = data.length / rows;
  return Array.from({ length: width }, (_, column) => {
    const values = new Float64Array(rows);
    for (let row = 0, at = column; row < rows; row++, at += width) {
      const value = Number(data[at]);
      values[row] = Number.isFinite(value) ? value : Number.NaN;
    }
    return values;
  });
}

/** Whether elements are what JSON's numbers are: no booleans, no integers beyond them, no bits of half precision. */
function areNumbers({ datatype: name }: Tensor): boolean {
  return !['BOOL', 'BYTES', 'FP16', 'INT64', 'UINT64'].includes(name);
}

/** The rows of all, one after another; undefined where they are not alike, or there are none. */
export function joinPredictions(parts: readonly PredictionColumns[]): PredictionColumns | undefined {
  const [first] = parts;
  if (first === undefined || parts.length === 1) return first;
  const classes = JSON.stringify(first.classes);
  if (parts.some((part) => JSON.stringify(part.classes) !== classes)) return undefined;
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const values = joinValues(parts, rows);
  if (values === undefined) return undefined;
  const probabilities = first.probabilities.map((_, index) =>
    joinNumbers(
      parts.map((part) => part.probabilities[index] ?? new Float64Array(part.rows)),
      rows,
    ),
  );
  return { rows, values, classes: first.classes, probabilities };
}

function joinValues(
  parts: readonly PredictionColumns[],
  rows: number,
): PredictionColumns['values'] | undefined {
  const numbers = parts.flatMap(({ values }) => ('numbers' in values ? [values.numbers] : []));
  if (numbers.length === parts.length) return { numbers: joinNumbers(numbers, rows) };
  if (numbers.length > 0) return undefined;
  const joined = codeBuilder(rows);
  let start = 0;
  for (const { values, rows: count } of parts) {
    if ('numbers' in values) return undefined;
    for (let row = 0; row < count; row++)
      joined.set(start + row, values.entries[values.codes[row] ?? 0] ?? null);
    start += count;
  }
  return joined.values;
}

function joinNumbers(parts: readonly Float64Array[], rows: number): Float64Array {
  const joined = new Float64Array(rows);
  let start = 0;
  for (const part of parts) {
    joined.set(part, start);
    start += part.length;
  }
  return joined;
}
