import { ModelYardError } from '../../errors.ts';
import type { VersionRecord } from '../../registry/version_record.ts';
import type { PredictedValue, RowPrediction } from '../codec/predictions.ts';
import type { ResultCell, ResultColumn } from './table.ts';

/** How predictions become columns of the output. */
export interface ResultLayout {
  columns: ResultColumn[];
  /** The cells of an answered row but the first, its prediction id; or why they do not fit the columns. */
  cells(prediction: RowPrediction): ResultCell[] | { error: string };
  failedCells(error: string): ResultCell[];
}

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
      'Call predict, row by row, for a model with such outputs.',
    );
  const valueColumns = values.map(({ path, value }) => ({
    name: `prediction${path}`,
    type: columnType(record, value, classes.length > 0),
  }));
  const columns: ResultColumn[] = [
    { name: 'prediction_id', type: 'text' },
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
    failedCells: (error) => [...columns.slice(1).map(() => undefined), error],
  };
}

/** The columns' names before any prediction is known: none of them may be a column of the input. */
export function isResultColumn(name: string): boolean {
  return (
    ['prediction_id', 'prediction', 'error'].includes(name) || /^prediction(\[\d+\])+$|^P\(.*\)$/s.test(name)
  );
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
  // A label outside the class labels stays a number; among texts it is text.
  if (record.classLabels !== undefined && isLabel) return 'text';
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
