import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { ModelYardError } from '../../../src/errors.ts';
import { type DriftRequest, detectDrift } from '../../../src/monitoring/drift/index.ts';
import { readReferenceRows } from '../../../src/monitoring/reference/reference.ts';
import { decodeReferenceRows } from '../../../src/monitoring/reference/reference_rows.ts';
import { setReference } from '../../../src/monitoring/reference/set_reference_data.ts';
import type { RowSource } from '../../../src/monitoring/rows/read_source.ts';
import type { Scorer } from '../../../src/monitoring/rows/score_rows.ts';
import { openPredictionLog } from '../../../src/prediction_log/prediction_log.ts';
import { windowReader } from '../../../src/prediction_log/window_reader.ts';
import type { Database } from '../../../src/storage/database.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';
import { callBy } from '../../access/origins.ts';
import { answered, failed } from '../../prediction_log/entries.ts';
import { moveTo, seeder } from '../../registry/seed.ts';
import { describeOnEachDatabase } from '../../storage/databases.ts';
import { temporaryDirectory } from '../../temporary.ts';

const options = { method: 'auto', correction: 'bh', significance: 0.05 } as const;
const now = Date.UTC(2026, 0, 31);
const hourMs = 3_600_000;

/** `count` values spread evenly over 0 … 1, moved by `shift`. */
const spread = (count: number, shift = 0) =>
  Array.from({ length: count }, (_, index) => index / count + shift);
const records = (values: readonly number[]): RowSource => ({
  kind: 'records',
  records: values.map((x) => ({ x })),
});

