import type { FileHandle } from 'node:fs/promises';
import { ModelYardError } from '../../errors.ts';
import type { Signature } from '../../registry/signature.ts';
import {
  type ColumnMapping,
  maxEntityKeyLength,
  type Table,
  type TableChunk,
  type TableRow,
  type TableWriter,
} from '../../tables/table.ts';
import type { CallerIds } from '../caller_ids.ts';
import type { FeatureValues } from '../codec/columns.ts';
import { predictionAt } from '../codec/prediction_columns.ts';
import type { RowPrediction } from '../codec/predictions.ts';
import { encodeRecords } from '../codec/records.ts';
import type { RowIndependence } from '../graph/rows/row_independence.ts';
import type { BlockLog, PredictionSink } from '../prediction_sink.ts';
import { type AnsweredColumns, columnAnswerer } from './answer_columns.ts';
import { mismatchOf, type RowGroups, type RowsAnswer, rowAnswerer, rowGroups } from './answer_rows.ts';
import { idChecker } from './file_ids.ts';
import type { FileModel } from './file_model.ts';
import { logAnswers, logColumns } from './log_answers.ts';
import { hasIntegerValues, idColumn, type ResultLayout, resultLayout } from './result_columns.ts';
import { type FileSummary, summarizer } from './summary.ts';
import { inWholeGroups } from './whole_groups.ts';

export interface FileCounts {
  rows: number;
  failedRows: number;
  /** The first rows that failed. */
  failures: { line: number; error: string }[];
  summary: FileSummary;
  /** What a reader should know of how the answers were made. */
  warnings: string[];
}

export interface FileJob<Carried> {
  table: Table<Carried>;
  mapping: ColumnMapping;
  model: FileModel;
  /** Where the answered rows are logged; undefined: nowhere. */
  sink: (Pick<PredictionSink, 'append'> & BlockLog) | undefined;
  /** The only other column of the mapping has the callers' own prediction ids; undefined: there are none. */
  callerIds: CallerIds | undefined;
  output: FileHandle;
  clock: () => number;
  /** Told how many bytes of the input have been dealt with. */
  progress(position: number, rows: number): void;
  signal: AbortSignal;
}

/** Chunks that may wait for the model while another is read: more would live long enough to make garbage collection slow. */
const chunksInFlight = 1;
/** If the model answers none of this many first rows, the file is stopped. */
const maxUnansweredRows = 10_000;
const maxFailures = 10;
const maxErrorLength = 500;

interface AnsweredChunk<Carried> {
  chunk: TableChunk<Carried>;
  answer: RowsAnswer | AnsweredColumns;
  at: number;
  latencyMs: number;
}

/**
 * Answers the rows of a file chunk by chunk, logs them, then writes them, in the order of the file.
 * @throws what stops the whole file: a model that is gone, an input that is not of its format, a full disk, and the
 *   reason of `signal` when that is aborted. The output is then incomplete and of no use.
 */
