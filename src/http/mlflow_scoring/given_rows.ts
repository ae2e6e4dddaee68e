import { ModelYardError } from '../../errors.ts';
import { isPlainObject } from '../../plain_object.ts';
import type { DatatypeName } from '../../registry/datatypes.ts';
import type { Signature } from '../../registry/signature.ts';
import type { JsonRecord } from '../../serving/codec/records.ts';
import type { GivenInput, PredictInput } from '../../serving/predict_input.ts';
import { type CsvText, csvRecords } from '../../tables/csv_text.ts';
import { emptyRecord } from '../../tables/table.ts';
import type { TensorJson } from '../../tensors/json_tensors.ts';
import { nestedShape } from './nested_shape.ts';

/** `dataframe_records`: a list of rows, each an object of its features. */
export function recordsInput(rows: unknown, hasBigIntegers: boolean): GivenInput {
  const records = requireRecords('dataframe_records', rows);
  return hasBigIntegers ? (signature) => ofRecords(exactRecords(signature, records)) : ofRecords(records);
}

/** `dataframe_split`: the names of the columns, and rows as lists of their values. The index says nothing to a model. */
export function splitInput(given: unknown, hasBigIntegers: boolean): GivenInput {
  if (!isPlainObject(given))
    throw invalid(
      'dataframe_split must be an object',
      'Give {"columns": [name, …], "data": [[value, …], …]}.',
    );
  const { columns, data } = given;
  const unknown = Object.keys(given).find((name) => !['columns', 'data', 'index'].includes(name));
  if (unknown !== undefined)
    throw invalid(`dataframe_split has an unknown member ${JSON.stringify(unknown.slice(0, 60))}`, splitForm);
  if (columns !== undefined && !Array.isArray(columns))
    throw invalid('dataframe_split.columns must be a list of names', splitForm);
  if (!Array.isArray(data) || data.length === 0)
    throw invalid('dataframe_split.data must be a list of one row or more', splitForm);
  const rows = data.map((row: unknown, index) => {
    if (Array.isArray(row)) return row;
    throw invalid(`dataframe_split.data[${index}] must be a list of values`, splitForm);
  });
  // pandas numbers columns that nobody named.
  if (columns === undefined || columns.every((name, index) => name === index))
    return (signature) => ofRecords(exactRecords(signature, byPosition('dataframe_split', signature, rows)));
  const names = columns.map((name: unknown, index) => {
    if (typeof name === 'string') return name;
    throw invalid(`dataframe_split.columns[${index}] must be text`, splitForm);
  });
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined)
    throw invalid(
      `dataframe_split names the column ${JSON.stringify(repeated.slice(0, 60))} twice`,
      'Rename one of them.',
    );
  const records = named('dataframe_split', names, rows);
  return hasBigIntegers ? (signature) => ofRecords(exactRecords(signature, records)) : ofRecords(records);
}

const splitForm =
  'Give {"columns": [name, …], "data": [[value, …], …]}, as `to_dict(orient="split")` makes it.';

/** CSV: a cell is read by its feature's datatype, as those of files are. */
export function csvInput(text: CsvText): GivenInput {
  if (text.rows.length === 0)
    throw invalid('The CSV body has no row below its header', 'Give one row or more.');
  return ({ features }) =>
    ofRecords(csvRecords(text, new Map(features.map(({ name, datatype }) => [name, datatype]))));
}

/**
 * `instances`, row by row, and `inputs`, column by column, as TensorFlow Serving has them. What they mean depends on the
 * model: rows of its features where it has named features, else its input tensors.
 */
export function tensorsInput(
  field: 'instances' | 'inputs',
  given: unknown,
  hasBigIntegers: boolean,
): GivenInput {
  if (field === 'instances' && !Array.isArray(given))
    throw invalid('instances must be a list of rows', 'To give columns or tensors by name, use `inputs`.');
  if (!Array.isArray(given) && !isPlainObject(given))
    throw invalid(
      'inputs must be an object of names, or a list',
      'Give {name: values, …} or [[value, …], …].',
    );
  if (Array.isArray(given) && given.length === 0)
    throw invalid(`${field} has no row`, 'Give one row or more.');
  const isRecords = Array.isArray(given) && isPlainObject(given[0]);
  const records = isRecords ? requireRecords(field, given) : undefined;
  return (signature) => {
    const exact = hasBigIntegers ? exactRecords : (_: Signature, rows: readonly JsonRecord[]) => rows;
    const { features, inputs } = signature;
    if (records !== undefined) {
      const [first = {}] = records;
      return areTensors(signature, first, 1) || features.length === 0
        ? ofTensors(field, signature, stacked(field, records))
        : ofRecords(exact(signature, records));
    }
    if (!Array.isArray(given)) {
      const columns = isPlainObject(given) ? given : {};
      return areTensors(signature, columns, 0) || features.length === 0
        ? ofTensors(field, signature, columns)
        : ofRecords(exact(signature, transposed(field, columns)));
    }
    const [input, ...others] = inputs;
    if (input === undefined || others.length > 0)
      throw mismatch(
        `${field} is a list without names, but the model has ${inputs.length} inputs`,
        `Name them: {${inputs
          .slice(0, 5)
          .map(({ name }) => JSON.stringify(name))
          .join(': …, ')}: …}.`,
      );
    const isTable = features.length > 0 && input.shape.length === 2 && nestedShape(field, given).length === 2;
    return isTable
      ? ofRecords(exact(signature, byPosition(field, signature, given.filter(Array.isArray))))
      : ofTensors(field, signature, { [input.name]: given });
  };
}

