import { setImmediate as turn } from 'node:timers/promises';
import { ModelYardError } from '../../errors.ts';
import type { VersionRecord } from '../../registry/version_record.ts';
import { seededRandom } from '../../statistics/random.ts';
import { randomRows } from '../../statistics/random_rows.ts';
import type { Column } from '../../tables/column.ts';
import { columnBuilder } from './column_builder.ts';
import { pickRows, recordValue, rowsOf } from './compared_column.ts';
import { jsonValues } from './values.ts';

/** What monitoring needs of serving: predictions for records, not logged. */
export type Scorer = (
  record: VersionRecord,
  records: readonly Record<string, unknown>[],
) => Promise<{ value: unknown; probabilities: [string, number][] | undefined }[]>;

/** What scoring rows needs of serving. */
export interface Scoring {
  scorer: Scorer;
  /** What makes rows of a run change one another's answers; undefined where none is known to. */
  rowsMixedBy?: ((record: VersionRecord) => Promise<string | undefined>) | undefined;
}

/** What a version predicts for rows, in columns of one value a row. */
export interface AnswerColumns {
  values: Column[];
  probabilities: { label: string; values: Float64Array }[];
}

export interface ScoredRows extends AnswerColumns {
  /** Numbers of the rows that were scored, ascending. */
  scored: Uint32Array;
  warnings: string[];
}

/** Rows of one call to the model: making records of them takes a few milliseconds. */
const rowsPerCall = 500;
const cellsPerCall = 20_000;
/** Rows that are scored each alone, where they may change one another's answers: a call each. */
const mostAlone = 1000;
/** A fixed seed, so that the same rows of the same data are scored every time. */
const sampleSeed = 1;
/** Elements of an array answer that are compared; more columns would only add noise. */
const maxArrayColumns = 50;

/**
 * What the version predicts for given rows. Rows without a value that the model needs are left out, and of more rows
 * than `most` a random sample is taken; every nth row would follow any period in their order, such as hours. Rows that may
 * change one another's answers are scored each alone.
 *
 * @returns no columns and a warning when the rows lack a feature or the model cannot run on them
 */
export async function scoreRows(
  { scorer, rowsMixedBy }: Scoring,
  record: VersionRecord,
  columns: readonly Column[],
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
  const draw = (count: number) =>
    randomRows(seededRandom(sampleSeed), complete.length, count).map((row) => complete[row] ?? 0);
  let scored = draw(most);
  const warnings: string[] = [];
  const answers = answerBuilder();
  try {
    const mixedBy = await rowsMixedBy?.(record);
    if (mixedBy !== undefined) {
      scored = draw(Math.min(most, mostAlone));
      warnings.push(
        `Rows may change one another's answers (${mixedBy}): ${scored.length} were scored, each alone, as a call of one row is. Calls of several rows may be answered otherwise.`,
      );
    }
    const together = Math.min(rowsPerCall, Math.floor(cellsPerCall / columns.length));
    const step = mixedBy === undefined ? Math.max(1, together) : 1;
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
  return { scored, ...answers.finish(), warnings };
}

/** Numbers of the rows that have a value in every column. Other calls get their turn after each column. */
async function completeRows(columns: readonly Column[], rows: number): Promise<Uint32Array> {
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
            // An array within an array cannot be compared and counts as missing.
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

/** Predictions for some of the rows as columns over all rows, empty where there is none. */
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
export function rowsIn(columns: readonly Column[]): number {
  const [first] = columns;
  return first === undefined ? 0 : rowsOf(first);
}
