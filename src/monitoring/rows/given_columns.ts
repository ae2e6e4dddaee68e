import { shortText } from '../../access/shown_text.ts';
import { ModelYardError } from '../../errors.ts';
import type { DeclaredFeature } from '../../registry/feature_kinds.ts';
import type { Column } from '../../tables/column.ts';
import type { ColumnBuilder, WantedColumn } from './column_builder.ts';

/** Rows that a caller gave, as columns. */
export interface GivenColumns {
  /** One a feature that the rows have, in the order of the signature. */
  features: Column[];
  /** Actual values, where their column was named. */
  outcome: Column | undefined;
  rows: number;
  warnings: string[];
}

/** What to read from given rows. */
export interface WantedRows {
  /** The features of the version; of a version without named features every column is read. */
  features: readonly DeclaredFeature[];
  /** The column that holds the actual values (ground truth). */
  outcomeColumn: string | undefined;
  /** Whether values of the wrong kind are errors; see ColumnSource. */
  strict: boolean;
}

/** Cells that one reading may hold: 60 million are 480 MB. */
const maxCells = 60_000_000;
const namedColumns = 20;
const longestName = 80;

/**
 * The columns of a source that are wanted, by name.
 *
 * @throws INVALID_INPUT when none is a feature
 */
export function wantedOf(names: readonly string[], wanted: WantedRows, shown: string): WantedColumn[] {
  const { features, outcomeColumn } = wanted;
  const present = new Set(names);
  if (outcomeColumn !== undefined && !present.has(outcomeColumn))
    throw new ModelYardError(
      'INVALID_INPUT',
      `outcome_column names "${outcomeColumn}", which ${shown} does not have.`,
      `Name one of its columns: ${listed(names)}.`,
    );
  const found: WantedColumn[] =
    features.length > 0
      ? features.filter(({ name }) => present.has(name))
      : names.filter((name) => name !== outcomeColumn).map((name) => ({ name, kind: 'any' }));
  if (found.length === 0 && names.length > 0)
    throw new ModelYardError(
      'INVALID_INPUT',
      `None of the columns (${listed(names)}) is a feature of the model.`,
      `Name the columns as the model's features: ${features
        .map(({ name }) => name)
        .slice(0, 40)
        .join(', ')}.`,
    );
  const isOutcomeToo = found.some(({ name }) => name === outcomeColumn);
  return outcomeColumn === undefined || isOutcomeToo
    ? found
    : [...found, { name: outcomeColumn, kind: 'any' }];
}

/** Assembles the built columns, with notes on what was left out and which features are absent. */
export function finishColumns(
  built: readonly { wanted: WantedColumn; builder: ColumnBuilder }[],
  names: readonly string[],
  rows: number,
  { features: known, outcomeColumn }: WantedRows,
): GivenColumns {
  const finished = built.map(({ builder }) => builder.finish());
  const columns = finished.map(({ column }) => column);
  const isFeature = ({ name }: { name: string }) =>
    known.length === 0 ? name !== outcomeColumn : known.some((feature) => feature.name === name);
  const used = new Set(columns.map(({ name }) => name));
  const left = names.filter((name) => !used.has(name));
  const absent = known.filter(({ name }) => !used.has(name)).map(({ name }) => name);
  return {
    features: columns.filter(isFeature),
    outcome: columns.find(({ name }) => name === outcomeColumn),
    rows,
    warnings: [
      ...(left.length > 0 ? [`Not features of the model, left out: ${listed(left)}.`] : []),
      ...(absent.length > 0 && names.length > 0 ? [`Features without a column: ${listed(absent)}.`] : []),
      ...finished.flatMap(({ warning }) => warning ?? []),
    ],
  };
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, namedColumns).map((name) => shortText(name, longestName));
  return `${shown.join(', ')}${names.length > namedColumns ? ', …' : ''}`;
}

/** @throws LIMIT_EXCEEDED when the rows and columns are more than are held in memory */
export function requireRoom(rows: number, columns: number, shown: string): void {
  const most = Math.floor(maxCells / Math.max(1, columns));
  if (rows > most)
    throw new ModelYardError(
      'LIMIT_EXCEEDED',
      `${shown} has more than ${most} rows, which with ${columns} columns is the most that is read at once.`,
      'Give a random sample of the rows.',
    );
}
