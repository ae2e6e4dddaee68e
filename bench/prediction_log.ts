/**
 * What the prediction log costs: appending and moving rows, their size on disk, reading a day's window, listing and
 * recording outcomes. `node dist/bench/prediction_log.js [rows] [columns]`; on PostgreSQL with DATABASE_URL, which
 * must name an empty database. A day has a million rows.
 */
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { sql } from 'kysely';
import { uuidv7 } from 'uuidv7';
import { originOf } from '../src/access/origin.ts';
import { valueAt } from '../src/monitoring/log/column.ts';
import { openJournal } from '../src/monitoring/log/journal.ts';
import { listPredictions } from '../src/monitoring/log/list.ts';
import { mergeSegments } from '../src/monitoring/log/merge_segments.ts';
import { moveJournals } from '../src/monitoring/log/move_journals.ts';
import { openSegment } from '../src/monitoring/log/open_segment.ts';
import { windowReader } from '../src/monitoring/log/window_reader.ts';
import { recordOutcomes } from '../src/monitoring/outcomes/record_outcomes.ts';
import type { PredictionEntry } from '../src/serving/prediction_sink.ts';
import { openDatabase } from '../src/storage/database.ts';

const [rows = 1_000_000, columns = 10] = process.argv.slice(2).map(Number);
const databaseUrl = process.env.DATABASE_URL;
const days = Math.max(1, Math.round(rows / 1_000_000));
const dayMs = 86_400_000;
const start = Date.UTC(2026, 0, 1);
const stepMs = (days * dayMs) / rows;
const colours = ['red', 'green', 'blue', 'yellow'];

/** A number as it is measured, with two decimals, or any double: half of the columns each; the last one is text. */
function featureValue(column: number): unknown {
  if (column === columns - 1) return colours[Math.floor(Math.random() * colours.length)];
  const value = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  return column % 2 === 0 ? Math.round(value * 10_000) / 100 : value;
}

function entryAt(at: number): PredictionEntry {
  const probability = Math.fround(Math.random());
  return {
    at: Math.floor(at),
    modelId: 'bench',
    version: '1',
    route: 'active',
    entityKey: null,
    latencyMs: 1 + Math.random() * 5,
    predictionIds: [uuidv7()],
    features: Array.from({ length: columns }, (_, column) => [`feature_${column}`, [featureValue(column)]]),
    values: [probability > 0.5 ? 'yes' : 'no'],
    probabilities: [
      [
        ['no', 1 - probability],
        ['yes', probability],
      ],
    ],
    error: null,
  };
}

async function timed<T>(title: string, count: number, run: () => Promise<T>): Promise<T> {
  await turn();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const started = performance.now();
  const result = await run();
  const seconds = (performance.now() - started) / 1000;
  delay.disable();
  const rate = count > 0 ? `, ${Math.round(count / seconds)} rows/s` : '';
  console.log(
    `${title}: ${seconds.toFixed(2)} s${rate}; event loop held at most ${(delay.max / 1e6).toFixed(0)} ms`,
  );
  return result;
}

const directory = await mkdtemp(join(tmpdir(), 'modelyard-bench-'));
const opened = await openDatabase({ directory, databaseUrl });
const { database, kind } = opened;

