import type { FileHandle } from 'node:fs/promises';
import { ModelYardError } from '../../errors.ts';
import type { RowPrediction } from '../codec/predictions.ts';
import type { PredictionSink } from '../prediction_sink.ts';
import { type RowsAnswer, rowAnswerer } from './answer_rows.ts';
import type { FileModel } from './file_model.ts';
import { logAnswers } from './log_answers.ts';
import { hasIntegerValues, type ResultLayout, resultLayout } from './result_columns.ts';
import { type FileSummary, summarizer } from './summary.ts';
import {
  type ColumnMapping,
  maxEntityKeyLength,
  type Table,
  type TableChunk,
  type TableWriter,
} from './table.ts';

export interface FileCounts {
  rows: number;
  failedRows: number;
  /** The first rows that failed. */
  failures: { line: number; error: string }[];
  summary: FileSummary;
}

export interface FileJob<Carried> {
  table: Table<Carried>;
  mapping: ColumnMapping;
  model: FileModel;
  /** Where the answered rows are logged; undefined: nowhere. */
  sink: PredictionSink | undefined;
  output: FileHandle;
  clock: () => number;
  /** Told how many bytes of the input have been dealt with. */
  progress(position: number, rows: number): void;
  signal: AbortSignal;
}

/** Chunks that may wait for the model while another is read: with more, garbage outlives its youth and is costly. */
const chunksInFlight = 1;
/** If the model answers none of so many first rows, it answers none at all. */
const maxUnansweredRows = 10_000;
const maxFailures = 10;
const maxErrorLength = 500;

interface AnsweredChunk<Carried> {
  chunk: TableChunk<Carried>;
  answer: RowsAnswer;
  at: number;
  latencyMs: number;
}

/**
 * Answers the rows of a file chunk by chunk, logs them, then writes them, in the order of the file.
 * @throws what stops the whole: a model that is gone, an input that is not of its format, a full disk, and the
 *   reason of `signal` when that is aborted. What was written then is worthless.
 */
export async function answerFile<Carried>(job: FileJob<Carried>): Promise<FileCounts> {
  const { table, mapping, model, sink, signal, clock } = job;
  const { record } = model;
  // Chunks in flight end with the file, however that ends.
  const stop = new AbortController();
  const stopped = AbortSignal.any([signal, stop.signal]);
  const answerRows = rowAnswerer(record.signature, model.run, () => performance.now(), model.slowMs);
  const summary = summarizer(hasIntegerValues(record), mapping.outcomeColumn !== undefined);
  const counts = { rows: 0, failedRows: 0 };
  const failures: FileCounts['failures'] = [];
  let layout: { is: ResultLayout; writer: TableWriter<Carried> } | undefined;
  let held: AnsweredChunk<Carried>[] = [];

  const answer = async (chunk: TableChunk<Carried>): Promise<AnsweredChunk<Carried>> => {
    const at = clock();
    const started = performance.now();
    for (const row of chunk.rows)
      if ((row.entityKey?.length ?? 0) > maxEntityKeyLength)
        row.fault ??= `The entity key is longer than ${maxEntityKeyLength} characters.`;
    const answered = await answerRows(chunk.rows, stopped);
    return { chunk, answer: answered, at, latencyMs: performance.now() - started };
  };

  const layOut = (first: RowPrediction | undefined) => {
    const is = resultLayout(record, first);
    layout ??= { is, writer: table.writer(job.output, is.columns) };
    return layout;
  };

  const write = async (
    { chunk, answer: answered, at, latencyMs }: AnsweredChunk<Carried>,
    { is, writer }: NonNullable<typeof layout>,
  ) => {
    const cells = answered.answers.map((row) =>
      'prediction' in row ? is.cells(row.prediction) : { error: row.error },
    );
    // A prediction that cannot be written is not answered, so it is not logged either.
    answered.answers = answered.answers.map((row, index) => {
      const found = cells[index];
      return found === undefined || Array.isArray(found) ? row : { error: found.error };
    });
    const ids = sink && (await logAnswers(sink, model, chunk.rows, answered, at, latencyMs));
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
    await writer.write(chunk.carried, results);
    job.progress(chunk.position, counts.rows);
  };

  const deliver = async (answered: AnsweredChunk<Carried>) => {
    held.push(answered);
    if (layout === undefined) {
      const first = firstPrediction(answered.answer);
      const unanswered = held.reduce((sum, { chunk }) => sum + chunk.rows.length, 0);
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
  try {
    for await (const chunk of table.chunks(mapping)) {
      signal.throwIfAborted();
      const answered = answer(chunk);
      // Whoever waits for it gets the error; until then it is nobody's.
      answered.catch(() => undefined);
      inFlight.push(answered);
      if (inFlight.length > chunksInFlight) await deliverFirst();
    }
    while (inFlight.length > 0) await deliverFirst();
    const laidOut = layout ?? layOut(undefined);
    for (const next of held) await write(next, laidOut);
    await laidOut.writer.finish();
  } finally {
    stop.abort();
  }
  return { ...counts, failures, summary: summary.result() };
}

/** The prediction by which the columns are laid out: one with probabilities, if there are any. */
function firstPrediction({ answers }: RowsAnswer): RowPrediction | undefined {
  const predictions = answers.flatMap((answer) => ('prediction' in answer ? [answer.prediction] : []));
  return predictions.find(({ probabilities }) => probabilities !== undefined) ?? predictions[0];
}

function nothingAnswered(held: readonly AnsweredChunk<unknown>[]): ModelYardError {
  const [first] = held;
  const [answer] = first?.answer.answers ?? [];
  const why = answer !== undefined && 'error' in answer ? answer.error : '';
  return new ModelYardError(
    first?.answer.modelFailure?.code ?? 'SIGNATURE_MISMATCH',
    `None of the first ${maxUnansweredRows} rows could be answered. Line ${first?.chunk.rows[0]?.line}: ${why}`,
    'Correct the file; get_model shows the features that the model takes.',
  );
}

/** What `promise` comes to, or the signal's reason as soon as that is aborted. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
