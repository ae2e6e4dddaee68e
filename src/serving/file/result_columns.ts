import { ModelYardError } from '../../errors.ts';
import { classValues } from '../../registry/actual_value.ts';
import type { VersionRecord } from '../../registry/version_record.ts';
import type { ResultCell, ResultColumn, ResultValues } from '../../tables/table.ts';
import type { PredictionColumns } from '../codec/prediction_columns.ts';
import type { PredictedValue, RowPrediction } from '../codec/predictions.ts';

/** How predictions become columns of the output. */
export interface ResultLayout {
  columns: ResultColumn[];
  /** The cells of an answered row but the first, its prediction id; or why they do not fit the columns. */
  cells(prediction: RowPrediction): ResultCell[] | { error: string };
  failedCells(error: string): ResultCell[];
  /** The same cells of many rows by columns; undefined where they do not fit the columns. */
  columnValues(predictions: PredictionColumns): ResultValues[] | undefined;
}

export const idColumn = 'prediction_id';
const maxResultColumns = 10_000;

/**
 * The columns that the output adds: `prediction_id`, `prediction` (`prediction[0]`, … for arrays), `P(class)` for
 * each class, `error`.
 * @param first the first prediction of the file, by whose form all are laid out; undefined when there is none.
 * @throws LIMIT_EXCEEDED for predictions of more than 10 000 numbers
 */
export function resultLayout(record: VersionRecord, first: RowPrediction | undefined): ResultLayout {
  const values = flatten(first?.value ?? null);
  const classes = (first?.probabilities ?? []).map(([label]) => label);
  if (values.length + classes.length > maxResultColumns)
    throw new ModelYardError(
      'LIMIT_EXCEEDED',
      `A prediction of this model has ${values.length + classes.length} numbers; a file takes at most ${maxResultColumns} a row.`,
      'Name in `outputs` only those that you need, or call predict, row by row.',
    );
  const valueColumns = values.map(({ path, value }) => ({
    name: `prediction${path}`,
    type: columnType(record, value, classes.length > 0),
  }));
  const columns: ResultColumn[] = [
    { name: idColumn, type: 'text' },
    ...valueColumns,
    ...classes.map((label) => ({ name: `P(${label})`, type: 'number' as const })),
    { name: 'error', type: 'text' },
  ];
  return {
    columns,
    cells({ value, probabilities }) {
      const given = flatten(value);
      if (given.length !== values.length)
        return {
          error: `The prediction has ${given.length} values, but that of the first row ${values.length}.`,
        };
      const byClass = new Map(probabilities);
      return [
        ...given.map((entry, index) => cellOf(entry.value, valueColumns[index]?.type)),
        ...classes.map((label) => finiteOrNull(byClass.get(label))),
        undefined,
      ];
    },
    columnValues({ rows, values: given, classes: named, probabilities }) {
      const type = valueColumns[0]?.type;
      const isAlike = valueColumns.length === 1 && valueColumns[0]?.name === 'prediction';
      if (!isAlike || JSON.stringify(named ?? []) !== JSON.stringify(classes)) return undefined;
      if ('numbers' in given && type !== 'number' && type !== 'integer') return undefined;
      const value =
        'numbers' in given
          ? given
          : { values: given.entries.map((entry) => cellOf(entry, type)), positions: given.codes };
      const none = { values: [undefined], positions: new Uint8Array(rows) };
      return [value, ...probabilities.map((numbers) => ({ numbers })), none];
    },
    failedCells: (error) => [...columns.slice(1).map(() => undefined), error],
  };
}

/** The columns' names before any prediction is known: none of them may be a column of the input. */
export function isResultColumn(name: string): boolean {
  return [idColumn, 'prediction', 'error'].includes(name) || /^prediction(\[\d+\])+$|^P\(.*\)$/s.test(name);
}

interface FlatValue {
  /** `[0][1]`; empty for a value that is no array. */
  path: string;
  value: Exclude<PredictedValue, PredictedValue[]>;
}

function flatten(value: PredictedValue, path = ''): FlatValue[] {
  if (!Array.isArray(value)) return [{ path, value }];
  return value.flatMap((element, index) => flatten(element, `${path}[${index}]`));
}

/** Whether a prediction is a whole number by the model's declaration, not by chance. */
export function hasIntegerValues({ signature, classLabels }: VersionRecord): boolean {
  const [first] = signature.outputs;
  return classLabels === undefined && first !== undefined && /^U?INT/.test(first.datatype);
}

function columnType(
  record: VersionRecord,
  value: FlatValue['value'],
  isLabel: boolean,
): ResultColumn['type'] {
  if (typeof value === 'boolean') return 'boolean';
  if (record.classLabels !== undefined && isLabel) {
    const classes = classValues(record.signature.outputs, record.classLabels);
    // A label outside the class labels stays a number; among texts it is text.
    if (!classes.every((name) => typeof name === 'number')) return 'text';
    return classes.every(Number.isInteger) ? 'integer' : 'number';
  }
  if (hasIntegerValues(record) && /^-?\d+$/.test(String(value))) return 'integer';
  return typeof value === 'string' ? 'text' : 'number';
}

function cellOf(value: FlatValue['value'], type: ResultColumn['type'] | undefined): ResultCell {
  if (type === 'text' && value !== null) return String(value);
  if (type === 'integer' && typeof value === 'string') return BigInt(value);
  return value;
}

function finiteOrNull(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null;
}