export async function answerFile<Carried>(job: FileJob<Carried>): Promise<FileCounts> {
  const { table, mapping, model, sink, callerIds, signal, clock } = job;
  const { record } = model;
  // Chunks in flight end with the file, however that ends.
  const stop = new AbortController();
  const stopped = AbortSignal.any([signal, stop.signal]);
  const groups = rowGroups(record.signature, model.rows);
  const { answer: answerRows, runGroup } = rowAnswerer(
    record.signature,
    async (records) =>
      model.readRows(
        await model.run(encodeRecords(record.signature, records), records.length),
        records.length,
      ),
    groups,
  );
  const blocks = sink?.blocks();
  const answerColumns = columnAnswerer(model, groups, runGroup);
  const summary = summarizer(hasIntegerValues(record), mapping.outcomeColumn !== undefined);
  const counts = { rows: 0, failedRows: 0 };
  const empty = emptyTexts(record.signature);
  const failures: FileCounts['failures'] = [];
  let layout: { is: ResultLayout; writer: TableWriter<Carried> } | undefined;
  let held: AnsweredChunk<Carried>[] = [];

  const checkIds = callerIds && idChecker(callerIds, record);
  // The input's own column of ids stays where it is.
  const ownColumns = mapping.others?.[0] === idColumn ? 1 : 0;

  const findFaults = async (chunk: TableChunk<Carried>) => {
    for (const row of chunk.rows) {
      if ((row.entityKey?.length ?? 0) > maxEntityKeyLength)
        row.fault ??= `The entity key is longer than ${maxEntityKeyLength} characters.`;
      // A row that does not fit the signature must not be in a group.
      if (groups.mustBeWhole) row.fault ??= mismatchOf(record.signature, row.features);
    }
    await checkIds?.(chunk.rows);
    return chunk;
  };

  const answer = async (chunk: TableChunk<Carried>): Promise<AnsweredChunk<Carried>> => {
    const at = clock();
    const started = performance.now();
    // Callers' own ids are looked up row by row.
    const given = checkIds === undefined ? chunk.columns : undefined;
    const byColumns = given && (await answerColumns(given, stopped));
    const took = () => performance.now() - started;
    if (byColumns !== undefined && !(byColumns instanceof Map))
      return { chunk, answer: byColumns, at, latencyMs: took() };
    await findFaults(chunk);
    const answered = await answerRows(chunk.rows, stopped, byColumns);
    return { chunk, answer: answered, at, latencyMs: took() };
  };

  const layOut = (first: RowPrediction | undefined) => {
    const is = resultLayout(record, first);
    layout ??= { is, writer: table.writer(job.output, is.columns.slice(ownColumns)) };
    return layout;
  };

  /** @returns false where the predictions do not fit the columns of the output, or its format is written by rows */
  const writeColumns = async (
    { chunk, at, latencyMs }: AnsweredChunk<Carried>,
    answered: AnsweredColumns,
    { is, writer }: NonNullable<typeof layout>,
  ): Promise<boolean> => {
    const { predictions, outcomes } = answered;
    const values = is.columnValues(predictions);
    if (values === undefined || writer.writeColumns === undefined) return false;
    const ids = blocks && (await logColumns(blocks, model, answered, at, latencyMs));
    const none = { values: [null], positions: new Uint8Array(predictions.rows) };
    const idValues = ids === undefined ? none : { values: ids, positions: Uint32Array.from(ids.keys()) };
    summary.addColumns(predictions, outcomes);
    counts.rows += predictions.rows;
    empty.countColumns(answered.features);
    await writer.writeColumns(chunk.carried, [idValues, ...values].slice(ownColumns));
    job.progress(chunk.position, counts.rows);
    return true;
  };

  const write = async (next: AnsweredChunk<Carried>, laidOut: NonNullable<typeof layout>) => {
    if ('answers' in next.answer) return writeRows(next, next.answer, laidOut);
    if (!(await writeColumns(next, next.answer, laidOut)))
      await writeRows(next, rowsAnswer(next.answer), laidOut);
  };

  const writeRows = async (
    { chunk, at, latencyMs }: AnsweredChunk<Carried>,
    answered: RowsAnswer,
    { is, writer }: NonNullable<typeof layout>,
  ) => {
    const cells = answered.answers.map((row) =>
      'prediction' in row ? is.cells(row.prediction) : { error: row.error },
    );
    // A prediction that cannot be written counts as not answered, so it is not logged.
    answered.answers = answered.answers.map((row, index) => {
      const found = cells[index];
      return found === undefined || Array.isArray(found) ? row : { error: found.error };
    });
    const log = sink && { sink, callerIds };
    const ids = log && (await logAnswers(log, model, chunk.rows, answered, at, latencyMs));
    const results = cells.map((found, index) => {
      if (Array.isArray(found)) return [ids?.[index] ?? null, ...found];
      const error = found.error.slice(0, maxErrorLength);
      counts.failedRows++;
      if (failures.length < maxFailures) failures.push({ line: chunk.rows[index]?.line ?? 0, error });
      return is.failedCells(error);
    });
    answered.answers.forEach((row, index) => {
      if ('prediction' in row) summary.add(row.prediction, chunk.rows[index]?.outcome);
    });
    counts.rows += chunk.rows.length;
    empty.count(chunk.rows);
    await writer.write(
      chunk.carried,
      results.map((cells) => cells.slice(ownColumns)),
    );
    job.progress(chunk.position, counts.rows);
  };

  const deliver = async (answered: AnsweredChunk<Carried>) => {
    held.push(answered);
    if (layout === undefined) {
      const first = firstPrediction(answered.answer);
      // By columns all rows are answered, and then nothing is held.
      const unanswered = first ? 0 : held.reduce((sum, { chunk }) => sum + chunk.rows.length, 0);
      if (first === undefined && unanswered < maxUnansweredRows) return;
      if (first === undefined) throw nothingAnswered(held);
      layOut(first);
    }
    const waiting = held;
    held = [];
    for (const next of waiting) if (layout !== undefined) await write(next, layout);
  };

  const inFlight: Promise<AnsweredChunk<Carried>>[] = [];
  const deliverFirst = async () => {
    const first = inFlight.shift();
    if (first !== undefined) await deliver(await orAborted(first, signal));
  };
  const answerByChunk = async () => {
    for await (const chunk of table.chunks(mapping)) {
      signal.throwIfAborted();
      const answered = answer(chunk);
      // The error is thrown where the promise is awaited; until then it must not count as unhandled.
      answered.catch(() => undefined);
      inFlight.push(answered);
      if (inFlight.length > chunksInFlight) await deliverFirst();
    }
    while (inFlight.length > 0) await deliverFirst();
  };
  const answerInWholeGroups = async () => {
    const answerGroup = (rows: readonly TableRow[]) => orAborted(answerRows(rows, stopped), signal);
    const answered = inWholeGroups(withFaults(), groups.size, answerGroup, () => performance.now());
    for await (const one of answered) await deliver({ ...one, at: clock() });
  };
  async function* withFaults(): AsyncGenerator<TableChunk<Carried>> {
    for await (const chunk of table.chunks(mapping)) {
      signal.throwIfAborted();
      yield await findFaults(chunk);
    }
  }
  try {
    if (groups.mustBeWhole) await answerInWholeGroups();
    else await answerByChunk();
    const laidOut = layout ?? layOut(undefined);
    for (const next of held) await write(next, laidOut);
    await laidOut.writer.finish();
    await blocks?.finish();
  } catch (error) {
    // What was answered stays in the log.
    await blocks?.finish().catch(() => undefined);
    throw error;
  } finally {
    stop.abort();
  }
  return {
    ...counts,
    failures,
    summary: summary.result(),
    warnings: [...warningsOf(model.rows, groups), ...empty.warnings()],
  };
}

