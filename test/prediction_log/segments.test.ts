import { beforeAll, describe, expect, test } from 'vitest';
import { listPredictions, type PredictionQuery } from '../../src/prediction_log/list.ts';
import { mergeSegments } from '../../src/prediction_log/merge_segments.ts';
import { moveJournals } from '../../src/prediction_log/move_journals.ts';
import { openMover } from '../../src/prediction_log/mover.ts';
import { applyRetention } from '../../src/prediction_log/retention.ts';
import { segmentsOf } from '../../src/prediction_log/segment.ts';
import { encodeSegment, insertSegments } from '../../src/prediction_log/segment_store.ts';
import type { PredictionEntry } from '../../src/serving/prediction_sink.ts';
import type { Database } from '../../src/storage/database.ts';
import { seeder } from '../registry/seed.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';
import { inProcesses, killedProcess } from '../storage/processes.ts';
import { temporaryDirectory } from '../temporary.ts';
import { abandonedJournal, answered, failed, linesOf } from './entries.ts';
import { loggedRows } from './rows.ts';

const dayMs = 86_400_000;
const start = Date.UTC(2026, 0, 10);

describeOnEachDatabase('the segments of the log', (store) => {
  let database: Database;
  let seed: ReturnType<typeof seeder>;
  beforeAll(async () => {
    ({ database } = await store.open());
    seed = seeder(database, store.address.directory);
  });
  let models = 0;
  const newModel = async () => {
    const modelId = `model-${++models}`;
    await seed({ modelId, version: '1' });
    await seed({ modelId, version: '2' });
    return modelId;
  };

  /** Logs each of the groups as a move of its own would. */
  const log = (...groups: PredictionEntry[][]) =>
    database.transaction().execute(async (transaction) => {
      for (const entries of groups) await insertSegments(transaction, segmentsOf(entries).map(encodeSegment));
    });
  const segmentsOfModel = (modelId: string) =>
    database
      .selectFrom('prediction_segments')
      .selectAll()
      .where('model_id', '=', modelId)
      .orderBy('min_at')
      .execute();
  const merge = (now: number, maxWeight = Number.POSITIVE_INFINITY) =>
    mergeSegments(database, { now: () => now, maxWeight });
  const partsWithoutSegment = () =>
    database
      .selectFrom('prediction_segment_parts')
      .select('segment_id')
      .where('segment_id', 'not in', database.selectFrom('prediction_segments').select('segment_id'))
      .execute();

  /** Calls one a second, alternately fine with one or two rows and failed, of two versions. */
  const calls = (modelId: string, count: number, from = start): PredictionEntry[] =>
    Array.from({ length: count }, (_, index) => {
      const common = {
        modelId,
        version: String(1 + (index % 2)),
        at: from + index * 1000,
        latencyMs: index / 8,
      };
      if (index % 5 === 4) return failed(common);
      const rows = 1 + (index % 3 === 0 ? 1 : 0);
      const each = <T>(make: (row: number) => T) => Array.from({ length: rows }, (_, row) => make(row));
      const { predictionIds } = answered(common);
      return answered({
        ...common,
        route: index % 7 === 0 ? 'shadow' : 'active',
        predictionIds: [...predictionIds, ...answered(common).predictionIds].slice(0, rows),
        entityKeys: each((row) => (row === 0 ? `customer ${index % 4}` : null)),
        features: [
          ['x', each((row) => index + row / 4)],
          ['colour', each((row) => (row === 0 ? 'red' : null))],
        ],
        values: each((row) => (index % 2 === 0 ? 'yes' : row)),
        probabilities: each((row) =>
          index % 2 === 0
            ? [
                ['no', 0.25],
                ['yes', 0.75 - row / 16],
              ]
            : null,
        ),
      });
    });

  test('merging loses, doubles and changes no row, however the rows came', async () => {
    const modelId = await newModel();
    const entries = calls(modelId, 100);
    // One call a move, and the later ones first.
    await log(...entries.toReversed().map((entry) => [entry]));
    const before = await loggedRows(database, modelId);
    expect(before).toHaveLength(entries.flatMap(({ predictionIds }) => predictionIds).length);
    expect(await merge(start)).toBe(false);
    expect(await loggedRows(database, modelId)).toEqual(before);
    const merged = await segmentsOfModel(modelId);
    expect(merged.length).toBeLessThan(20);
    expect(merged.reduce((sum, { rows }) => sum + rows, 0)).toBe(before.length);
    expect(merged.reduce((sum, { errors }) => sum + errors, 0)).toBe(
      before.filter(({ error_code }) => error_code !== null).length,
    );
    expect(await partsWithoutSegment()).toEqual([]);
  });

  test('when the day is over, a version has one segment of it', async () => {
    const modelId = await newModel();
    await log(...calls(modelId, 30).map((entry) => [entry]), calls(modelId, 10, start + dayMs));
    const before = await loggedRows(database, modelId);
    await merge(start + 2 * dayMs);
    expect(
      (await segmentsOfModel(modelId)).map(({ version, day }) => [version, day - start / dayMs]),
    ).toEqual(
      expect.arrayContaining([
        ['1', 0],
        ['2', 0],
        ['1', 1],
        ['2', 1],
      ]),
    );
    expect(await segmentsOfModel(modelId)).toHaveLength(4);
    expect(await loggedRows(database, modelId)).toEqual(before);
  });

  test('heavy merges are left to others, who are told', async () => {
    const modelId = await newModel();
    await log(...calls(modelId, 60).map((entry) => [entry]));
    const before = await segmentsOfModel(modelId);
    expect(await merge(start, 2)).toBe(true);
    expect(await segmentsOfModel(modelId)).toEqual(before);
    expect(await merge(start)).toBe(false);
    expect((await segmentsOfModel(modelId)).length).toBeLessThan(before.length);
  });

  test('what a dead process has claimed is merged once its claim has run out', async () => {
    const modelId = await newModel();
    await log(...calls(modelId, 60).map((entry) => [entry]));
    await database
      .updateTable('prediction_segments')
      .set({ claimed_until: start + 1 })
      .execute();
    const before = await segmentsOfModel(modelId);
    await merge(start);
    expect(await segmentsOfModel(modelId)).toEqual(before);
    await merge(start + 1);
    expect((await segmentsOfModel(modelId)).length).toBeLessThan(before.length);
  });

  test('four processes that merge at once lose and double nothing', async () => {
    const modelId = await newModel();
    await log(...calls(modelId, 300).map((entry) => [entry]));
    const before = await loggedRows(database, modelId);
    const task = { name: 'merge' as const, now: start };
    await inProcesses(store, [task, task, task, task]);
    // Whoever comes last finds what the others left to each other.
    await merge(start);
    expect(await loggedRows(database, modelId)).toEqual(before);
    expect((await segmentsOfModel(modelId)).length).toBeLessThan(40);
    expect(await partsWithoutSegment()).toEqual([]);
  });

  test('a process that is killed while it merges leaves every row once', async () => {
    const modelId = await newModel();
    await log(...calls(modelId, 400).map((entry) => [entry]));
    const before = await loggedRows(database, modelId);
    const count = async () => (await segmentsOfModel(modelId)).length;
    const untouched = await count();
    // Killed as soon as it has merged something.
    await killedProcess(store, { name: 'merge', now: start }, async () => (await count()) < untouched);
    expect(await loggedRows(database, modelId)).toEqual(before);
    await merge(start + dayMs);
    expect(await loggedRows(database, modelId)).toEqual(before);
    expect(await count()).toBe(2);
    expect(await partsWithoutSegment()).toEqual([]);
  });

  test('segments of before traces were kept are merged with such as have them', async () => {
    const modelId = await newModel();
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const at = start;
    await log([answered({ modelId, at })], [answered({ modelId, at: at + 1, traceId })]);
    const traces = async () =>
      (await listPredictions(database, { modelId, only: 'all', limit: 5 })).predictions.map(
        (row) => row.traceId,
      );
    expect(await traces()).toEqual([traceId, null]);
    await merge(start + dayMs);
    expect(await segmentsOfModel(modelId)).toHaveLength(1);
    expect(await traces()).toEqual([traceId, null]);
  });

  describe('a page of predictions', () => {
    let modelId: string;
    let rows: Awaited<ReturnType<typeof loggedRows>>;
    beforeAll(async () => {
      modelId = await newModel();
      const entries = calls(modelId, 120);
      const outcomeOf = ({ values }: PredictionEntry) => values.map(() => 'yes');
      const withOutcomes = entries.map((entry, index) =>
        index % 10 === 0 ? { ...entry, outcomes: outcomeOf(entry) } : entry,
      );
      // Three processes whose segments overlap in time, and some that are merged.
      for (const process of [0, 1, 2]) {
        const own = withOutcomes.filter((_, index) => index % 3 === process);
        await log(own.slice(0, 25), own.slice(25));
      }
      await merge(start);
      rows = (await loggedRows(database, modelId)).sort(
        (a, b) => Number(b.at) - Number(a.at) || (a.prediction_id < b.prediction_id ? 1 : -1),
      );
    });

    async function pages(query: Partial<PredictionQuery> & { limit: number }) {
      const found: string[] = [];
      const totals = new Set<number>();
      let cursor: string | null = null;
      do {
        const page: Awaited<ReturnType<typeof listPredictions>> = await listPredictions(database, {
          modelId,
          only: 'all',
          ...query,
          ...(cursor !== null && { cursor }),
        });
        found.push(...page.predictions.map(({ predictionId }) => predictionId));
        totals.add(page.total);
        cursor = page.nextCursor;
      } while (cursor !== null);
      expect([...totals]).toEqual([found.length]);
      return found;
    }
    const idsOf = (matches: (row: (typeof rows)[number]) => boolean) =>
      rows.filter(matches).map(({ prediction_id }) => prediction_id);

    test.each([1, 7, 50, 200])('of %i rows follows upon another without a gap', async (limit) => {
      expect(await pages({ limit })).toEqual(idsOf(() => true));
    });

    test('shows one version, errors, outcomes, and what came since a time within a segment', async () => {
      const since = start + 77_000;
      expect(await pages({ limit: 9, version: '2' })).toEqual(idsOf(({ version }) => version === '2'));
      expect(await pages({ limit: 9, only: 'errors' })).toEqual(
        idsOf(({ error_code }) => error_code !== null),
      );
      const withOutcome = idsOf(({ actual }) => actual !== null);
      expect(withOutcome.length).toBeGreaterThan(10);
      expect(await pages({ limit: 4, only: 'with_outcome' })).toEqual(withOutcome);
      expect(await pages({ limit: 9, since })).toEqual(idsOf(({ at }) => Number(at) >= since));
      expect(await pages({ limit: 9, since, only: 'errors', version: '1' })).toEqual(
        idsOf((row) => Number(row.at) >= since && row.error_code !== null && row.version === '1'),
      );
    });

    test('of one prediction has all that was asked and answered', async () => {
      const row = rows.find(({ actual, value }) => actual !== null && value === 'yes');
      const found = await listPredictions(database, {
        modelId,
        only: 'all',
        limit: 5,
        predictionId: row?.prediction_id,
      });
      expect(found).toMatchObject({
        total: 1,
        nextCursor: null,
        predictions: [
          {
            predictionId: row?.prediction_id,
            at: row?.at,
            features: row?.features,
            value: 'yes',
            probabilities: row?.probabilities,
            error: null,
            actual: 'yes',
          },
        ],
      });
      const elsewhere = { modelId, only: 'errors' as const, limit: 5, predictionId: row?.prediction_id };
      expect((await listPredictions(database, elsewhere)).total).toBe(0);
    });
  });

  describe('beyond the limits of the log', () => {
    let minute = 0;
    /** The limits are applied once a minute. */
    const nextMinute = () => start + 10 * dayMs + ++minute * 60_000;

    test('segments go when their newest row is too old, and the counts of health stay', async () => {
      const modelId = await newModel();
      const directory = temporaryDirectory();
      abandonedJournal(directory, linesOf([...calls(modelId, 20), ...calls(modelId, 20, start + 5 * dayMs)]));
      await moveJournals(database, directory, { isFinished: () => true });
      const countsOf = () =>
        database.selectFrom('serving_totals').selectAll().where('model_id', '=', modelId).execute();
      const counts = await countsOf();
      const kept = (await loggedRows(database, modelId)).filter(({ at }) => Number(at) >= start + dayMs);
      const limits = { maxAgeMs: 7 * dayMs, maxBytes: undefined };
      const now = nextMinute();
      expect(await applyRetention(database, limits, now)).toBeGreaterThan(0);
      expect(await loggedRows(database, modelId)).toEqual(kept);
      expect(await countsOf()).toEqual(counts);
      expect(await partsWithoutSegment()).toEqual([]);
    });

    test('the oldest go until the rest fits', async () => {
      const modelId = await newModel();
      await database.deleteFrom('prediction_segments').execute();
      for (let day = 0; day < 6; day++) await log(calls(modelId, 20, start + day * dayMs));
      const before = await segmentsOfModel(modelId);
      const newest = before.slice(-4).reduce((sum, { bytes }) => sum + bytes, 0);
      await applyRetention(database, { maxAgeMs: undefined, maxBytes: newest }, nextMinute());
      expect((await segmentsOfModel(modelId)).map(({ segment_id }) => segment_id)).toEqual(
        before.slice(-4).map(({ segment_id }) => segment_id),
      );
    });

    test('they are applied by one process a minute', async () => {
      const modelId = await newModel();
      await log(calls(modelId, 20, start - 100 * dayMs));
      const limits = { maxAgeMs: dayMs, maxBytes: undefined };
      const now = nextMinute();
      const other = await store.open();
      const deleted = await Promise.all([
        applyRetention(database, limits, now),
        applyRetention(other.database, limits, now),
      ]);
      expect(deleted.filter((count) => count > 0)).toHaveLength(1);
      await log(calls(modelId, 20, start - 100 * dayMs));
      expect(await applyRetention(database, limits, now + 59_999)).toBe(0);
      expect(await applyRetention(database, limits, now + 60_000)).toBe(2);
    });
  });

  // By the clock, and of all models: last.
  test('a thread moves, merges and deletes what it is told to', async () => {
    const modelId = await newModel();
    const directory = temporaryDirectory();
    const old = calls(modelId, 40, Date.now() - 3 * dayMs);
    const recent = calls(modelId, 40, Date.now() - 3_600_000);
    for (const entry of [...old, ...recent]) abandonedJournal(directory, linesOf([entry]));
    const thread = openMover();
    const log = {
      address: {
        directory: store.kind === 'sqlite' ? store.address.directory : directory,
        databaseUrl: store.address.databaseUrl,
      },
      retention: { maxAgeMs: 2 * dayMs, maxBytes: undefined },
    };
    await moveJournals(database, directory, { isFinished: () => true });
    const before = await loggedRows(database, modelId);
    expect(await thread.run('move', { ...log, finished: [] })).toBe(0);
    await thread.run('tidy', log);
    await thread.close();
    const since = Date.now() - 2 * dayMs;
    expect(await loggedRows(database, modelId)).toEqual(before.filter(({ at }) => Number(at) >= since));
    expect((await segmentsOfModel(modelId)).length).toBeLessThan(40);
    await expect(thread.run('tidy', log)).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});
