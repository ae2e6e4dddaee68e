import { setImmediate as turn } from 'node:timers/promises';
import { ModelYardError } from '../errors.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import { pickRows, recordValue, rowsOf } from './compared_column.ts';
import { seededRandom } from './drift/random.ts';
import { randomRows } from './drift/random_rows.ts';
import { columnBuilder } from './given_rows/column_builder.ts';
import { jsonValues } from './given_rows/values.ts';
import type { WindowColumn } from './log/window_column.ts';

/** What monitoring needs of serving: predictions for records, not logged. */
export type Scorer = (
  record: VersionRecord,
  records: readonly Record<string, unknown>[],
) => Promise<{ value: unknown; probabilities: [string, number][] | undefined }[]>;

/** What a version answers to rows, in columns of one value a row. */
export interface AnswerColumns {
  values: WindowColumn[];
  probabilities: { label: string; values: Float64Array }[];
}

export interface ScoredRows extends AnswerColumns {
  /** Which of the rows were scored, ascending. */
  scored: Uint32Array;
  warnings: string[];
}

/** Rows and values of a call: making records of them takes a few milliseconds. */
const rowsPerCall = 500;
const cellsPerCall = 20_000;
/** Of the rows that are scored: the same rows of the same data, every time. */
const sampleSeed = 1;
/** Elements of a model that answers arrays; more columns would only make more noise. */
const maxArrayColumns = 50;

/**
 * What the version predicts for given rows; rows without a value that the model needs are left out, and of more than
 * `most` a random draw is taken: every nth would meet a rhythm in the rows (hours, categories in turn).
 * @returns no columns and a warning when the rows do not have all features or the model cannot run on them.
 */
export async function scoreRows(
  scorer: Scorer,
  record: VersionRecord,
  columns: readonly WindowColumn[],
  rows: number,
  most: number,
): Promise<ScoredRows> {
  const { features } = record.signature;
  const without = (warning: string): ScoredRows => ({
    scored: new Uint32Array(),
    values: [],
    probabilities: [],
    warnings: [`Predictions were not compared: ${warning}`],
  });
  const byName = new Map(columns.map((column) => [column.name, column]));
  if (features.length === 0 || features.some(({ name }) => !byName.has(name)))
    return without('the rows do not have all features of the model.');
  const needed = features.filter(({ nullable }) => nullable !== true).map(({ name }) => name);
  const complete = await completeRows(
    columns.filter(({ name }) => needed.includes(name)),
    rows,
  );
  if (complete.length === 0) return without('every row has missing values.');
  const scored = randomRows(seededRandom(sampleSeed), complete.length, most).map((row) => complete[row] ?? 0);
  const answers = answerBuilder();
  try {
    const step = Math.max(1, Math.min(rowsPerCall, Math.floor(cellsPerCall / columns.length)));
    for (let start = 0; start < scored.length; start += step) {
      const records = Array.from(scored.subarray(start, start + step), (row) => {
        const values: Record<string, unknown> = Object.create(null);
        for (const column of columns) values[column.name] = recordValue(column, row);
        return values;
      });
      for (const answer of await scorer(record, records)) answers.push(answer);
    }
  } catch (error) {
    if (!(error instanceof ModelYardError)) throw error;
    return without(error.message);
  }
  return { scored, ...answers.finish(), warnings: [] };
}

/** The rows that have a value in every column; a column at a time, so that other calls get their turn between. */
async function completeRows(columns: readonly WindowColumn[], rows: number): Promise<Uint32Array> {
  const isIncomplete = new Uint8Array(rows);
  for (const column of columns) {
    if (column.kind === 'numeric') {
      const { values } = column;
      for (let row = 0; row < rows; row++) if (!Number.isFinite(values[row])) isIncomplete[row] = 1;
    } else {
      const { codes } = column;
      for (let row = 0; row < rows; row++) if ((codes[row] ?? -1) < 0) isIncomplete[row] = 1;
    }
    await turn();
  }
  let found = 0;
  const complete = new Uint32Array(rows);
  for (let row = 0; row < rows; row++) if (isIncomplete[row] === 0) complete[found++] = row;
  return complete.subarray(0, found);
}

function answerBuilder() {
  const probabilities = new Map<string, number[]>();
  const answers: unknown[] = [];
  let rows = 0;
  return {
    push({ value, probabilities: found }: Awaited<ReturnType<Scorer>>[number]) {
      answers.push(value);
      for (const [label, probability] of found ?? []) {
        const column = probabilities.get(label) ?? [];
        column[rows] = probability;
        probabilities.set(label, column);
      }
      rows++;
    },
    finish(): AnswerColumns {
      const isArray = answers.some(Array.isArray);
      const width = answers.reduce<number>(
        (widest, value) => Math.max(widest, Array.isArray(value) ? value.length : 0),
        0,
      );
      const elements = isArray
        ? Array.from({ length: Math.min(width, maxArrayColumns) }, (_, index) => ({
            name: `prediction[${index}]`,
            of: (value: unknown): unknown => (Array.isArray(value) ? value[index] : null),
          }))
        : [{ name: 'prediction', of: (value: unknown) => value }];
      return {
        values: elements.map(({ name, of }) => {
          const builder = columnBuilder({ name, kind: 'any' }, answerSource, Math.max(1, rows));
          for (const answer of answers) {
            const value = of(answer);
            // An array within an array is no number or text to compare.
            builder.push(Array.isArray(value) ? null : value);
          }
          return builder.finish().column;
        }),
        probabilities: [...probabilities].map(([label, column]) => ({
          label,
          values: Float64Array.from({ length: rows }, (_, row) => column[row] ?? Number.NaN),
        })),
      };
    },
  };
}

const answerSource = {
  reader: jsonValues,
  place: (row: number, name: string) => `Row ${row}, ${name}`,
  hint: '',
  strict: false,
};

/** Answers to some of the rows as columns of all of them, empty where there is no answer. */
export function spreadAnswers({ scored, values, probabilities }: ScoredRows, rows: number): AnswerColumns {
  const answerOf = new Uint32Array(rows).fill(scored.length);
  scored.forEach((row, answer) => {
    answerOf[row] = answer;
  });
  return {
    values: values.map((column) => pickRows(column, answerOf)),
    probabilities: probabilities.map(({ label, values: column }) => ({
      label,
      values: Float64Array.from(answerOf, (answer) => column[answer] ?? Number.NaN),
    })),
  };
}

/** How many rows there are in columns of equal length. */
export function rowsIn(columns: readonly WindowColumn[]): number {
  const [first] = columns;
  return first === undefined ? 0 : rowsOf(first);
}