/** Counts empty texts in features whose encoder has a category for missing values: to it, empty text is not missing. */
function emptyTexts({ features }: Signature) {
  const counted = features.flatMap(({ name, missing_category: category }, index) =>
    category === undefined || category === '' ? [] : [{ name, index, category, rows: 0 }],
  );
  return {
    count(rows: readonly TableRow[]) {
      for (const feature of counted)
        for (const { features: given } of rows) if (given[feature.name] === '') feature.rows++;
    },
    /** @param columns one a feature */
    countColumns(columns: readonly FeatureValues[]) {
      for (const feature of counted) {
        const values = columns[feature.index] ?? [];
        for (let row = 0; row < values.length; row++) if (values[row] === '') feature.rows++;
      }
    },
    warnings: () =>
      counted.flatMap(({ name, category, rows }) =>
        rows === 0
          ? []
          : `"${name}" is empty in ${rows} rows, which the model was given as empty text; in training it knew missing values as "${category}": write that where a value is missing.`,
      ),
  };
}

function warningsOf(rows: RowIndependence, { size, isFixed }: RowGroups): string[] {
  if (rows.independent) return [];
  return [
    `Rows may change one another's answers (${rows.because}): they were answered in groups of ${size} in the order of the file${isFixed ? ', and a group that is not full fails' : ', the last one smaller'}. Other neighbours give other answers.`,
  ];
}

/** The same answers row by row. */
function rowsAnswer({ predictions }: AnsweredColumns): RowsAnswer {
  const answers = Array.from({ length: predictions.rows }, (_, row) => ({
    prediction: predictionAt(predictions, row),
  }));
  return { answers, modelFailure: undefined };
}

/** The prediction by which the columns are laid out: one with probabilities, if there are any. */
function firstPrediction(answer: RowsAnswer | AnsweredColumns): RowPrediction | undefined {
  if (!('answers' in answer)) return predictionAt(answer.predictions, 0);
  const { answers } = answer;
  const predictions = answers.flatMap((answer) => ('prediction' in answer ? [answer.prediction] : []));
  return predictions.find(({ probabilities }) => probabilities !== undefined) ?? predictions[0];
}

function nothingAnswered(held: readonly AnsweredChunk<unknown>[]): ModelYardError {
  const [first] = held;
  const given = first?.answer;
  const rows = given !== undefined && 'answers' in given ? given : undefined;
  const [answer] = rows?.answers ?? [];
  const why = answer !== undefined && 'error' in answer ? answer.error : '';
  return new ModelYardError(
    rows?.modelFailure?.code ?? 'SIGNATURE_MISMATCH',
    `None of the first ${maxUnansweredRows} rows could be answered. Line ${first?.chunk.rows[0]?.line}: ${why}`,
    'Correct the file; get_model shows the features that the model takes.',
  );
}

/** The promise's result, or a rejection with the signal's reason as soon as that is aborted. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
