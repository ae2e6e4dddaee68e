import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EngineState, judgeModel, readHealth } from '../../src/monitoring/health.ts';
import { moveJournals } from '../../src/monitoring/log/move_journals.ts';
import { openJournal } from '../../src/monitoring/log/journal.ts';
import type { ServingStatistics } from '../../src/monitoring/serving_statistics.ts';
import { openDatabase } from '../../src/storage/database.ts';
import { seeder } from '../registry/seed.ts';
import { temporaryDirectory } from '../temporary.ts';
import { answered, failed } from './log/entries.ts';

describe('a version', () => {
  const atRest: EngineState = { state: 'not_loaded', waiting: 0, runningMs: undefined };
  const ready: EngineState = { ...atRest, state: 'ready' };
  const thresholds = { errorRate: 0.1, latencyMs: 1000 };
  const recent = (calls: number, errors: number, p95: number | null = 5): ServingStatistics => ({
    calls: 1_000_000,
    errors: 1_000_000,
    lastCallAt: 0,
    lastErrorAt: 0,
    lastError: 'long ago',
    recent: { calls, errors, latencyMs: { p50: 1, p95, p99: p95 } },
  });

  test.each<[string, string, EngineState, ServingStatistics | undefined, boolean, RegExp]>([
    ['unhealthy', 'without its artifact', ready, recent(10, 0), false, /artifact is missing/],
    ['unhealthy', 'that fails half of its calls', ready, recent(10, 5), true, /50\.0 % of 10 calls failed/],
    ['degraded', 'that fails more than the threshold', ready, recent(100, 11), true, /11\.0 % of 100 calls/],
    ['healthy', 'that fails as much as the threshold', ready, recent(100, 10), true, /loaded and warm/],
    ['degraded', 'that is slow', ready, recent(10, 0, 1001), true, /p95 latency 1001 ms is above 1000 ms/],
    ['degraded', 'in a long run', { ...ready, runningMs: 1500.4, waiting: 3 }, recent(1, 0), true, /1500 ms so far, 3 calls wait/],
    ['healthy', 'in a short run', { ...ready, runningMs: 10 }, recent(1, 0), true, /loaded and warm/],
    ['unknown', 'that is loading', { ...atRest, state: 'loading' }, undefined, true, /^loading$/],
    ['healthy', 'that waits for calls', ready, undefined, true, /0 calls in the last hour/],
    ['healthy', 'that another process serves well', atRest, recent(10, 1), true, /loads with its next call/],
    ['unknown', 'nobody has called', atRest, undefined, true, /not called in the last hour/],
    ['unknown', 'with failures of long ago', atRest, recent(0, 0, null), true, /not called in the last hour/],
  ])('is %s: one %s', (status, _, engine, statistics, present, detail) => {
    expect(judgeModel(engine, statistics, present, thresholds)).toEqual({
      status,
      detail: expect.stringMatching(detail),
    });
  });

  test('is only degraded by any number of failures where its threshold allows them', () => {
    const generous = { errorRate: 0.6, latencyMs: 1000 };
    expect(judgeModel(ready, recent(10, 5), true, generous).status).toBe('healthy');
    expect(judgeModel(ready, recent(10, 7), true, generous).status).toBe('unhealthy');
  });
});
