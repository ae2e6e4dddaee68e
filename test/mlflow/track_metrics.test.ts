import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openConnection } from '../../src/mlflow/connection.ts';
import { restOf } from '../../src/mlflow/rest.ts';
import { areMetricsDue, keepMeasurement, trackMetrics } from '../../src/mlflow/track_metrics.ts';
import { latencySketch, sketchToText } from '../../src/prediction_log/latency.ts';
import { type Database, openDatabase } from '../../src/storage/database.ts';
import { temporaryDirectory } from '../temporary.ts';
import { type FaultProxy, startFaultProxy } from './fault_proxy.ts';
import { type MlflowServer, python, sharedMlflow, startMs } from './mlflow_server.ts';
import { registryView } from './registry_view.ts';

const start = Date.UTC(2026, 0, 31, 12);
const minute = 60_000;

describe.skipIf(python === undefined)('serving metrics in a real MLflow', () => {
  const directory = temporaryDirectory();
  let mlflow: MlflowServer;
  let proxy: FaultProxy;
  let database: Database;
  let close: () => Promise<void>;
  beforeAll(async () => {
    mlflow = await sharedMlflow();
    proxy = await startFaultProxy(mlflow.address);
    ({ database, close } = await openDatabase({ directory }));
  }, startMs);
  afterAll(async () => {
    await close?.();
    await proxy?.close();
  });

  test('are points a minute, each of which is there once, whatever happens on the way', async () => {
    const connection = openConnection({ trackingUri: proxy.address, insecureTls: false, timeoutMs: 10_000 });
    const rest = restOf(connection);
    const run = await rest.createRun(await rest.experiment('metrics'), 'm 1 deployed', start, {});
    await database
      .insertInto('mlflow_runs')
      .values({
        run_id: run.info.run_id,
        model_id: 'm',
        version: '1',
        started_at: start,
        ended_at: null,
        logged_until: start,
        pending: null,
        outcomes_seen: null,
        outcomes_next_at: 0,
      })
      .execute();
    const serve = (index: number, calls: number, errors: number) => {
      const sketch = latencySketch();
      for (let call = 0; call < calls; call++) sketch.accept(10 * (index + 1));
      return database
        .insertInto('serving_minutes')
        .values({
          model_id: 'm',
          version: '1',
          minute: start + index * minute,
          journal: 'j',
          calls,
          errors,
          latency: sketchToText(sketch),
          queue: null,
        })
        .execute();
    };
    const { signal } = new AbortController();
    const track = (now: number) => trackMetrics(database, rest, now, signal);

    for (const index of [0, 1, 2, 3]) await serve(index, index + 1, index === 2 ? 1 : 0);
    // The fourth minute is not complete yet.
    const soon = start + 3 * minute + 40_000;
    expect(await areMetricsDue(database, soon)).toBe(true);
    // MLflow does it, and nobody hears of it.
    proxy.use('lost');
    await expect(track(soon)).rejects.toMatchObject({ failure: 'unreachable' });
    proxy.use('error');
    await expect(track(soon)).rejects.toMatchObject({ failure: 'fault' });
    proxy.use('pass');
    await track(soon);
    expect(await areMetricsDue(database, soon)).toBe(false);
    const measured = { 'monitoring/drift_rate': 0.25 };
    await keepMeasurement(database, {
      modelId: 'm',
      version: '1',
      at: start + 2 * minute,
      metrics: measured,
    });
    // Of a version that is not deployed nothing is logged, and nothing waits.
    await keepMeasurement(database, { modelId: 'm', version: '2', at: start, metrics: measured });
    await track(start + 4 * minute + 40_000);
    await track(start + 9 * minute);
    expect(await areMetricsDue(database, start + 9 * minute)).toBe(false);

    const { runs } = registryView.parse(
      await mlflow.script('read_registry.py', { experiment: 'metrics', history: true }),
    );
    const history = runs[0]?.history ?? {};
    const at = (index: number) => start + (index + 1) * minute;
    expect(history['serving/request_count']).toEqual(
      [0, 1, 2, 3].map((index) => [at(index), index, index + 1]),
    );
    expect(history['serving/error_rate']).toEqual(
      [0, 1, 2, 3].map((index) => [at(index), index, index === 2 ? 1 / 3 : 0]),
    );
    for (const key of ['avg', 'p50', 'p95', 'p99'])
      for (const [index, [, , value]] of (history[`serving/latency_${key}_ms`] ?? []).entries()) {
        expect(value).toBeGreaterThanOrEqual(9.9 * (index + 1));
        expect(value).toBeLessThanOrEqual(10.1 * (index + 1));
      }
    expect(history['serving/latency_p99_ms']).toHaveLength(4);
    expect(history['monitoring/drift_rate']).toEqual([[start + 2 * minute, 2, 0.25]]);
    connection.close();
  });
});
