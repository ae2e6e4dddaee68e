import { uuidv7 } from 'uuidv7';
import { beforeAll, expect, test } from 'vitest';
import { performanceEvidence } from '../../../src/monitoring/live_performance/evidence.ts';
import {
  type PerformanceRequest,
  readPerformance,
} from '../../../src/monitoring/live_performance/get_performance.ts';
import { measureOutcomes } from '../../../src/monitoring/live_performance/measure_outcomes.ts';
import { createMeasurer } from '../../../src/monitoring/live_performance/measurer.ts';
import { openPredictionLog } from '../../../src/prediction_log/prediction_log.ts';
import type { TensorSpec } from '../../../src/registry/signature.ts';
import type { PredictionEntry } from '../../../src/serving/prediction_sink.ts';
import { shadowIdOf } from '../../../src/serving/shadow_id.ts';
import type { Database } from '../../../src/storage/database.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';
import { answered } from '../../prediction_log/entries.ts';
import { seeder } from '../../registry/seed.ts';
import { describeOnEachDatabase } from '../../storage/databases.ts';
import { temporaryDirectory } from '../../temporary.ts';

const start = Date.UTC(2026, 0, 10, 12);
const hourMs = 3_600_000;
const yesNo: TensorSpec[] = [
  { name: 'label', datatype: 'BYTES', shape: [-1], role: 'label', classes: ['no', 'yes'] },
];
const number: TensorSpec[] = [{ name: 'y', datatype: 'FP64', shape: [-1, 1] }];

