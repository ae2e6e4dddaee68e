import type { ModelYardError } from '../../errors.ts';
import type { TableChunk, TableRow } from '../../tables/table.ts';
import type { RowAnswer, RowsAnswer } from './answer_rows.ts';

interface Open<Carried> {
  chunk: TableChunk<Carried>;
  answers: RowAnswer[];
  unanswered: number;
  begun: number;
  modelFailure: ModelYardError | undefined;
}

/**
 * Answers chunks in groups of exactly `size` rows, independent of where the file is cut into chunks: rows that have an
 * error already are in no group, and only the last group may be smaller.
 * @param answer answers the rows of one group
 * @returns the chunks in order, each as soon as all of its rows are answered, and how long that took, milliseconds
 */
export async function* inWholeGroups<Carried>(
  chunks: AsyncIterable<TableChunk<Carried>>,
  size: number,
  answer: (rows: readonly TableRow[]) => Promise<RowsAnswer>,
  now: () => number,
): AsyncGenerator<{ chunk: TableChunk<Carried>; answer: RowsAnswer; latencyMs: number }> {
  let open: Open<Carried>[] = [];
  let waiting: { row: TableRow; of: Open<Carried>; index: number }[] = [];

  const answerWaiting = async (count: number) => {
    const group = waiting.slice(0, count);
    waiting = waiting.slice(count);
    const { answers, modelFailure } = await answer(group.map(({ row }) => row));
    group.forEach(({ of, index }, at) => {
      of.answers[index] = answers[at] ?? { error: 'The model gave no prediction.' };
      of.unanswered--;
      of.modelFailure ??= modelFailure;
    });
  };
  const takeAnswered = () => {
    const first = open.findIndex(({ unanswered }) => unanswered > 0);
    const done = first === -1 ? open : open.slice(0, first);
    open = first === -1 ? [] : open.slice(first);
    return done.map(({ chunk, answers, modelFailure, begun }) => ({
      chunk,
      answer: { answers, modelFailure },
      latencyMs: now() - begun,
    }));
  };

  for await (const chunk of chunks) {
    const of: Open<Carried> = {
      chunk,
      answers: chunk.rows.map(({ fault }) => ({ error: fault ?? '' })),
      unanswered: 0,
      begun: now(),
      modelFailure: undefined,
    };
    open.push(of);
    chunk.rows.forEach((row, index) => {
      if (row.fault !== undefined) return;
      of.unanswered++;
      waiting.push({ row, of, index });
    });
    while (waiting.length >= size) await answerWaiting(size);
    yield* takeAnswered();
  }
  if (waiting.length > 0) await answerWaiting(waiting.length);
  yield* takeAnswered();
}