describeOnEachDatabase('monitoring', (store) => {
  const { directory } = store.address;
  let database: Database;
  let dependencies: Parameters<typeof detectDrift>[0];
  let log: ReturnType<typeof openPredictionLog>;

  /** The model of the seeded versions, y = 2 · x, as serving would score it. */
  const scorer: Scorer = async (_, rows) =>
    rows.map(({ x }) => ({ value: 2 * Number(x), probabilities: undefined }));

  beforeAll(async () => {
    ({ database } = await store.open());
    const seed = seeder(database, directory);
    for (const version of ['1', '2', '3']) await seed({ modelId: 'm', version });
    await moveTo(database, 'm', '1', 'production');
    log = openPredictionLog({
      ...store.address,
      database,
      logger: createLogger({ directory: temporaryDirectory(), level: 'error' }),
    });
    dependencies = {
      database,
      scorer,
      flushLog: log.flushForReading,
      readWindow: windowReader({ ...store.address, database }),
      allowedRoots: [directory],
      clock: () => now,
    };
    return log.close;
  });

  const detect = (request: Partial<DriftRequest> & { rows: RowSource }) =>
    detectDrift(dependencies, { modelId: 'm', target: 'all', options, ...request });
  const reference = (rows: RowSource, version?: string) =>
    setReference(dependencies, { modelId: 'm', version, rows }, callBy('operator'));

  test('needs a reference first', async () => {
    await expect(detect({ rows: records(spread(100)) })).rejects.toMatchObject({
      code: 'NO_REFERENCE',
      hint: expect.stringContaining('set_reference_data'),
    });
  });

  test('needs to know which version, where none is active or in production', async () => {
    const seed = seeder(database, directory);
    await seed({ modelId: 'idle', version: '1' });
    await expect(detect({ modelId: 'idle', rows: records([1]) })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
    await expect(detect({ modelId: 'none', rows: records([1]) })).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
    });
    await expect(detect({ version: '9', rows: records([1]) })).rejects.toMatchObject({
      code: 'VERSION_NOT_FOUND',
    });
  });

  describe('with a reference', () => {
    beforeAll(async () => {
      const stored = await reference(records(spread(500)));
      // The version in production is meant when none is named.
      expect(stored.record.version).toBe('1');
      expect(stored.reference).toMatchObject({
        rows: 500,
        source: '500 records of the call',
        createdAt: now,
      });
      expect(stored.reference.predictions.map(({ name }) => name)).toEqual(['prediction']);
    });

    const verdicts = async (request: Partial<DriftRequest> & { rows: RowSource }) => {
      const { results } = await detect(request);
      return Object.fromEntries(results.map(({ feature, is_drift }) => [feature, is_drift]));
    };

    test('rows that are alike have not drifted', async () => {
      const report = await detect({ rows: records(spread(200)) });
      expect(report.summary).toMatchObject({ is_drift: false, drifted_features: [] });
      expect(report.reference.rows).toBe(500);
      expect(report.current).toEqual({ rows: 200, source: '200 records of the call' });
      expect(report.warnings).toEqual([]);
    });

    test('each step is told before it is done', async () => {
      const steps: string[] = [];
      const step = (what: string) => void steps.push(what);
      await detect({ rows: records(spread(200)), reference: records(spread(300)), step });
      expect(steps).toEqual([
        'reading the reference',
        'profiling 1 columns of 300 rows',
        'asking the version for its answers',
        'reading the current rows',
        'asking the version for its answers',
        'comparing 2 columns of 200 rows',
      ]);
    });

    test('rows that moved have drifted, and so have the predictions made of them', async () => {
      expect(await verdicts({ rows: records(spread(200, 0.5)) })).toEqual({ x: true, prediction: true });
    });

    test('a CSV file is judged like its rows', async () => {
      const path = join(directory, 'current.csv');
      writeFileSync(path, `x\n${spread(200, 0.5).join('\n')}\n`);
      const report = await detect({ rows: { kind: 'path', path } });
      expect(report.current).toEqual({ rows: 200, source: path });
      expect(report.summary.is_drift).toBe(true);
    });

    test('only what is asked for is compared', async () => {
      const rows = records(spread(200, 0.5));
      expect(Object.keys(await verdicts({ rows, target: 'features' }))).toEqual(['x']);
      expect(Object.keys(await verdicts({ rows, target: 'predictions' }))).toEqual(['prediction']);
      expect(Object.keys(await verdicts({ rows, features: ['x'] }))).toEqual(['x']);
    });

    test('a feature that the reference does not have is refused, with those it has', async () => {
      await expect(detect({ rows: records(spread(50)), features: ['x', 'y'] })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        message: 'features names y, which the reference does not have.',
        hint: 'Name some of its features: x.',
      });
    });

    test('a model that cannot run on the rows is said in a warning, and features are judged all the same', async () => {
      const broken: Scorer = async () => {
        throw new ModelYardError('ENGINE_CRASHED', 'It crashed.', 'hint');
      };
      const report = await detectDrift(
        { ...dependencies, scorer: broken },
        { modelId: 'm', target: 'all', options, rows: records(spread(200)) },
      );
      expect(report.warnings).toEqual(['Predictions were not compared: It crashed.']);
      expect(report.results.map(({ feature, score }) => [feature, score === null])).toEqual([
        ['x', false],
        ['prediction', true],
      ]);
    });
  });

  describe('of a reference that is given with the call', () => {
    const rows = records(spread(200, 0.5));

    test('is what the stored one would say, and nothing is stored', async () => {
      const before = await database.selectFrom('reference_columns').selectAll().execute();
      const once = await detect({ rows, reference: records(spread(500)), segmentBy: 'x' });
      expect(once.reference).toMatchObject({ referenceId: undefined, createdAt: undefined, rows: 500 });
      expect(await database.selectFrom('reference_columns').selectAll().execute()).toEqual(before);
      await reference(records(spread(500)));
      const stored = await detect({ rows, segmentBy: 'x' });
      expect([once.results, once.segments]).toEqual([stored.results, stored.segments]);
      expect(once.summary).toMatchObject({
        drifted_features: ['x'],
        drifted_predictions: ['prediction'],
        drifted_share: 1,
      });
    });

    test('comes from a file too, and needs no stored one', async () => {
      const path = join(directory, 'once.csv');
      writeFileSync(path, `x\n${spread(300, 0.5).join('\n')}\n`);
      const fresh = seeder(database, directory);
      await fresh({ modelId: 'fresh', version: '1' });
      const given = { modelId: 'fresh', version: '1', rows, reference: { kind: 'path', path } } as const;
      const report = await detect({ ...given, target: 'features' });
      expect(report).toMatchObject({ summary: { is_drift: false }, reference: { source: path, rows: 300 } });
      expect(report.results.map(({ feature }) => feature)).toEqual(['x']);
      await expect(detect({ ...given, reference: records([]) })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
      });
    });
  });

  describe('of the prediction log', () => {
    const window = { kind: 'window', since: now - hourMs, until: now } as const;
    const call = (x: number, at: number) =>
      answered({ modelId: 'm', version: '2', at, features: [['x', [x]]], values: [2 * x] });

    test('an empty window is NOT_ENOUGH_DATA', async () => {
      await reference(records(spread(500)), '2');
      await expect(detect({ version: '2', rows: window })).rejects.toMatchObject({
        code: 'NOT_ENOUGH_DATA',
        message: 'm 2 answered no prediction from 2026-01-30T23:00:00.000Z to 2026-01-31T00:00:00.000Z.',
      });
    });

    test('every answer before the call is in its window; failures and other times are not', async () => {
      const outside = [call(99, window.since - 1), call(99, window.until)];
      const failure = failed({ modelId: 'm', version: '2', at: now - 1 });
      const inside = spread(100, 0.5).map((x) => call(x, now - 1));
      await Promise.all([...outside, failure, ...inside].map(log.append));
      const report = await detect({ version: '2', rows: window });
      expect(report.current.rows).toBe(100);
      expect(
        report.results.map(({ feature, is_drift, current_n }) => [feature, is_drift, current_n]),
      ).toEqual([
        ['prediction', true, 100],
        ['x', true, 100],
      ]);
    });

    test('times that go back are only times: every row is in its stretch', async () => {
      const at = (index: number) => window.since + ((7 * index) % 100) * 30_000;
      const backwards = spread(100, 0.5).map((x, index) =>
        answered({
          modelId: 'm',
          version: '3',
          at: at(99 - index),
          features: [['x', [x]]],
          values: [2 * x],
        }),
      );
      for (const entry of backwards) await log.append(entry);
      await reference(records(spread(500)), '3');
      const { overTime } = await detect({ version: '3', rows: window, buckets: 2 });
      expect(overTime?.groups.map(({ current_n, is_drift }) => [current_n, is_drift])).toEqual([
        [60, true],
        [40, true],
      ]);
      expect(overTime?.untimed).toBe(0);
      expect(overTime?.groups[0]?.worst?.over_threshold).toBeGreaterThan(1);
    });

    test('a window can be the reference', async () => {
      const stored = await reference(window, '2');
      expect(stored.reference).toMatchObject({
        rows: 100,
        source: expect.stringContaining('prediction log'),
      });
      // The newest reference counts.
      expect((await detect({ version: '2', rows: window })).summary.is_drift).toBe(false);
    });
  });

  describe('what a reference is stored as', () => {
    const count = async (table: 'reference_columns' | 'reference_rows', referenceId: string) => {
      const rows = await database
        .selectFrom(table)
        .select('reference_id')
        .where('reference_id', '=', referenceId)
        .execute();
      return rows.length;
    };

    test('keeps at most 20 000 whole rows, with the answers to them, of as many as are given', async () => {
      const { reference: stored } = await reference(records(spread(120_000)), '3');
      expect(stored).toMatchObject({ rows: 120_000, keptRows: 20_000 });
      // The profile has its resolution, whatever is given.
      expect(stored.features.map((column) => column.count)).toEqual([100_000]);
      const bytes = await readReferenceRows(database, stored);
      const kept = decodeReferenceRows(bytes ?? new Uint8Array());
      const [x] = kept.features;
      const [prediction] = kept.values;
      if (x?.kind !== 'numeric' || prediction?.kind !== 'numeric') throw new Error('They are numbers.');
      expect(prediction.values).toEqual(x.values.map((value) => 2 * value));
      expect((await detect({ version: '3', rows: records(spread(1000)) })).summary.is_drift).toBe(false);
    });

    test('outcomes of logged rows come with them', async () => {
      const known = spread(40).map((x) =>
        answered({
          modelId: 'm',
          version: '2',
          at: now + 10,
          features: [['x', [x]]],
          values: [2 * x],
          outcomes: [x],
        }),
      );
      for (const entry of known) await log.append(entry);
      const { reference: stored } = await reference({ kind: 'window', since: now, until: now + 100 }, '2');
      expect(stored).toMatchObject({ outcomes: 40 });
    });

    test('what a dead writer left behind is removed by the next, and only that', async () => {
      const leave = (referenceId: string) =>
        database
          .insertInto('reference_rows')
          .values({ reference_id: referenceId, row_count: 1, outcomes: 0, bytes: Buffer.from('x') })
          .execute();
      // A day before the clock, and at it: another writer may be about to name the second.
      const idAt = (time: number) => {
        const digits = time.toString(16).padStart(12, '0');
        return `${digits.slice(0, 8)}-${digits.slice(8)}-7000-8000-000000000000`;
      };
      const [old, recent] = [idAt(now - 24 * hourMs), idAt(now)];
      await leave(old);
      await leave(recent);
      const { reference: stored } = await reference(records(spread(50)), '3');
      expect([await count('reference_rows', old), await count('reference_rows', recent)]).toEqual([0, 1]);
      expect(await count('reference_columns', stored.referenceId)).toBe(2);
    });
  });
});
