import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { type DriftReport, detectDrift, driftMethodNames } from '../../src/monitoring/drift/index.ts';
import { setReference } from '../../src/monitoring/reference/set_reference_data.ts';
import type { Scorer } from '../../src/monitoring/rows/score_rows.ts';
import { openPredictionLog } from '../../src/prediction_log/prediction_log.ts';
import { windowReader } from '../../src/prediction_log/window_reader.ts';
import type { Database } from '../../src/storage/database.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { callBy } from '../access/origins.ts';
import { answered } from '../prediction_log/entries.ts';
import { moveTo, seeder } from '../registry/seed.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';
import { temporaryDirectory } from '../temporary.ts';

const methods = ['auto', ...driftMethodNames, 'multivariate'] as const;

const start = Date.UTC(2026, 0, 31);
const hourMs = 3_600_000;

/** JSON has no NaN and no infinity: whatever is one comes back as null. */
function expectFinite({ results, summary, multivariate, segments, overTime, unseen }: DriftReport): void {
  const told = { results, summary, multivariate, segments, overTime, unseen };
  const checkNumbers = (value: unknown): void => {
    if (typeof value === 'number') expect(value).toSatisfy(Number.isFinite);
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(checkNumbers);
  };
  checkNumbers(told);
}

const number = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(-0, 1e308, -1e308, 5e-324),
);
const text = fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom('', 'NaN', '__proto__', '1e999', '12'));
const value = fc.oneof(
  { weight: 6, arbitrary: number },
  { weight: 2, arbitrary: fc.constantFrom(null, undefined) },
  { weight: 1, arbitrary: text },
  { weight: 1, arbitrary: fc.boolean() },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY) },
);
const many = { maxLength: 80, size: 'max' } as const;
const columns = fc.oneof(
  fc.array(number, many),
  fc.array(value, many),
  fc
    .tuple(value, fc.integer({ min: 0, max: 80 }))
    .map(([one, rows]) => new Array<typeof one>(rows).fill(one)),
  // A category a row.
  fc.integer({ min: 0, max: 80 }).map((rows) => Array.from({ length: rows }, (_, row) => `category ${row}`)),
);

/** As many rows as a verdict needs, and no more than a few different values. */
const fewNumbers = Array.from({ length: 40 }, (_, row) => [1, 2, null, 3][row % 4]);

describeOnEachDatabase('odd rows', (store) => {
  const { directory } = store.address;
  let database: Database;
  let now = start;
  let dependencies: Parameters<typeof detectDrift>[0];
  let log: ReturnType<typeof openPredictionLog>;

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

  const records = (values: readonly unknown[]) => ({
    kind: 'records' as const,
    records: values.map((x) => (x === undefined ? {} : { x })),
  });
  const reference = (values: readonly unknown[], version = '1') =>
    setReference(dependencies, { modelId: 'm', version, rows: records(values) }, callBy('operator'));
  const options = { method: 'auto', correction: 'bh', significance: 0.05 } as const;

  test('are answered with finite numbers, by every method and whatever the reference', async () => {
    await fc.assert(
      fc.asyncProperty(columns, columns, fc.constantFrom(...methods), async (before, given, method) => {
        try {
          await reference(before);
        } catch (error) {
          // A reference is refused rather than half understood; the one before it stays.
          expect(error).toMatchObject({ code: 'INVALID_INPUT' });
          await reference(fewNumbers);
        }
        const report = await detectDrift(dependencies, {
          modelId: 'm',
          version: '1',
          target: 'all',
          rows: records(given),
          options: { ...options, method },
        });
        expectFinite(report);
        expect(report.current.rows).toBe(given.length);
      }),
      { numRuns: 40 },
    );
  }, 300_000);

  test('in a log whose clock goes back and forth are in their stretch of time, each once', async () => {
    const since = start - 4 * hourMs;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 4 * hourMs - 1 }), number), { minLength: 1, ...many }),
        fc.integer({ min: 2, max: 100 }),
        async (rows, buckets) => {
          // A window of its own for every run, before all others: time goes back from run to run too.
          now -= 5 * hourMs;
          const begin = now - 4 * hourMs;
          for (const [offset, x] of rows)
            await log.append(
              answered({
                modelId: 'm',
                version: '2',
                at: begin + offset,
                features: [['x', [x]]],
                values: [2 * x],
              }),
            );
          await reference(fewNumbers, '2');
          const report = await detectDrift(dependencies, {
            modelId: 'm',
            version: '2',
            target: 'all',
            rows: { kind: 'window', since: begin, until: now },
            buckets,
            options,
          });
          expectFinite(report);
          expect(report.current.rows).toBe(rows.length);
          expect(report.overTime?.untimed).toBe(0);
          expect(report.overTime?.groups.reduce((sum, { current_n }) => sum + current_n, 0)).toBe(
            rows.length,
          );
        },
      ),
      { numRuns: 8 },
    );
    expect(now).toBeLessThan(since);
  }, 300_000);

  test('the reference that was set last counts, though its clock was behind', async () => {
    now = start;
    const first = await reference([1, 2, 3], '3');
    now = start - hourMs;
    const second = await reference([4, 5, 6, 7], '3');
    const third = await reference([8, 9], '3');
    expect(second.reference.createdAt).toBeGreaterThan(first.reference.createdAt);
    const report = await detectDrift(dependencies, {
      modelId: 'm',
      version: '3',
      target: 'features',
      rows: records([1]),
      options,
    });
    expect(report.reference.referenceId).toBe(third.reference.referenceId);
  });
});
