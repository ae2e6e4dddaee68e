import { ModelYardError } from '../../errors.ts';
import type { FeatureKind } from '../columns.ts';
import type { WindowColumn } from '../log/window_column.ts';
import type { ColumnBuilder, WantedColumn } from './column_builder.ts';

/** Rows that a caller gave, as columns. */
export interface GivenColumns {
  /** One a feature that the rows have, in the order of the signature. */
  features: WindowColumn[];
  /** What really was, where a column of it was named. */
  outcome: WindowColumn | undefined;
  rows: number;
  warnings: string[];
}

/** What is wanted of given rows. */
export interface WantedRows {
  /** The features of the version; of one without named features all columns are. */
  features: readonly FeatureKind[];
  /** The column that holds what really was. */
  outcomeColumn: string | undefined;
  /** Whether values of another kind are errors; see ColumnSource. */
  strict: boolean;
}

/** Numbers that one reading may hold: 60 million are 480 MB. */
const maxCells = 60_000_000;
const namedColumns = 20;

/** Of a source's columns those that are wanted, by name. @throws INVALID_INPUT when none is a feature */
export function wantedOf(names: readonly string[], wanted: WantedRows, shown: string): WantedColumn[] {
  const { features, outcomeColumn } = wanted;
  const present = new Set(names);
  if (outcomeColumn !== undefined && !present.has(outcomeColumn))
    throw new ModelYardError(
      'INVALID_INPUT',
      `outcome_column names "${outcomeColumn}", which ${shown} does not have.`,
      `Its columns: ${listed(names)}.`,
    );
  const found: WantedColumn[] =
    features.length > 0
      ? features.filter(({ name }) => present.has(name))
      : names.filter((name) => name !== outcomeColumn).map((name) => ({ name, kind: 'any' }));
  if (found.length === 0 && names.length > 0)
    throw new ModelYardError(
      'INVALID_INPUT',
      `None of the columns (${listed(names)}) is a feature of the model.`,
      `Expected features: ${features
        .map(({ name }) => name)
        .slice(0, 40)
        .join(', ')}.`,
    );
  const isOutcomeToo = found.some(({ name }) => name === outcomeColumn);
  return outcomeColumn === undefined || isOutcomeToo
    ? found
    : [...found, { name: outcomeColumn, kind: 'any' }];
}

/** Puts the built columns together, and says what was left out and what is not there. */
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
  return `${names.slice(0, namedColumns).join(', ')}${names.length > namedColumns ? ', …' : ''}`;
}

/** @throws LIMIT_EXCEEDED when so many rows of so many columns are more than are held in memory. */
export function requireRoom(rows: number, columns: number, shown: string): void {
  const most = Math.floor(maxCells / Math.max(1, columns));
  if (rows > most)
    throw new ModelYardError(
      'LIMIT_EXCEEDED',
      `${shown} has more than ${most} rows, which with ${columns} columns is the most that is read at once.`,
      'Give a random sample of the rows.',
    );
}
