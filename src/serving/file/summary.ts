import { booleanCell, numberCell } from '../../tables/cells.ts';
import { type PredictionColumns, predictedValue } from '../codec/prediction_columns.ts';
import type { PredictedValue, RowPrediction } from '../codec/predictions.ts';

export interface FileSummary {
  /** Rows per predicted class, most frequent first; of a model that predicts classes. */
  classes?: [string, number][];
  /** Rows of classes that are not listed, where there are too many. */
  otherClassRows?: number;
  numbers?: { min: number; mean: number; max: number };
  outcome?: OutcomeSummary;
}

export interface OutcomeSummary {
  /** Answered rows that have an outcome, and those that have none or an unreadable one. */
  rows: number;
  rowsWithout: number;
  accuracy?: number;
  mae?: number;
  rmse?: number;
}

/** How many classes are counted, and how many are listed. */
const maxCountedClasses = 10_000;
const maxListedClasses = 50;

/**
 * Sums up predictions as they come, in constant memory.
 * @param isClass whether a number is a class's name rather than a quantity.
 */
export function summarizer(isClass: boolean, withOutcome: boolean) {
  const classes = new Map<string, number>();
  let otherClassRows = 0;
  const numbers = { count: 0, min: Number.POSITIVE_INFINITY, mean: 0, max: Number.NEGATIVE_INFINITY };
  const outcome = { rows: 0, without: 0, hits: 0, classified: 0, absolute: 0, squared: 0 };

  const countClass = (label: string) => {
    const count = classes.get(label);
    if (count === undefined && classes.size >= maxCountedClasses) otherClassRows++;
    else classes.set(label, (count ?? 0) + 1);
  };
  const countNumber = (value: number) => {
    numbers.count++;
    numbers.min = Math.min(numbers.min, value);
    numbers.max = Math.max(numbers.max, value);
    numbers.mean += (value - numbers.mean) / numbers.count;
  };
  const compare = (value: Exclude<PredictedValue, PredictedValue[]>, asClass: boolean, actual: unknown) => {
    const isMissing =
      actual === null || actual === undefined || (typeof actual === 'string' && actual.trim() === '');
    const quantity = asClass ? undefined : numberOf(actual);
    if (isMissing || value === null || (!asClass && quantity === undefined)) {
      outcome.without++;
      return;
    }
    outcome.rows++;
    if (quantity !== undefined) {
      const error = Number(value) - quantity;
      outcome.absolute += Math.abs(error);
      outcome.squared += error * error;
      return;
    }
    outcome.classified++;
    if (isSameClass(value, actual)) outcome.hits++;
  };

  const add = (value: PredictedValue, hasProbabilities: boolean, actual: unknown): void => {
    if (Array.isArray(value)) {
      if (withOutcome) outcome.without++;
      return;
    }
    const asClass = isClass || hasProbabilities || typeof value !== 'number';
    if (value !== null) {
      if (asClass) countClass(String(value));
      else countNumber(Number(value));
    }
    if (withOutcome) compare(value, asClass, actual);
  };

  return {
    add({ value, probabilities }: RowPrediction, actual: unknown): void {
      add(value, probabilities !== undefined, actual);
    },
    /** The same for rows by columns. */
    addColumns({ rows, values, classes }: PredictionColumns, actuals: readonly unknown[] | undefined): void {
      for (let row = 0; row < rows; row++)
        add(predictedValue(values, row), classes !== undefined, actuals?.[row]);
    },
    result(): FileSummary {
      const ranked = [...classes].sort((a, b) => b[1] - a[1]);
      const unlisted = ranked.slice(maxListedClasses).reduce((sum, [, count]) => sum + count, otherClassRows);
      const quantities = outcome.rows - outcome.classified;
      return {
        ...(ranked.length > 0 && { classes: ranked.slice(0, maxListedClasses) }),
        ...(unlisted > 0 && { otherClassRows: unlisted }),
        ...(numbers.count > 0 && { numbers: { min: numbers.min, mean: numbers.mean, max: numbers.max } }),
        ...(withOutcome && {
          outcome: {
            rows: outcome.rows,
            rowsWithout: outcome.without,
            ...(outcome.classified > 0 && { accuracy: outcome.hits / outcome.classified }),
            ...(quantities > 0 && {
              mae: outcome.absolute / quantities,
              rmse: Math.sqrt(outcome.squared / quantities),
            }),
          },
        }),
      };
    },
  };
}

function numberOf(actual: unknown): number | undefined {
  const number = typeof actual === 'string' ? numberCell(actual.trim()) : actual;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

/** Whether an outcome names the predicted class: as text, and 1.0 is 1, True is true. */
function isSameClass(value: string | number | boolean, actual: unknown): boolean {
  const text = String(actual).trim();
  if (text === String(value).trim()) return true;
  if (typeof value === 'boolean') return booleanCell(text) === value;
  const [predicted, found] = [numberCell(String(value).trim()), numberCell(text)];
  return predicted !== undefined && predicted === found;
}
