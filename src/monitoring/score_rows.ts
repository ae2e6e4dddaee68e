import { ModelYardError } from '../errors.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import { predictionColumns } from './columns.ts';
import type { Column } from './drift/profile.ts';
import { recordsOf } from './rows.ts';

/** What monitoring needs of serving: predictions for records, not logged. */
export type Scorer = (
  record: VersionRecord,
  records: readonly Record<string, unknown>[],
) => Promise<{ value: unknown; probabilities: [string, number][] | undefined }[]>;

const rowsPerCall = 500;
/** More rows would not make a distribution of predictions any clearer. */
const maxScoredRows = 10_000;

/**
 * What the version predicts for given rows, as columns; rows with missing values are left out, and of very
 * many rows evenly spaced ones are taken.
 * @returns no columns and a warning when the rows do not have all features or the model cannot run on them.
 */
export async function scoreColumns(
  scorer: Scorer,
  record: VersionRecord,
  columns: readonly Column[],
  rows: number,
): Promise<{ columns: Column[]; warnings: string[] }> {
  const { features } = record.signature;
  if (features.length === 0 || columns.length < features.length)
    return {
      columns: [],
      warnings: ['Predictions were not compared: the rows do not have all features of the model.'],
    };
  const complete = recordsOf(columns, rows).filter((row) => row !== undefined);
  const step = Math.max(1, complete.length / maxScoredRows);
  const chosen = Array.from(
    { length: Math.floor(complete.length / step) },
    (_, index) => complete[Math.floor(index * step)],
  );
  const sample = chosen.filter((row) => row !== undefined);
  if (sample.length === 0)
    return { columns: [], warnings: ['Predictions were not compared: every row has missing values.'] };
  const predictions: Awaited<ReturnType<Scorer>> = [];
  try {
    for (let start = 0; start < sample.length; start += rowsPerCall)
      predictions.push(...(await scorer(record, sample.slice(start, start + rowsPerCall))));
  } catch (error) {
    if (!(error instanceof ModelYardError)) throw error;
    return { columns: [], warnings: [`Predictions were not compared: ${error.message}`] };
  }
  return { columns: predictionColumns(predictions), warnings: [] };
}
