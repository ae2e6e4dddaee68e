import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ArtifactWatch, createArtifactWatch } from '../../../src/monitoring/health/artifact_watch.ts';
import { readHealth } from '../../../src/monitoring/health/health.ts';
import { judgeModel, type ModelSigns } from '../../../src/monitoring/health/judge_model.ts';
import { openPredictionLog } from '../../../src/prediction_log/prediction_log.ts';
import type { ServingStatistics } from '../../../src/prediction_log/serving_statistics.ts';
import { hashOf } from '../../../src/storage/artifact.ts';
import { artifactStore } from '../../../src/storage/artifact_store.ts';
import { openDatabase } from '../../../src/storage/database.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';
import { answered, failed } from '../../prediction_log/entries.ts';
import { deployRow, seeder } from '../../registry/seed.ts';
import { temporaryDirectory } from '../../temporary.ts';

const atRest: ModelSigns['engine'] = { state: 'not_loaded', hosts: 0, waiting: 0, runningMs: undefined };
const ready: ModelSigns['engine'] = { ...atRest, state: 'ready', hosts: 1 };

/** Of the last hour, after a long and unhappy life. */
const recent = (calls: number, errors: number, p95: number | null = 5): ServingStatistics => ({
  calls: 1_000_000,
  errors: 1_000_000,
  lastCallAt: 0,
  lastErrorAt: 0,
  lastError: 'long ago',
  recent: {
    calls,
    errors,
    latencyMs: { p50: 1, p95, p99: p95, calls },
    queueMs: { p50: 0, p95: 0, p99: 0, calls },
  },
});

describe('a version', () => {
  const fine: ModelSigns = {
    engine: ready,
    statistics: recent(10, 0),
    artifact: 'verified',
    breaker: 'closed',
    probeFailure: null,
    thresholds: { errorRate: 0.1, latencyMs: 1000 },
    isOutOfUse: false,
  };

  test.each<[string, string, Partial<ModelSigns>, RegExp]>([
    ['healthy', 'that is loaded and serves', {}, /loaded and warm/],
    ['healthy', 'that waits for calls', { statistics: undefined }, /0 calls in the last hour/],
    ['healthy', 'that another process serves', { engine: atRest }, /loads with its next call/],
    ['healthy', 'that fails as often as it may', { statistics: recent(100, 10) }, /loaded and warm/],
    ['healthy', 'in a short run', { engine: { ...ready, runningMs: 10 } }, /loaded and warm/],
    ['degraded', 'that fails more often', { statistics: recent(100, 11) }, /11\.0 % of 100 calls failed/],
    [
      'degraded',
      'that is slow',
      { statistics: recent(9, 0, 1001) },
      /p95 latency 1001 ms of 9 calls is above 1000 ms/,
    ],
    [
      'degraded',
      'in a long run',
      { engine: { ...ready, runningMs: 1500.4, waiting: 3 } },
      /1500 ms so far, 3 calls wait/,
    ],
    ['degraded', 'whose breaker tries', { breaker: 'half_open' }, /half-open/],
    ['unhealthy', 'whose breaker is open', { breaker: 'open' }, /breaker is open/],
    ['unhealthy', 'whose probe failed', { probeFailure: 'row 0 gave 2' }, /row 0 gave 2/],
    ['unhealthy', 'that fails half of its calls', { statistics: recent(10, 5) }, /50\.0 % of 10 calls/],
    ['unhealthy', 'without its artifact', { artifact: 'missing', engine: atRest }, /missing: .* not served/],
    ['unhealthy', 'whose artifact is damaged', { artifact: 'damaged' }, /damaged: .* answering from memory/],
    ['degraded', 'whose file was touched', { artifact: 'changed' }, /is being verified/],
    ['healthy', 'that was not verified yet', { artifact: 'unverified' }, /loaded and warm/],
    [
      'unknown',
      'that is loading',
      { engine: { ...atRest, state: 'loading' }, statistics: undefined },
      /^loading$/,
    ],
    [
      'unknown',
      'nobody has called',
      { engine: atRest, statistics: undefined },
      /not called in the last hour/,
    ],
    [
      'healthy',
      'archived, which nobody calls',
      { engine: atRest, statistics: undefined, isOutOfUse: true },
      /^archived and out of the route: no calls are expected$/,
    ],
    ['unhealthy', 'archived, with an open breaker', { breaker: 'open', isOutOfUse: true }, /breaker is open/],
    [
      'unknown',
      'that failed long ago',
      { engine: atRest, statistics: recent(0, 0, null) },
      /not called in the last hour/,
    ],
  ])('is %s: one %s', (status, _, signs, detail) => {
    expect(judgeModel({ ...fine, ...signs })).toEqual({ status, detail: expect.stringMatching(detail) });
  });

  test('that may fail often is judged by its own threshold', () => {
    const thresholds = { errorRate: 0.6, latencyMs: 1000 };
    expect(judgeModel({ ...fine, thresholds, statistics: recent(10, 5) }).status).toBe('healthy');
    expect(judgeModel({ ...fine, thresholds, statistics: recent(10, 7) }).status).toBe('unhealthy');
  });
});