/** Whether members are the model's input tensors: their names, nested as deeply. @param missing dimensions that a row lacks */
function areTensors({ inputs }: Signature, members: JsonRecord, missing: number): boolean {
  return Object.entries(members).every(([name, value]) => {
    const input = inputs.find((spec) => spec.name === name);
    return input !== undefined && Array.isArray(value) && depthOf(value) === input.shape.length - missing;
  });
}

function depthOf(value: unknown): number {
  return Array.isArray(value) ? 1 + depthOf(value[0]) : 0;
}

function ofRecords(records: readonly JsonRecord[]): PredictInput {
  return { kind: 'records', records };
}

function ofTensors(field: string, { inputs }: Signature, members: JsonRecord): PredictInput {
  const tensors = new Map<string, TensorJson>();
  for (const [name, value] of Object.entries(members)) {
    const datatype = inputs.find((spec) => spec.name === name)?.datatype ?? 'FP32';
    const shape = nestedShape(`${field}.${name}`, value);
    const flat: unknown[] = Array.isArray(value) ? value.flat(shape.length) : [value];
    tensors.set(name, { datatype, shape, data: flat.map((element) => exactValue(datatype, element)) });
  }
  return { kind: 'tensors', tensors };
}

/** One value a feature, in their order. */
function byPosition(field: string, { features }: Signature, rows: readonly unknown[][]): JsonRecord[] {
  if (features.length === 0)
    throw mismatch(
      `${field} has rows of values, but this model has no named features`,
      'Give its input tensors by name: {"inputs": {name: nested lists}}.',
    );
  return named(
    field,
    features.map(({ name }) => name),
    rows,
  );
}

function named(field: string, names: readonly string[], rows: readonly unknown[][]): JsonRecord[] {
  return rows.map((row, index) => {
    if (row.length !== names.length)
      throw mismatch(
        `Row ${index} of ${field} has ${row.length} values for ${names.length} columns`,
        `The columns are ${names.slice(0, 40).join(', ')}${names.length > 40 ? ', …' : ''}.`,
      );
    const record = emptyRecord();
    names.forEach((name, column) => {
      record[name] = row[column];
    });
    return record;
  });
}

/** Columns of values as rows; where all are plain values they are one row. */
function transposed(field: string, columns: JsonRecord): JsonRecord[] {
  const names = Object.keys(columns);
  const values = Object.values(columns);
  if (names.length === 0) throw invalid(`${field} is empty`, 'Give the values of each feature by its name.');
  if (!values.some(Array.isArray)) return [columns];
  const lists = values.map((value, index) => {
    if (Array.isArray(value)) return value.map(alone);
    throw mismatch(
      `${field}.${names[index]} is no list, as others are`,
      'Give a list of values for each name.',
    );
  });
  const rows = lists[0]?.length ?? 0;
  const uneven = lists.findIndex((list) => list.length !== rows);
  if (uneven >= 0)
    throw mismatch(
      `${field}.${names[uneven]} has ${lists[uneven]?.length} values, but ${field}.${names[0]} ${rows}`,
      'Give as many values for each name.',
    );
  return Array.from({ length: rows }, (_, row) => {
    const record = emptyRecord();
    names.forEach((name, column) => {
      record[name] = lists[column]?.[row];
    });
    return record;
  });
}

/** A value of a column of width one. */
function alone(value: unknown): unknown {
  return Array.isArray(value) && value.length === 1 ? value[0] : value;
}

/** Rows of named tensors as tensors of all rows. */
function stacked(field: string, records: readonly JsonRecord[]): JsonRecord {
  const tensors = emptyRecord();
  const names = Object.keys(records[0] ?? {});
  const uneven = records.findIndex(
    (record) =>
      Object.keys(record).length !== names.length || !names.every((name) => Object.hasOwn(record, name)),
  );
  if (uneven >= 0)
    throw mismatch(
      `Row ${uneven} of ${field} has other names than row 0`,
      'Give every row the same input tensors.',
    );
  for (const name of names) tensors[name] = records.map((record) => record[name]);
  return tensors;
}

/** Whole numbers beyond 2^53 as the codec takes them: text for 64-bit integers, else the nearest double. */
function exactRecords({ features }: Signature, records: readonly JsonRecord[]): JsonRecord[] {
  const datatypes = new Map(features.map(({ name, datatype }) => [name, datatype]));
  return records.map((given) => {
    const record = emptyRecord();
    for (const [name, value] of Object.entries(given)) record[name] = exactValue(datatypes.get(name), value);
    return record;
  });
}

function exactValue(datatype: DatatypeName | undefined, value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  return datatype === 'INT64' || datatype === 'UINT64' ? String(value) : Number(value);
}

function requireRecords(field: string, rows: unknown): JsonRecord[] {
  if (!Array.isArray(rows) || rows.length === 0)
    throw invalid(`${field} must be a list of one row or more`, 'Give [{feature: value, …}, …].');
  return rows.map((row: unknown, index) => {
    if (isPlainObject(row)) return row;
    throw invalid(`${field}[${index}] must be an object`, 'Give [{feature: value, …}, …].');
  });
}

function invalid(what: string, hint: string): ModelYardError {
  return new ModelYardError('INVALID_INPUT', `${what}.`, hint);
}

function mismatch(what: string, hint: string): ModelYardError {
  return new ModelYardError('SIGNATURE_MISMATCH', `${what}.`, hint);
}
