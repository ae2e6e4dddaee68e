/**
 * One of the processes that bench/scaling.ts has write rows: appends each to a journal of its own, moves and merges them as
 * a server does, and says what that took. Started by it alone, with what to do as JSON.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { packageDirectory } from '../src/package_info.ts';
import { journalLine, openJournal } from '../src/prediction_log/journal.ts';
import { mergeSegments } from '../src/prediction_log/merge_segments.ts';
import { moveJournals } from '../src/prediction_log/move_journals.ts';
import type { PredictionEntry } from '../src/serving/prediction_sink.ts';
import { openDatabase } from '../src/storage/database.ts';
import { classLabels, featureNames } from './http_peers/forms.ts';
import type { WriterTask, Written } from './scaling/journals.ts';

const task: WriterTask = JSON.parse(process.argv[2] ?? '{}');
const { directory, databaseUrl, modelId, version, from, to, step, start, stepMs } = task;
const dayMs = 86_400_000;
/** What a busy server moves at once. */
const batchRows = 10_000;

const [header = '', ...lines] = readFileSync(join(packageDirectory, 'examples', 'nba', 'season.csv'), 'utf8')
  .trimEnd()
  .split('\n');
const columns = header.split(',');
const games = lines.map((line) => {
  const cells = line.split(',');
  return featureNames.map((name) => Number(cells[columns.indexOf(name)]));
});
const [no = '', yes = ''] = classLabels;

/** A game of the season with other points, so that the log is no easier to pack than a real one. */
function entryOf(row: number): PredictionEntry {
  const game = games[row % games.length] ?? [];
  const probability = Math.fround(Math.random());
  return {
    at: Math.floor(start + row * stepMs),
    modelId,
    version,
    route: 'active',
    entityKey: null,
    latencyMs: 1 + Math.random() * 5,
    predictionIds: [uuidv7()],
    features: featureNames.map((name, column) => {
      const value = game[column] ?? 0;
      const isNoisy = /points|rating/.test(name);
      return [name, [isNoisy ? Math.round((value + 10 * Math.random() - 5) * 1e4) / 1e4 : value]];
    }),
    values: [probability > 0.5 ? yes : no],
    probabilities: [
      [
        [no, 1 - probability],
        [yes, probability],
      ],
    ],
    error: null,
  };
}

function stopwatch() {
  const spent = { clock: 0, processor: 0 };
  return {
    spent,
    async around(work: () => unknown) {
      const [began, before] = [performance.now(), process.cpuUsage()];
      await work();
      const { user, system } = process.cpuUsage(before);
      spent.clock += (performance.now() - began) / 1000;
      spent.processor += (user + system) / 1e6;
    },
  };
}

const { database, close } = await openDatabase({ directory, databaseUrl });
const journal = openJournal(directory);
const [append, move, merge] = [stopwatch(), stopwatch(), stopwatch()];
let bytes = 0;
let rows = 0;
for (let row = from; row < to; ) {
  const entries: PredictionEntry[] = [];
  for (; row < to && entries.length < batchRows; row += step) entries.push(entryOf(row));
  await append.around(() => {
    for (const entry of entries) bytes += journal.append([journalLine(entry)]);
  });
  await move.around(() => moveJournals(database, directory, journal));
  // The hour is the real one, by which claims of segments expire; the day is that of the rows.
  const day = Math.floor((start + row * stepMs) / dayMs);
  const now = () => day * dayMs + (Date.now() % dayMs);
  await merge.around(() => mergeSegments(database, { now, maxWeight: Number.POSITIVE_INFINITY }));
  rows += entries.length;
}
journal.finish();
await move.around(() => moveJournals(database, directory, journal));
journal.close();
await close();
const written: Written = { rows, bytes, append: append.spent, move: move.spent, merge: merge.spent };
process.send?.(written, () => process.disconnect());
