import { readableFile } from '../access/file_access.ts';
import { ModelYardError } from '../errors.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import { featureKinds, inferKind, namesIn, toColumn } from './columns.ts';
import { inferCellKind, parseCells, readCsv } from './csv_rows.ts';
import type { Column } from './drift/profile.ts';

/** Rows of features that a caller gives: records in the call, or a CSV file. */
export type GivenRows =
  | { kind: 'records'; records: readonly Record<string, unknown>[] }
  | { kind: 'path'; path: string };

export interface FeatureColumns {
  columns: Column[];
  rows: number;
  /** Where the rows came from, for a report. */
  source: string;
  warnings: string[];
}

/**
 * Reads given rows as one column per feature of the version; a version without named features takes all
 * the rows' columns, with kinds as they look. Columns that are not features are left out with a warning,
 * features without a column are simply not among the columns.
 * @throws INVALID_INPUT for values of another kind or rows without any feature, PATH_NOT_ALLOWED
 */
export async function readGivenRows(
  record: VersionRecord,
  given: GivenRows,
  allowedRoots: readonly string[],
): Promise<FeatureColumns> {
  const known = featureKinds(record.signature);
  return given.kind === 'records'
    ? fromRecords(known, given.records)
    : fromCsv(known, given.path, allowedRoots);
}

function fromRecords(
  known: ReturnType<typeof featureKinds>,
  records: readonly Record<string, unknown>[],
): FeatureColumns {
  const names = namesIn(records);
  const valuesOf = (name: string) =>
    records.map((record) => (Object.hasOwn(record, name) ? record[name] : null));
  const wanted =
    known.length > 0
      ? known.filter(({ name }) => names.includes(name))
      : names.map((name) => inferKind(name, valuesOf(name)));
  const columns = wanted.map((feature) => toColumn(feature, valuesOf(feature.name)));
  return finish(known, names, columns, records.length, `${records.length} records of the call`);
}

async function fromCsv(
  known: ReturnType<typeof featureKinds>,
  path: string,
  allowedRoots: readonly string[],
): Promise<FeatureColumns> {
  const file = await readableFile(path, allowedRoots);
  const { header, cells, rows } = await readCsv(
    file,
    path,
    known.length > 0 ? known.map(({ name }) => name) : undefined,
  );
  const wanted = known.length > 0 ? known : [...cells].map(([name, column]) => inferCellKind(name, column));
  const columns = wanted.flatMap((feature) => {
    const column = cells.get(feature.name);
    return column === undefined ? [] : [toColumn(feature, parseCells(feature, column, path))];
  });
  return finish(known, header, columns, rows, path);
}

function finish(
  known: ReturnType<typeof featureKinds>,
  names: readonly string[],
  columns: Column[],
  rows: number,
  source: string,
): FeatureColumns {
  if (columns.length === 0)
    throw new ModelYardError(
      'INVALID_INPUT',
      `None of the columns (${names.slice(0, 20).join(', ')}) is a feature of the model.`,
      `Expected features: ${known
        .map(({ name }) => name)
        .slice(0, 40)
        .join(', ')}.`,
    );
  const used = new Set(columns.map(({ name }) => name));
  const left = names.filter((name) => !used.has(name));
  const absent = known.filter(({ name }) => !used.has(name)).map(({ name }) => name);
  return {
    columns,
    rows,
    source,
    warnings: [
      ...(left.length > 0
        ? [
            `Not features of the model, left out: ${left.slice(0, 20).join(', ')}${left.length > 20 ? ', …' : ''}.`,
          ]
        : []),
      ...(absent.length > 0
        ? [`Features without a column: ${absent.slice(0, 20).join(', ')}${absent.length > 20 ? ', …' : ''}.`]
        : []),
    ],
  };
}

/** The rows of columns as records for the model; undefined for a row with a missing value. */
export function recordsOf(columns: readonly Column[], rows: number): (Record<string, unknown> | undefined)[] {
  return Array.from({ length: rows }, (_, row) => {
    const record: Record<string, unknown> = Object.create(null);
    for (const column of columns) {
      const value = column.values[row];
      if (value === undefined || value === null || (typeof value === 'number' && !Number.isFinite(value)))
        return undefined;
      record[column.name] = column.kind === 'boolean' ? value === 'true' : value;
    }
    return record;
  });
}
