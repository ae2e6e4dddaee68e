import type { LogColumn } from '../prediction_log/column.ts';
import type { PredictedValue } from '../serving/codec/predictions.ts';
import { agree } from '../serving/shadow.ts';
import type { FeatureColumns } from './feature_columns.ts';
import { answerAt, probabilityReader, type ReplayedRows } from './replayed_version.ts';

/** Rows that are replayed together. */
export interface ReplayBatch extends FeatureColumns {
  /** The unit of each row, numbered from 0 over all batches. */
  units: Int32Array;
  /** Actual values, null where they are not known. */
  outcomes: LogColumn | undefined;
  /** What was answered to the rows, where the incumbent answered them. */
  logged: LogColumn | undefined;
  /** The prediction id of a row, or where it stands in the file. */
  nameOf(row: number): string;
  /** How far the source has been read after this batch, 0 … 1. */
  done: number;
}

/** What both versions answered to the same rows: arrays of one entry a row. */
export interface PairedRows {
  batch: ReplayBatch;
  /** Numbers of the rows of the batch that both answered. */
  rows: Uint32Array;
  agrees: Uint8Array;
  /** The answers: classes as codes of `labels` (−1: none), or numbers (NaN: none); absent for arrays. */
  classes: { incumbent: Int32Array; candidate: Int32Array } | undefined;
  numbers: { incumbent: Float64Array; candidate: Float64Array } | undefined;
  /** Probabilities of the classes, one array a class in the order of `PairingOptions`; absent where one has none. */
  probabilities: { incumbent: Float64Array[]; candidate: Float64Array[] } | undefined;
  /** How far apart they are: the largest difference of a probability, or |candidate − incumbent|; NaN: not measured. */
  distance: Float64Array;
  valuesOf(index: number): { incumbent: PredictedValue; candidate: PredictedValue };
}

export interface PairingOptions {
  /** Whether answers are classes. */
  areClasses: boolean;
  /** The classes of either version that have probabilities. */
  probabilityClasses: readonly string[];
  labels: Labels;
}

/** Names of classes, each with a code. */
export interface Labels {
  names: readonly string[];
  /** −1 for null. */
  codeOf(value: unknown): number;
}

export function labelCodes(): Labels {
  const names: string[] = [];
  const codes = new Map<string, number>();
  return {
    names,
    codeOf(value) {
      if (value === null || value === undefined) return -1;
      const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
      const known = codes.get(text);
      if (known !== undefined) return known;
      codes.set(text, names.length);
      return names.push(text) - 1;
    },
  };
}

export function pairRows(
  batch: ReplayBatch,
  incumbent: ReplayedRows,
  candidate: ReplayedRows,
  { areClasses, probabilityClasses, labels }: PairingOptions,
): PairedRows {
  const rows = Uint32Array.from({ length: batch.rows }, (_, row) => row).filter(
    (row) => (incumbent.place[row] ?? -1) >= 0 && (candidate.place[row] ?? -1) >= 0,
  );
  const places = (of: ReplayedRows) => Int32Array.from(rows, (row) => of.place[row] ?? -1);
  const [one, other] = [places(incumbent), places(candidate)];
  const valuesOf = (index: number) => ({
    incumbent: answerAt(incumbent, one[index] ?? 0),
    candidate: answerAt(candidate, other[index] ?? 0),
  });
  const classes = areClasses
    ? { incumbent: codesOf(incumbent, one, labels), candidate: codesOf(candidate, other, labels) }
    : undefined;
  const numbers = areClasses ? undefined : numbersOf(incumbent, candidate, one, other);
  const tableOf = (of: ReplayedRows, at: Int32Array) => {
    const read = probabilityReader(of, probabilityClasses);
    return probabilityClasses.map((_, index) => Float64Array.from(at, (place) => read(place, index)));
  };
  const probabilities =
    areClasses && probabilityClasses.length > 0
      ? { incumbent: tableOf(incumbent, one), candidate: tableOf(candidate, other) }
      : undefined;
  return {
    batch,
    rows,
    agrees: agreementOf(rows.length, classes, numbers, valuesOf, areClasses),
    classes,
    numbers,
    probabilities,
    distance: distanceOf(rows.length, numbers, probabilities),
    valuesOf,
  };
}

function codesOf(of: ReplayedRows, places: Int32Array, labels: Labels): Int32Array {
  const { answers } = of;
  if (Array.isArray(answers) || 'numbers' in answers.values)
    return Int32Array.from(places, (place) => labels.codeOf(answerAt(of, place)));
  const { entries, codes } = answers.values;
  const translated = Int32Array.from(entries, labels.codeOf);
  return Int32Array.from(places, (place) => translated[codes[place] ?? -1] ?? -1);
}

/** undefined where an answer is neither a number nor missing. */
function numbersOf(
  incumbent: ReplayedRows,
  candidate: ReplayedRows,
  one: Int32Array,
  other: Int32Array,
): PairedRows['numbers'] {
  const read = (of: ReplayedRows, places: Int32Array): Float64Array | undefined => {
    const { answers } = of;
    if (!Array.isArray(answers)) {
      const { values } = answers;
      return 'numbers' in values
        ? Float64Array.from(places, (place) => values.numbers[place] ?? Number.NaN)
        : undefined;
    }
    const values = Array.from(places, (place) => answerAt(of, place));
    if (!values.every((value) => value === null || typeof value === 'number')) return undefined;
    return Float64Array.from(values, (value) => (typeof value === 'number' ? value : Number.NaN));
  };
  const [left, right] = [read(incumbent, one), read(candidate, other)];
  return left && right && { incumbent: left, candidate: right };
}

function agreementOf(
  count: number,
  classes: PairedRows['classes'],
  numbers: PairedRows['numbers'],
  valuesOf: PairedRows['valuesOf'],
  areClasses: boolean,
): Uint8Array {
  const agrees = new Uint8Array(count);
  for (let index = 0; index < count; index++) {
    if (classes !== undefined) agrees[index] = Number(classes.incumbent[index] === classes.candidate[index]);
    else if (numbers !== undefined) {
      const [one = Number.NaN, other = Number.NaN] = [numbers.incumbent[index], numbers.candidate[index]];
      agrees[index] = Number(Number.isNaN(one) ? Number.isNaN(other) : agree(one, other, areClasses));
    } else {
      const { incumbent, candidate } = valuesOf(index);
      agrees[index] = Number(agree(incumbent, candidate, areClasses));
    }
  }
  return agrees;
}

function distanceOf(
  count: number,
  numbers: PairedRows['numbers'],
  probabilities: PairedRows['probabilities'],
): Float64Array {
  const distance = new Float64Array(count).fill(Number.NaN);
  if (numbers !== undefined)
    for (let index = 0; index < count; index++)
      distance[index] = Math.abs(
        (numbers.candidate[index] ?? Number.NaN) - (numbers.incumbent[index] ?? Number.NaN),
      );
  probabilities?.incumbent.forEach((one, column) => {
    const other = probabilities.candidate[column];
    for (let index = 0; index < count; index++) {
      const apart = Math.abs((other?.[index] ?? Number.NaN) - (one[index] ?? Number.NaN));
      if (!(apart <= (distance[index] ?? 0))) distance[index] = apart;
    }
  });
  return distance;
}
