import { withBothClasses } from './class_probabilities.ts';
import type { ComparedClasses, ComparedNumbers } from './metrics/metric_definition.ts';
import { type ClassificationRows, encodeRows, hasShares, scoredRows } from './rows.ts';
import { taskOf, taskOfModel } from './task.ts';

/**
 * Rows of one version as metrics of classes compare them.
 * @param unitOfRow the assignment unit of each row, numbered from 0
 * @param known the classes that the model knows, in its order; of two the second is the positive one
 */
export function comparedClasses(
  rows: ClassificationRows,
  unitOfRow: Int32Array,
  known: readonly string[] | undefined,
): ComparedClasses {
  const encoded = encodeRows(rows);
  const units = encoded.source.map((row) => unitOfRow[row] ?? -1);
  const task = taskOf(encoded.labels, taskOfModel(known ?? rows.probabilities?.classes));
  const width = rows.probabilities?.classes.length ?? 0;
  const { probabilities } = rows;
  if (probabilities === undefined || width === 0) return { encoded, units, task, probabilities: undefined };
  return {
    encoded,
    units,
    task,
    probabilities: {
      scored: withBothClasses(scoredRows(encoded, probabilities), task),
      units: units.filter((_, row) => hasShares(probabilities.values, encoded.source[row] ?? 0, width)),
    },
  };
}

/** The same of a regression; a row in which a value is not finite counts for nothing. */
export function comparedNumbers(
  { actual, predicted }: { actual: Float64Array; predicted: Float64Array },
  units: Int32Array,
): ComparedNumbers {
  const errors = actual.map((value, row) => {
    const error = (predicted[row] ?? Number.NaN) - value;
    return Number.isFinite(error) ? error : Number.NaN;
  });
  return { actual, errors, units };
}