describe('the health of a server', () => {
  const directory = temporaryDirectory();
  const artifacts = artifactStore(directory, 1e9);
  const now = Date.UTC(2026, 0, 31);
  const logger = createLogger({ directory: temporaryDirectory(), level: 'error' });
  let opened: Awaited<ReturnType<typeof openDatabase>>;
  let log: ReturnType<typeof openPredictionLog>;
  let watch: ArtifactWatch;

  beforeAll(async () => {
    opened = await openDatabase({ directory });
    watch = createArtifactWatch({
      database: opened.database,
      pathOf: artifacts.pathOf,
      hash: hashOf,
      clock: () => now,
      logger,
    });
    log = openPredictionLog({ database: opened.database, directory, logger });
    const seed = seeder(opened.database, directory);
    await seed({ modelId: 'good', version: '1' });
    await seed({ modelId: 'bad', version: '1' });
    await seed({ modelId: 'idle', version: '1' });
    await seed({ modelId: 'registered', version: '1' });
    for (const modelId of ['good', 'bad', 'idle'])
      await opened.database.insertInto('deployments').values(deployRow(modelId, '1')).execute();
    await log.append(answered({ modelId: 'good', at: now, latencyMs: 3 }));
    await log.append(failed({ modelId: 'bad', at: now }));
  });
  afterAll(async () => {
    await log.close();
    await opened.close();
  });

  const read = (modelId?: string) =>
    readHealth(
      {
        database: opened.database,
        storeFault: opened.fault,
        directory,
        flushLog: log.flush,
        engineStatus: () => atRest,
        artifacts: watch,
        thresholds: { errorRate: 0.1, latencyMs: 1000 },
        clock: () => now,
      },
      modelId,
    );

  test('is as bad as its worst version; one at rest makes nothing worse', async () => {
    const { status, checks, models } = await read();
    expect(status).toBe('unhealthy');
    expect(checks.map(({ name, status: own }) => [name, own])).toEqual([
      ['database', 'healthy'],
      ['disk', 'healthy'],
      ['artifacts', 'healthy'],
      ['alerts', 'healthy'],
    ]);
    expect(Object.fromEntries(models.map(({ modelId, status: own }) => [modelId, own]))).toEqual({
      good: 'healthy',
      bad: 'unhealthy',
      idle: 'unknown',
    });
    expect((await read('good')).status).toBe('healthy');
    expect((await read('idle')).status).toBe('unknown');
  });

  test('counts every call answered before', async () => {
    const { models } = await read('good');
    expect(models[0]?.statistics).toMatchObject({
      calls: 1,
      errors: 0,
      lastCallAt: now,
      recent: { calls: 1 },
    });
  });

  test('of a model that is not there is an error, of one that is not deployed an empty list', async () => {
    await expect(read('goood')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
    expect((await read('registered')).models).toEqual([]);
  });

  test('sees a damaged artifact and a database that is gone', async () => {
    const { artifact_sha256 } = await opened.database
      .selectFrom('versions')
      .select('artifact_sha256')
      .where('model_id', '=', 'good')
      .executeTakeFirstOrThrow();
    writeFileSync(artifacts.pathOf(artifact_sha256), 'of another size');
    expect((await read('good')).status).toBe('unhealthy');
    const other = await openDatabase({ directory });
    await other.close();
    const { status, checks, models } = await readHealth(
      {
        database: other.database,
        storeFault: other.fault,
        directory,
        flushLog: log.flush,
        engineStatus: () => atRest,
        artifacts: watch,
        thresholds: { errorRate: 0.1, latencyMs: 1000 },
        clock: () => now,
      },
      undefined,
    );
    expect([status, checks[0]?.status, models]).toEqual(['unhealthy', 'unhealthy', []]);
  });
});