describeOnEachDatabase('what a version answered as a shadow', (store) => {
  let database: Database;
  let log: ReturnType<typeof openPredictionLog>;
  let seed: ReturnType<typeof seeder>;
  let models = 0;
  beforeAll(async () => {
    ({ database } = await store.open());
    seed = seeder(database, store.address.directory);
    log = openPredictionLog({
      ...store.address,
      database,
      logger: createLogger({ directory: temporaryDirectory(), level: 'error' }),
    });
    return log.close;
  });

  async function newModel(outputs: TensorSpec[]): Promise<string> {
    const modelId = `watched-${++models}`;
    for (const version of ['1', '2', '3']) await seed({ modelId, version });
    await database
      .updateTable('versions')
      .set({ signature: JSON.stringify({ inputs: [], outputs, features: [] }) })
      .where('model_id', '=', modelId)
      .execute();
    return modelId;
  }
  const dependencies = () => ({
    database,
    flushLog: log.flushForReading,
    measure: createMeasurer({ ...store.address, database }),
    dropThreshold: 0.1,
  });
  const read = (modelId: string, version: string, given: Partial<PerformanceRequest> = {}) =>
    readPerformance(dependencies(), {
      modelId,
      version,
      since: start - hourMs,
      until: start + hourMs,
      byVersion: false,
      chart: false,
      ...given,
    });
  /** A call of some rows, answered by `by`, and by version 2 as its shadow. */
  function call(
    modelId: string,
    rows: { given: unknown; shadow: unknown; agrees: boolean; actual?: unknown }[],
    given: { by?: string; at?: number; latencyMs?: number; shadowMs?: number } = {},
  ): PredictionEntry[] {
    const { by = '1', at = start, latencyMs = 5, shadowMs = 20 } = given;
    const predictionIds = rows.map(() => uuidv7());
    const outcomes = rows.map(({ actual }) => actual ?? null);
    const values = (side: 'given' | 'shadow') => rows.map((row) => row[side]) as PredictionEntry['values'];
    const common = {
      modelId,
      features: null,
      probabilities: rows.map(() => null),
      ...(outcomes.some((actual) => actual !== null) && { outcomes }),
    };
    return [
      answered({ ...common, at, version: by, latencyMs, predictionIds, values: values('given') }),
      answered({
        ...common,
        at: at + 1,
        version: '2',
        route: 'shadow',
        latencyMs: shadowMs,
        predictionIds: predictionIds.map((id) => shadowIdOf(id, false)),
        values: values('shadow'),
        shadow: {
          primaryVersion: by,
          agreed: rows.filter(({ agrees }) => agrees).length,
          rows: rows.length,
          agrees: rows.map(({ agrees }) => agrees),
          primaryValues: values('given'),
          primaryLatencyMs: latencyMs,
        },
      }),
    ];
  }
  const append = (entries: readonly PredictionEntry[]) => Promise.all(entries.map(log.append));

  test('is compared call by call and measured by the outcomes, and counts nowhere as traffic', async () => {
    const modelId = await newModel(yesNo);
    for (let index = 0; index < 30; index++)
      await append(
        call(
          modelId,
          [
            { given: 'yes', shadow: 'yes', agrees: true, actual: 'yes' },
            { given: 'yes', shadow: 'no', agrees: false, actual: index < 15 ? 'no' : 'yes' },
          ],
          { at: start + index * 1000, by: index < 20 ? '1' : '3' },
        ),
      );
    const [primary, shadow] = [await read(modelId, '1'), await read(modelId, '2')];
    expect(primary.primary).toMatchObject({ answered: 40, withOutcome: 40, shadows: 0, shadow: undefined });
    expect(shadow.primary).toMatchObject({
      rowsOf: 'shadow',
      answered: 0,
      withOutcome: 0,
      shadows: 60,
      shadowsWithOutcome: 60,
      calls: { calls: 0 },
      measured: {
        performance: { count: 60, metrics: { accuracy: { value: 0.75, interval: { method: 'wilson' } } } },
      },
      shadow: {
        calls: 30,
        failedCalls: 0,
        agreement: { rows: 60, agreed: 30, share: 0.5, meanDifference: null },
        primaries: [
          { version: '1', agreement: { rows: 40, share: 0.5 } },
          { version: '3', agreement: { rows: 20, share: 0.5 } },
        ],
        latencyMs: { calls: 30 },
        primaryLatencyMs: { calls: 30 },
        measured: undefined,
      },
    });
    expect(shadow.primary.shadow?.latencyMs.p50).toBeCloseTo(20, 0);
    expect(shadow.primary.shadow?.primaryLatencyMs.p50).toBeCloseTo(5, 0);
    const { versions } = await read(modelId, '1', { byVersion: true });
    expect(versions.map(({ record }) => record.version).sort()).toEqual(['1', '2', '3']);
    // compare_models and MLflow measure what was answered to callers, alerts judge that.
    const time = { since: start - hourMs, until: start + hourMs };
    expect(await measureOutcomes(dependencies(), modelId, '2', time)).toMatchObject({ outcomes: 0 });
    expect(await performanceEvidence(dependencies(), modelId, '2', start + hourMs)).toBeUndefined();
    // A window that cuts the calls.
    const half = await read(modelId, '2', { until: start + 10_000 });
    expect(half.primary.shadow).toMatchObject({ calls: 10, agreement: { rows: 20 } });
  });

  test('of numbers has a mean difference; calls that it failed are counted apart', async () => {
    const modelId = await newModel(number);
    await append([
      ...call(modelId, [
        { given: 10, shadow: 10.05, agrees: true },
        { given: 20, shadow: 26, agrees: false },
      ]),
      ...call(modelId, [{ given: 5, shadow: 3, agrees: false, actual: 3 }]),
    ]);
    const [, lost] = call(modelId, [{ given: 1, shadow: 1, agrees: true }]);
    if (lost?.shadow === undefined) throw new Error('no shadow');
    const fails = (fault?: 'nobody') => ({
      ...lost,
      predictionIds: [shadowIdOf(uuidv7(), false)],
      values: [],
      probabilities: [],
      error: { code: 'TIMEOUT' as const, message: 'too slow', fault },
      shadow: { primaryVersion: '1', agreed: 0, rows: 7, primaryLatencyMs: 5 },
    });
    await append([fails(), fails('nobody')]);
    const { primary } = await read(modelId, '2');
    expect(primary.shadow).toMatchObject({ calls: 2, failedCalls: 1, failedRows: 7 });
    expect(primary.shadow?.agreement).toMatchObject({ rows: 3, agreed: 1, share: 1 / 3 });
    expect(primary.shadow?.agreement.meanDifference).toBeCloseTo((0.05 + 6 - 2) / 3, 10);
    expect(primary.shadow?.agreement.meanAbsoluteDifference).toBeCloseTo((0.05 + 6 + 2) / 3, 10);
    expect(primary.measured).toMatchObject({ performance: { count: 1, metrics: { mae: { value: 0 } } } });
  });

  test('stands beside what it answered to callers, where it does both', async () => {
    const modelId = await newModel(yesNo);
    await append([
      ...call(modelId, [{ given: 'yes', shadow: 'no', agrees: false, actual: 'yes' }]),
      answered({ modelId, version: '2', at: start, features: null, values: ['yes'], outcomes: ['yes'] }),
    ]);
    const { primary } = await read(modelId, '2');
    expect(primary).toMatchObject({
      rowsOf: 'callers',
      answered: 1,
      withOutcome: 1,
      shadows: 1,
      measured: { performance: { metrics: { accuracy: { value: 1 } } } },
      shadow: { agreement: { share: 0 }, measured: { performance: { metrics: { accuracy: { value: 0 } } } } },
    });
  });
});