async function storedBytes(): Promise<number> {
  if (kind === 'postgresql') {
    const { rows: found } = await sql<{
      size: number;
    }>`select pg_database_size(current_database()) as size`.execute(database);
    return Number(found[0]?.size ?? 0);
  }
  const names = (await readdir(directory)).filter((name) => name.startsWith('modelyard.db'));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(directory, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

console.log(`${kind}, ${rows} rows of ${columns} features over ${days} days`);
await database.insertInto('models').values({ model_id: 'bench', created_at: 0, revision: 0 }).execute();
await database
  .insertInto('versions')
  .values({
    model_id: 'bench',
    version: '1',
    number: 1,
    stage: 'production',
    created_at: start,
    created_by: 'operator',
    source: 'bench',
    artifact_sha256: '0',
    artifact_bytes: 0,
    signature: JSON.stringify({
      inputs: [],
      outputs: [{ name: 'label', datatype: 'BYTES', shape: [-1], role: 'label', classes: ['no', 'yes'] }],
      features: [],
    }),
    class_labels: null,
    framework: null,
    algorithm: null,
    hyperparameters: null,
    description: null,
    warnings: '[]',
  })
  .execute();

const empty = await storedBytes();
const journal = openJournal(directory);
const spentMs = { append: 0, move: 0, merge: 0 };
let heldMs = 0;
const perBatch = 100_000;
for (let written = 0; written < rows; written += perBatch) {
  const count = Math.min(perBatch, rows - written);
  let began = 0;
  for (let index = 0; index < count; index++) {
    const entry = entryAt(start + (written + index) * stepMs);
    began = performance.now();
    journal.append([entry]);
    spentMs.append += performance.now() - began;
  }
  // What went before is not to be counted as a delay.
  await turn();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  began = performance.now();
  await moveJournals(database, directory, journal);
  spentMs.move += performance.now() - began;
  delay.disable();
  heldMs = Math.max(heldMs, delay.max / 1e6);
  began = performance.now();
  const now = () => start + (written + count) * stepMs;
  await mergeSegments(database, { now, maxWeight: Number.POSITIVE_INFINITY });
  spentMs.merge += performance.now() - began;
}
const rate = (ms: number) => `${Math.round((rows * 1000) / ms)} rows/s`;
console.log(
  `appended one by one: ${rate(spentMs.append)} (${((spentMs.append * 1000) / rows).toFixed(1)} µs each)`,
);
console.log(`moved: ${rate(spentMs.move)}; a step held the thread at most ${heldMs.toFixed(0)} ms`);
console.log(`merged: ${rate(spentMs.merge)}`);
journal.finish();
await moveJournals(database, directory, journal);

const { segments, bytes } = await database
  .selectFrom('prediction_segments')
  .select((eb) => [eb.fn.countAll<number>().as('segments'), eb.fn.sum<number>('bytes').as('bytes')])
  .executeTakeFirstOrThrow();
console.log(
  `${segments} segments, ${(Number(bytes) / rows).toFixed(1)} bytes a row packed, ${(((await storedBytes()) - empty) / rows).toFixed(1)} on disk with free pages and log`,
);

const readWindow = windowReader({ database, directory, databaseUrl });
const features = Array.from({ length: columns }, (_, column) => ({
  name: `feature_${column}`,
  kind: column === columns - 1 ? ('categorical' as const) : ('numeric' as const),
}));
const windowOf = (since: number, until: number, wanted = features) =>
  readWindow({ modelId: 'bench', version: '1', since, until, rows: 'answered', features: wanted });
const day = start + Math.floor(days / 2) * dayMs;
await timed(`a day of ${rows / days} rows, all features`, rows / days, () => windowOf(day, day + dayMs));
await timed('the same day, one feature', rows / days, () => windowOf(day, day + dayMs, features.slice(0, 1)));
const whole = await timed('the whole log, as much as is read at once', 0, () =>
  windowOf(start, start + days * dayMs),
);
console.log(`  ${whole.rows} rows${whole.truncated ? ', the newest' : ''}`);

await timed('the newest page of 25', 0, () =>
  listPredictions(database, { modelId: 'bench', only: 'all', limit: 25 }),
);
const middle = await listPredictions(database, {
  modelId: 'bench',
  only: 'all',
  limit: 25,
  cursor: Buffer.from(JSON.stringify([day + dayMs / 2, ''])).toString('base64url'),
});
await timed('one prediction by its id', 0, () =>
  listPredictions(database, {
    modelId: 'bench',
    only: 'all',
    limit: 25,
    predictionId: middle.predictions[0]?.predictionId,
  }),
);

const noFlush = {
  database,
  flushLog: async () => undefined,
  allowedRoots: [directory],
  clock: Date.now,
};
const origin = originOf({ role: 'operator', readOnly: false }, 'bench', {});
await timed('one outcome', 0, () =>
  recordOutcomes(
    noFlush,
    'bench',
    {
      kind: 'records',
      outcomes: [{ predictionId: middle.predictions[0]?.predictionId ?? '', actual: 'yes' }],
    },
    origin,
  ),
);
const spread = await everyId(Math.min(100_000, rows));
const path = join(directory, 'outcomes.csv');
await writeFile(
  path,
  `prediction_id,actual\n${spread.map((id, index) => `${id},${index % 2 ? 'yes' : 'no'}`).join('\n')}\n`,
);
const report = await timed(`${spread.length} outcomes of a file, over the whole log`, spread.length, () =>
  recordOutcomes(noFlush, 'bench', { kind: 'path', path }, origin),
);
console.log(`  ${report.matched} matched, ${report.unknown.length} unknown`);

await opened.close();
await rm(directory, { recursive: true });

/** Ids of so many rows, evenly from the whole log. */
async function everyId(count: number): Promise<string[]> {
  const listed = await database.selectFrom('prediction_segments').selectAll().execute();
  const found: string[] = [];
  for (const row of listed) {
    const { answers } = await openSegment(database, row, ['answers'], new Set(['id']));
    const column = answers.get('id');
    const step = rows / count;
    for (let index = 0; column !== undefined && index < row.rows; index += step)
      found.push(String(valueAt(column, Math.floor(index))));
  }
  return found.slice(0, count);
}
