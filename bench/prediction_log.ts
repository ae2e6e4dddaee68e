/**
 * What the prediction log costs: appending, moving and merging rows, million by million, their size on disk, reading a
 * day's window, listing, recording outcomes and retention; how long another connection's writes took meanwhile, how
 * long the event loop was held, and the memory of the process. A day has a million rows.
 *
 * `node dist/bench/prediction_log.js [rows] [columns]`, by default 1 000 000 of 10; the promise is about 10000000. On
 * PostgreSQL with DATABASE_URL, which must name an empty database.
 */
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as rest, setImmediate as turn } from 'node:timers/promises';
import { sql } from 'kysely';
import { uuidv7 } from 'uuidv7';
import { originOf } from '../src/access/origin.ts';
import { recordOutcomes } from '../src/monitoring/outcomes/record_outcomes.ts';
import { valueAt } from '../src/prediction_log/column.ts';
import { journalLine, openJournal } from '../src/prediction_log/journal.ts';
import { listPredictions } from '../src/prediction_log/list.ts';
import { mergeSegments } from '../src/prediction_log/merge_segments.ts';
import { moveJournals } from '../src/prediction_log/move_journals.ts';
import { openSegment } from '../src/prediction_log/open_segment.ts';
import { applyRetention } from '../src/prediction_log/retention.ts';
import { windowReader } from '../src/prediction_log/window_reader.ts';
import type { PredictionEntry } from '../src/serving/prediction_sink.ts';
import { openDatabase } from '../src/storage/database.ts';
import { type Held, holding, watchLoop } from './loop_watch.ts';
import { startWriteProbe, waited } from './write_probe.ts';

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
  const watch = watchLoop();
  const started = performance.now();
  const result = await run();
  const seconds = (performance.now() - started) / 1000;
  // A last look at the clock.
  await rest(5);
  const rate = count > 0 ? `, ${Math.round(count / seconds)} rows/s` : '';
  console.log(`${title}: ${seconds.toFixed(2)} s${rate}; ${holding(watch.finish())}`);
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
    stage: 'development',
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
const timeOf = (written: number) => () => start + written * stepMs;
let peakBytes = 0;
setInterval(() => {
  peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
}, 50).unref();

/** Appends and moves so many rows; merges after every batch, as a server does every second. */
async function log(from: number, to: number): Promise<void> {
  const append = stopwatch();
  const move = stopwatch();
  const merge = stopwatch();
  let held: Held = { longest: 0, own: undefined };
  const probe = startWriteProbe({ directory, databaseUrl });
  for (let written = from; written < to; ) {
    const count = Math.min(batchRows, to - written);
    const entries = Array.from({ length: count }, (_, index) => entryAt(start + (written + index) * stepMs));
    append.start();
    for (const entry of entries) journal.append([journalLine(entry)]);
    append.stop();
    written += count;
    // What went before is not to be counted as a delay.
    await turn();
    const watch = watchLoop();
    move.start();
    await moveJournals(database, directory, journal);
    move.stop();
    await rest(5);
    const now = watch.finish();
    held = now.longest > held.longest ? now : held;
    merge.start();
    await mergeSegments(database, { now: timeOf(written), maxWeight: Number.POSITIVE_INFINITY });
    merge.stop();
  }
  console.log(
    `${(to / 1e6).toFixed(1)} million: thousand rows a second appended one by one ${append.rate(to - from)}, ` +
      `moved ${move.rate(to - from)}, merged ${merge.rate(to - from)}; while moving ${holding(held)}; ` +
      `${waited(await probe.finish())}; ${megabytes(process.memoryUsage.rss())}`,
  );
}

/** Adds up time, and the processor's beside it, which tells what other work on the machine makes of it. */
function stopwatch() {
  let [began, spentMs, usedMs] = [0, 0, 0];
  let before = process.cpuUsage();
  return {
    start() {
      before = process.cpuUsage();
      began = performance.now();
    },
    stop() {
      spentMs += performance.now() - began;
      const { user, system } = process.cpuUsage(before);
      usedMs += (user + system) / 1000;
    },
    rate: (count: number) =>
      `${(count / spentMs).toFixed(0)} (${(count / usedMs).toFixed(0)} a second of processor time)`,
  };
}

const batchRows = 10_000;
for (let written = 0; written < rows; written += 1_000_000)
  await log(written, Math.min(rows, written + 1_000_000));
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

const end = start + days * dayMs;
const keep = { maxAgeMs: undefined, maxBytes: undefined };
for (const [title, retention, since] of [
  ['the oldest day', { ...keep, maxAgeMs: (days - 1) * dayMs }, 0],
  ['half of the bytes', { ...keep, maxBytes: Number(bytes) / 2 }, 1],
] as const) {
  const probe = startWriteProbe({ directory, databaseUrl });
  const gone = await timed(`retention of ${title}`, 0, () =>
    applyRetention(database, retention, end + since * dayMs),
  );
  console.log(`  ${gone} segments went; ${waited(await probe.finish())}`);
}
console.log(`peak memory of the process: ${megabytes(peakBytes)}`);

await opened.close();
await rm(directory, { recursive: true });

function megabytes(size: number): string {
  return `${Math.round(size / 1e6)} MB`;
}

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
