import { type LogColumn, valueAt } from '../prediction_log/column.ts';
import type { Feature, Signature } from '../registry/signature.ts';
import type { NamedTensors } from '../serving/engine/protocol.ts';
import { type Datatype, datatype, elementCount, type TensorData } from '../tensors/datatypes.ts';
import { describeDatatype, writeElement, writeMissing } from '../tensors/elements.ts';
import { show } from '../tensors/shown_value.ts';

/** Features of several rows as they were given, by name. */
export interface FeatureColumns {
  rows: number;
  columns: ReadonlyMap<string, LogColumn>;
  /** Whether a row has a feature of that name at all, even a missing value; undefined: every row that has a column. */
  has?: ((name: string) => ((row: number) => boolean) | undefined) | undefined;
}

/** The rows that fit a signature, and why the others do not. */
export interface FittingRows {
  /** Numbers of the rows that fit, ascending. */
  rows: Uint32Array;
  /** How many rows were refused, by reason. */
  refused: Map<string, number>;
  /** Features that the source has for no row. */
  absent: string[];
}

/** Which rows a version can take: every feature is there and of its datatype. */
export function fittingRows({ features }: Signature, given: FeatureColumns): FittingRows {
  const reasons = new Int32Array(given.rows);
  const texts: string[] = [''];
  const absent: string[] = [];
  for (const feature of features) {
    const column = given.columns.get(feature.name);
    const has = given.has?.(feature.name);
    let [lacking, missing, unfit] = [0, 0, 0];
    const refuse = (row: number, known: number, text: () => string): number => {
      const reason = known === 0 ? texts.push(text()) - 1 : known;
      reasons[row] = reason;
      return reason;
    };
    if (column === undefined) absent.push(feature.name);
    const fits = column && fitOf(feature, column);
    for (let row = 0; row < given.rows; row++) {
      if (reasons[row] !== 0) continue;
      if (column === undefined || fits === undefined || has?.(row) === false)
        lacking = refuse(row, lacking, () => `"${feature.name}" was not given or not logged`);
      else if (!fits(row)) {
        const value = valueAt(column, row);
        if (value === null) missing = refuse(row, missing, () => unfitText(feature, value));
        else unfit = refuse(row, unfit, () => unfitText(feature, value));
      }
    }
  }
  const rows = new Uint32Array(given.rows);
  const counts = new Float64Array(texts.length);
  let found = 0;
  for (let row = 0; row < given.rows; row++) {
    const reason = reasons[row] ?? 0;
    if (reason === 0) rows[found++] = row;
    else counts[reason] = (counts[reason] ?? 0) + 1;
  }
  return {
    rows: rows.subarray(0, found),
    refused: new Map(texts.slice(1).map((text, index) => [text, counts[index + 1] ?? 0])),
    absent,
  };
}

function unfitText({ name, datatype: type }: Feature, value: unknown): string {
  return value === null
    ? `"${name}" is missing, and the model takes no missing value there`
    : `"${name}" is not ${describeDatatype(datatype(type))}, for example ${show(value)}`;
}

/** Whether the value of a row fits the feature. */
function fitOf({ datatype: name, nullable }: Feature, column: LogColumn): (row: number) => boolean {
  const type = datatype(name);
  const scratch = elementsOf(type, 1);
  const isFit = (value: unknown) =>
    value === null
      ? nullable === true && writeMissing(scratch, 0, type)
      : writeElement(scratch, 0, type, value);
  if (column.kind === 'dictionary') {
    const fits = column.entries.map(isFit);
    return (row) => fits[column.codes[row] ?? 0] ?? false;
  }
  if (column.kind === 'numbers' && type.kind === 'float') {
    const { min, max } = type;
    const { values } = column;
    return (row) => {
      const value = values[row] ?? Number.NaN;
      return (value >= min && value <= max) || (nullable === true && Number.isNaN(value));
    };
  }
  return (row) => isFit(valueAt(column, row));
}

/**
 * The tensors of some rows, all of which fit: row i of every tensor comes from the ith of them, as encodeRecords makes them.
 */
export function tensorsOf(
  { features, inputs }: Signature,
  { columns }: FeatureColumns,
  rows: Uint32Array,
): NamedTensors {
  const tensors: NamedTensors = new Map();
  for (const input of inputs) {
    const own = features.filter((feature) => feature.input === input.name);
    const shape = input.shape.length === 1 ? [rows.length] : [rows.length, own.length];
    const type = datatype(input.datatype);
    const data = elementsOf(type, elementCount(shape));
    for (const feature of own) {
      const column = columns.get(feature.name);
      if (column !== undefined) writeColumn(data, type, column, rows, feature.column, own.length);
    }
    tensors.set(input.name, { datatype: input.datatype, shape, data });
  }
  return tensors;
}

function elementsOf(type: Datatype, length: number): TensorData {
  return type.kind === 'string' ? new Array<string>(length).fill('') : type.create(length);
}

function writeColumn(
  data: TensorData,
  type: Datatype,
  column: LogColumn,
  rows: Uint32Array,
  first: number,
  step: number,
): void {
  if (column.kind === 'numbers' && type.kind === 'float') {
    const { values } = column;
    for (let index = 0, at = first; index < rows.length; index++, at += step)
      data[at] = values[rows[index] ?? 0] ?? Number.NaN;
    return;
  }
  for (let index = 0, at = first; index < rows.length; index++, at += step) {
    const value = valueAt(column, rows[index] ?? 0);
    if (value === null) writeMissing(data, at, type);
    else writeElement(data, at, type, value);
  }
}
