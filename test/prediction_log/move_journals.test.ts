import { appendFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { journalLine, openJournal } from '../../src/prediction_log/journal.ts';
import { journalDirectory } from '../../src/prediction_log/journal_directory.ts';
import { moveJournals } from '../../src/prediction_log/move_journals.ts';
import { openPredictionLog } from '../../src/prediction_log/prediction_log.ts';
import { readServingStatistics } from '../../src/prediction_log/serving_statistics.ts';
import type { PredictionEntry } from '../../src/serving/prediction_sink.ts';
import { type Database, openDatabase } from '../../src/storage/database.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';
import { inProcesses } from '../storage/processes.ts';
import { temporaryDirectory } from '../temporary.ts';
import { abandonedJournal, answered, failed, linesOf } from './entries.ts';
import { loggedRows } from './rows.ts';

const minuteMs = 60_000;
const start = Date.UTC(2026, 0, 1);

describeOnEachDatabase('moving journals', (store) => {
  let database: Database;
  beforeAll(async () => {
    ({ database } = await store.open());
  });
  let models = 0;
  const newModel = () => `model-${++models}`;

  const move = (directory: string, journal = openJournal(directory)) =>
    moveJournals(database, directory, journal);
  const rowsOf = (modelId: string) => loggedRows(database, modelId);
  const totalsOf = (modelId: string) =>
    database.selectFrom('serving_totals').selectAll().where('model_id', '=', modelId).execute();
  const minutesOf = (modelId: string) =>
    database.selectFrom('serving_minutes').selectAll().where('model_id', '=', modelId).execute();

  test('ends though its writer goes on', async () => {
    const modelId = newModel();
    const directory = temporaryDirectory();
    const journal = openJournal(directory);
    const write = () => journal.append([journalLine(answered({ modelId }))]);
    write();
    let transactions = 0;
    const watched: Database = new Proxy(database, {
      get(target, property) {
        // Whoever follows its writer line by line would make one transaction for each of these.
        if (property === 'transaction' && ++transactions < 20) write();
        const found: unknown = Reflect.get(target, property);
        return typeof found === 'function' ? found.bind(target) : found;
      },
    });
    await moveJournals(watched, directory, journal);
    expect(transactions).toBe(1);
    expect(await rowsOf(modelId)).toHaveLength(1);
    await move(directory, journal);
    expect(await rowsOf(modelId)).toHaveLength(2);
  });

  test('keeps every row as it was answered', async () => {
    const modelId = newModel();
    const directory = temporaryDirectory();
    const journal = openJournal(directory);
    journal.append(
      [
        answered({
          modelId,
          predictionIds: ['a', 'b'],
          route: 'pinned',
          entityKey: 'customer 7',
          latencyMs: 1.5,
          features: [
            ['__proto__', ['x', 'ü']],
            ['count', ['9223372036854775807', 2]],
          ],
          values: ['yes', null],
          probabilities: [[['yes', 0.75]], null],
        }),
        failed({ modelId, predictionIds: ['c'] }),
      ].map(journalLine),
    );
    expect(await move(directory, journal)).toBe(0);
    const common = { model_id: modelId, version: '1', at: start };
    const fine = { ...common, route: 'pinned', entity_key: 'customer 7', latency_ms: 1.5 };
    const noError = { error_code: null, error_message: null, actual: null };
    expect(await rowsOf(modelId)).toEqual([
      {
        ...fine,
        ...noError,
        prediction_id: 'a',
        features: [
          ['__proto__', 'x'],
          ['count', '9223372036854775807'],
        ],
        value: 'yes',
        probabilities: [['yes', 0.75]],
      },
      {
        ...fine,
        ...noError,
        prediction_id: 'b',
        features: [
          ['__proto__', 'ü'],
          ['count', 2],
        ],
        value: null,
        probabilities: null,
      },
      {
        ...common,
        prediction_id: 'c',
        route: 'active',
        entity_key: null,
        latency_ms: 2,
        features: null,
        value: null,
        probabilities: null,
        error_code: 'TIMEOUT',
        error_message: 'too slow',
        actual: null,
      },
    ]);
  });

  test('moves a line once, however often it is asked to', async () => {
    const modelId = newModel();
    const directory = temporaryDirectory();
    const journal = openJournal(directory);
    for (let round = 1; round <= 3; round++) {
      journal.append([journalLine(answered({ modelId }))]);
      await move(directory, journal);
      await move(directory, journal);
      expect(await totalsOf(modelId)).toMatchObject([{ calls: round, rows: round, errors: 0 }]);
    }
    expect(await rowsOf(modelId)).toHaveLength(3);
  });

  test('moves and deletes the journal of a process that is gone, but not a cut-off last line', async () => {
    const modelId = newModel();
    const directory = temporaryDirectory();
    const whole = linesOf([answered({ modelId }), answered({ modelId })]);
    const path = abandonedJournal(directory, `${whole}${linesOf([answered({ modelId })]).slice(0, -9)}`);
    expect(await move(directory)).toBe(0);
    expect(await rowsOf(modelId)).toHaveLength(2);
    expect(existsSync(path)).toBe(false);
    expect(
      await database
        .selectFrom('journals')
        .selectAll()
        .where('journal', 'like', `%${path.slice(-40)}`)
        .execute(),
    ).toEqual([]);
  });

  test('leaves the open journal of this process, whose last line may not be whole yet', async () => {
    const modelId = newModel();
    const directory = temporaryDirectory();
    const journal = openJournal(directory);
    journal.append([journalLine(answered({ modelId }))]);
    const [name = ''] = readdirSync(journalDirectory(directory));
    const [beginning, end] = [
      linesOf([answered({ modelId })]).slice(0, 30),
      linesOf([answered({ modelId })]).slice(30),
    ];
    appendFileSync(join(journalDirectory(directory), name), beginning);
    await move(directory, journal);
    expect(await rowsOf(modelId)).toHaveLength(1);
    appendFileSync(join(journalDirectory(directory), name), end);
    await move(directory, journal);
    expect(await rowsOf(modelId)).toHaveLength(2);
  });

  test('counts lines that cannot be read, and goes on after them', async () => {
    const modelId = newModel();
    const directory = temporaryDirectory();
    const [first, second] = [linesOf([answered({ modelId })]), linesOf([answered({ modelId })])];
    abandonedJournal(directory, `${first}{"at":17\nnull\n\0\0\0\n{}\n${second}`);
    expect(await move(directory)).toBe(4);
    expect(await rowsOf(modelId)).toHaveLength(2);
    expect(await totalsOf(modelId)).toMatchObject([{ calls: 2 }]);
  });

  test('keeps a NUL in text, for which PostgreSQL has no place in its own', async () => {
    const modelId = newModel();
    const directory = temporaryDirectory();
    const error = { code: 'INFERENCE_FAILED' as const, message: 'no category "\0"' };
    abandonedJournal(
      directory,
      linesOf([answered({ modelId, entityKey: 'a\0b', values: ['\0'] }), failed({ modelId, error })]),
    );
    expect(await move(directory)).toBe(0);
    expect(await rowsOf(modelId)).toMatchObject([
      { entity_key: 'a\0b', value: '\0' },
      { error_message: 'no category "\0"' },
    ]);
  });

  test('takes lines longer than one step', async () => {
    const modelId = newModel();
    const directory = temporaryDirectory();
    const [before, after] = [answered({ modelId }), answered({ modelId })];
    const long = answered({ modelId, features: [['text', ['x'.repeat(1_500_000)]]] });
    abandonedJournal(directory, linesOf([before, long, after]));
    expect(await move(directory)).toBe(0);
    const features = new Map((await rowsOf(modelId)).map((row) => [row.prediction_id, row.features]));
    expect([before, long, after].map(({ predictionIds: [id = ''] }) => features.get(id))).toEqual([
      [['x', 1]],
      [['text', 'x'.repeat(1_500_000)]],
      [['x', 1]],
    ]);
  });

  test('takes many rows in one call', async () => {
    const modelId = newModel();
    const directory = temporaryDirectory();
    const rows = Array.from({ length: 1000 }, (_, row) => row);
    abandonedJournal(
      directory,
      linesOf([
        answered({
          modelId,
          predictionIds: rows.map((row) => `${modelId}-${row}`),
          features: [['x', rows]],
          values: rows,
          probabilities: rows.map(() => null),
        }),
      ]),
    );
    await move(directory);
    expect(await rowsOf(modelId)).toHaveLength(1000);
    expect(await totalsOf(modelId)).toMatchObject([{ calls: 1, rows: 1000 }]);
  });

  test('by two servers at once counts every call once, also as journals are finished', async () => {
    const modelId = newModel();
    const directory = temporaryDirectory();
    const journals = 12;
    const callsEach = 400;
    for (let journal = 0; journal < journals; journal++)
      abandonedJournal(directory, linesOf(Array.from({ length: callsEach }, () => answered({ modelId }))));
    const calls = journals * callsEach;
    const task = { name: 'move' as const, directory, modelId, calls };
    expect(await inProcesses(store, [task, task])).toEqual([calls, calls]);
    expect(await rowsOf(modelId)).toHaveLength(calls);
    expect(await totalsOf(modelId)).toMatchObject([{ calls, rows: calls }]);
    const minutes = await minutesOf(modelId);
    expect(minutes.reduce((sum, minute) => sum + minute.calls, 0)).toBe(calls);
    expect(readdirSync(journalDirectory(directory))).toEqual([]);
  });

  test('does not move again what another server finished in between', async () => {
    const modelId = newModel();
    const directory = temporaryDirectory();
    abandonedJournal(directory, linesOf([answered({ modelId })]));
    const other = await store.open();
    // The other server moves and forgets the journal when this one has asked how far it was moved.
    let interrupted = false;
    const interrupting = database.withPlugin({
      transformQuery: ({ node }) => node,
      async transformResult({ result }) {
        if (!interrupted) {
          interrupted = true;
          await moveJournals(other.database, directory, openJournal(directory));
        }
        return result;
      },
    });
    await moveJournals(interrupting, directory, openJournal(directory));
    expect(interrupted).toBe(true);
    expect(await totalsOf(modelId)).toMatchObject([{ calls: 1, rows: 1 }]);
    expect(await minutesOf(modelId)).toMatchObject([{ calls: 1 }]);
    expect(await database.selectFrom('journals').selectAll().where('bytes_moved', '=', 0).execute()).toEqual(
      [],
    );
  });

  const call = fc.record({
    minute: fc.nat(2),
    latencyMs: fc.double({ min: 0.1, max: 1e4, noNaN: true }),
    rows: fc.integer({ min: 1, max: 3 }),
    fails: fc.boolean(),
    journal: fc.nat(3),
  });

  test('gives the same totals however the calls are spread over journals', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 40 }), async (calls) => {
        const modelId = newModel();
        const entries = calls.map(({ minute, latencyMs, rows, fails }, index): PredictionEntry => {
          const common = { modelId, latencyMs, at: start + minute * minuteMs + index };
          const values = Array.from({ length: rows }, () => 1);
          return fails
            ? failed({ ...common, error: { code: 'ENGINE_CRASHED', message: `call ${index}` } })
            : answered({
                ...common,
                predictionIds: values.map((_, row) => `${modelId}-${index}-${row}`),
                values,
                probabilities: values.map(() => null),
              });
        });
        const directory = temporaryDirectory();
        for (const journal of [0, 1, 2, 3])
          abandonedJournal(
            directory,
            linesOf(entries.filter((_, index) => calls[index]?.journal === journal)),
          );
        await move(directory);

        const failures = entries.filter(({ error }) => error !== null);
        const lastFailure = failures.toSorted((a, b) => a.at - b.at).at(-1);
        const statistics = (await readServingStatistics(database, [modelId], start)).get(`${modelId}@1`);
        expect(statistics).toMatchObject({
          calls: entries.length,
          errors: failures.length,
          lastCallAt: Math.max(...entries.map(({ at }) => at)),
          lastErrorAt: lastFailure?.at ?? null,
          lastError: lastFailure?.error ? `ENGINE_CRASHED: ${lastFailure.error.message}` : null,
          recent: { calls: entries.length, errors: failures.length },
        });
        const [totals] = await totalsOf(modelId);
        expect(totals?.rows).toBe(entries.reduce((sum, { values }) => sum + values.length, 0));
      }),
      { numRuns: 25 },
    );
  });

  describe('by a prediction log', () => {
    const logger = createLogger({ directory: temporaryDirectory(), level: 'error' });

    test('nothing answered before is missing after flush, and nothing after close', async () => {
      const modelId = newModel();
      const directory = temporaryDirectory();
      abandonedJournal(directory, linesOf([answered({ modelId })]));
      const log = openPredictionLog({ ...store.address, database, directory, logger });
      await log.append(answered({ modelId }));
      await log.flush();
      expect(await rowsOf(modelId)).toHaveLength(2);
      await log.append(answered({ modelId }));
      await log.close();
      expect(await rowsOf(modelId)).toHaveLength(3);
      expect(readdirSync(journalDirectory(directory))).toEqual([]);
    });

    test('what is answered under load is moved by a thread, and none of it is missing after flush', async () => {
      const modelId = newModel();
      const log = openPredictionLog({ ...store.address, database, logger });
      for (let round = 1; round <= 2; round++) {
        await Promise.all(Array.from({ length: 150 }, () => log.append(answered({ modelId }))));
        await log.flush();
        expect(await totalsOf(modelId)).toMatchObject([{ calls: 150 * round }]);
      }
      await log.close();
    });

    test('what is answered while the database is away waits for the next server', async () => {
      const modelId = newModel();
      const directory = temporaryDirectory();
      const away = await store.open();
      const log = openPredictionLog({ ...store.address, database: away.database, directory, logger });
      await away.close();
      await log.append(answered({ modelId }));
      await expect(log.flush()).rejects.toThrow();
      await log.close();
      expect(await rowsOf(modelId)).toEqual([]);
      await move(directory);
      expect(await rowsOf(modelId)).toHaveLength(1);
    });
  });
});

test('a thread that cannot reach the database fails every move, until the database is back', async () => {
  const directory = temporaryDirectory();
  const logger = createLogger({ directory: temporaryDirectory(), level: 'error' });
  const elsewhere = await openDatabase({ directory: temporaryDirectory() });
  const log = openPredictionLog({ database: elsewhere.database, directory, logger });
  // In the place of the thread's database is a directory; the store itself is aside.
  const file = join(directory, 'modelyard.db');
  await (await openDatabase({ directory })).close();
  renameSync(file, `${file}.aside`);
  mkdirSync(file);
  await Promise.all(Array.from({ length: 150 }, () => log.append(answered({ modelId: 'm' }))));
  for (let attempt = 0; attempt < 2; attempt++)
    await expect(log.flush()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  rmdirSync(file);
  renameSync(`${file}.aside`, file);
  await log.flush();
  const { database, close } = await openDatabase({ directory });
  expect(await database.selectFrom('serving_totals').select('calls').execute()).toEqual([{ calls: 150 }]);
  await log.close();
  await close();
  await elsewhere.close();
});
