import { describe, expect, test } from 'vitest';
import { type BreakerEvidence, judgeBreaker } from '../../../src/monitoring/alerts/rules/breaker_trips.ts';
import { type DriftEvidence, judgeDrift } from '../../../src/monitoring/alerts/rules/data_drift.ts';
import { judgeErrorRate } from '../../../src/monitoring/alerts/rules/error_rate.ts';
import { quantileLowerBound, shareLowerBound } from '../../../src/monitoring/alerts/rules/evidence_bounds.ts';
import { judgeLatency, type LatencyQuantiles } from '../../../src/monitoring/alerts/rules/latency.ts';
import {
  judgePerformance,
  type PerformanceEvidence,
} from '../../../src/monitoring/alerts/rules/performance_drop.ts';
import { judgeSampleRatio } from '../../../src/monitoring/alerts/rules/sample_ratio.ts';
import { judgeSilence, type TrafficEvidence } from '../../../src/monitoring/alerts/rules/silence.ts';
import { sampleRatioTest } from '../../../src/statistics/sample_ratio.ts';
import { cases } from './cases.ts';

const now = Date.UTC(2026, 0, 31);
const minuteMs = 60_000;
const hourMs = 3_600_000;

describe('bounds', () => {
  test.each(cases.share_bounds)("of $successes in $trials are SciPy's", ({ successes, trials, low }) => {
    expect(Math.abs(shareLowerBound(successes, trials) - low)).toBeLessThan(1e-12);
  });

  test.each(cases.quantile_bounds)('of a p95 in $sample values', ({ sample, bound }) => {
    expect(Math.abs(quantileLowerBound(0.95, sample) - bound)).toBeLessThan(1e-12);
  });
});

describe('the error rate', () => {
  const judge = (calls: number, errors: number, threshold = 0.1) =>
    judgeErrorRate('m', '1', { calls, errors, minutes: 10 }, threshold);

  test.each([
    [3, 3, 'unknown'],
    [19, 19, 'unknown'],
    [20, 20, 'firing'],
    [20, 4, 'near'], // 20 %, but of so few calls that 10 % would give it now and then
    [1000, 101, 'near'],
    [1000, 150, 'firing'],
    [1000, 71, 'near'],
    [1000, 69, 'clean'],
    [20, 0, 'clean'],
    [0, 0, 'unknown'],
  ] as const)('of %i calls %i failed: %s', (calls, errors, state) => {
    expect(judge(calls, errors).state).toBe(state);
  });

  test('is critical from half of the calls on, and says what was found', () => {
    expect(judge(1000, 200)).toMatchObject({ severity: 'warning' });
    expect(judge(100, 50)).toEqual({
      rule: 'error_rate',
      subject: { cause: 'errors', modelId: 'm', version: '1' },
      state: 'firing',
      severity: 'critical',
      summary: '50.0 % of 100 calls failed in the last 10 minutes (threshold 10.0 %).',
      facts: { rate: 0.5, calls: 100, errors: 50, threshold: 0.1, minutes: 10 },
    });
  });

  test('has thresholds at the ends of the scale', () => {
    expect(judge(1000, 1, 0).state).toBe('firing');
    expect(judge(1000, 0, 0).state).toBe('clean');
    expect(judge(1000, 1000, 1).state).toBe('near');
  });
});

describe('the latency', () => {
  const quantiles: LatencyQuantiles = { calls: 100, minutes: 10, p50: 10, p95: 50, p95AtLeast: 40 };
  const judge = (given: Partial<LatencyQuantiles>) => judgeLatency('m', '1', { ...quantiles, ...given }, 100);

  test.each<[string, Partial<LatencyQuantiles>, string]>([
    ['low', {}, 'clean'],
    ['close below', { p95: 81 }, 'near'],
    ['above, perhaps by chance', { p95: 300, p95AtLeast: 99 }, 'near'],
    ['above, with evidence', { p95: 300, p95AtLeast: 101 }, 'firing'],
    ['of three calls', { calls: 3, p95: 900, p95AtLeast: 900 }, 'unknown'],
    ['of no calls', { calls: 0, p50: null, p95: null, p95AtLeast: null }, 'unknown'],
  ])('%s', (_, given, state) => {
    expect(judge(given).state).toBe(state);
  });

  test('is critical when half of the calls are too slow', () => {
    expect(judge({ p95: 300, p95AtLeast: 200 })).toMatchObject({ severity: 'warning' });
    expect(judge({ p50: 150, p95: 300, p95AtLeast: 200 })).toMatchObject({
      severity: 'critical',
      summary: 'The p95 latency of 100 calls in the last 10 minutes is 300 ms (threshold 100 ms).',
    });
  });
});

describe('a circuit breaker', () => {
  const closed: BreakerEvidence = {
    reopensAt: null,
    trips: 3,
    lastTrippedAt: now - hourMs,
    lastReason: '20 of 20 calls failed',
    weight: 1,
    recentErrors: 0,
  };
  const judge = (given: Partial<BreakerEvidence> | undefined) =>
    judgeBreaker('m', '1', given && { ...closed, ...given }, now).map((verdict) => [
      verdict.subject.cause,
      verdict.state,
      ...(verdict.state === 'firing' ? [verdict.severity] : []),
    ]);

  test.each<[string, Partial<BreakerEvidence> | undefined, string[][]]>([
    [
      'that never tripped',
      undefined,
      [
        ['errors', 'clean'],
        ['latency', 'clean'],
      ],
    ],
    [
      'that is closed',
      {},
      [
        ['errors', 'clean'],
        ['latency', 'clean'],
      ],
    ],
    [
      'that is open',
      { reopensAt: now + 1 },
      [
        ['errors', 'firing', 'critical'],
        ['latency', 'clean'],
      ],
    ],
    [
      'of a version without traffic',
      { reopensAt: now + 1, weight: 0 },
      [
        ['errors', 'firing', 'warning'],
        ['latency', 'clean'],
      ],
    ],
    [
      'that is half-open',
      { reopensAt: now },
      [
        ['errors', 'near'],
        ['latency', 'clean'],
      ],
    ],
    [
      'that tripped and closed between two looks',
      { lastTrippedAt: now - 90_000 },
      [
        ['errors', 'firing', 'warning'],
        ['latency', 'clean'],
      ],
    ],
    [
      'that opened for slow calls',
      { reopensAt: now + 1, lastReason: '17 of 20 calls took 1000 ms or more' },
      [
        ['latency', 'firing', 'critical'],
        ['errors', 'clean'],
      ],
    ],
    [
      'whose trial failed',
      { reopensAt: now + 1, lastReason: 'a trial call failed', recentErrors: 20 },
      [
        ['errors', 'firing', 'critical'],
        ['latency', 'clean'],
      ],
    ],
    [
      'whose trial was slow',
      { reopensAt: now + 1, lastReason: 'a trial call failed' },
      [
        ['latency', 'firing', 'critical'],
        ['errors', 'clean'],
      ],
    ],
  ])('%s', (_, given, expected) => {
    expect(judge(given)).toEqual(expected);
  });
});

describe('drift', () => {
  const stable: DriftEvidence = {
    referenceId: 'r',
    rows: 500,
    judged: 21,
    drifted: [],
    missing: [],
    values: 'clean',
  };
  const named = (count: number, severity: 'low' | 'moderate' | 'high') =>
    Array.from({ length: count }, (_, index) => ({ name: `f${index}`, severity, cause: 'values' as const }));
  const judge = (given: Partial<DriftEvidence>) => judgeDrift('m', '1', { ...stable, ...given });
  const states = (given: Partial<DriftEvidence>) => judge(given).map(({ rule, state }) => [rule, state]);

  test('that was not looked at, or could not be judged, is unknown', () => {
    for (const verdicts of [judgeDrift('m', '1', undefined), judge({ judged: 0 })])
      expect(verdicts.map(({ state }) => state)).toEqual(['unknown', 'unknown']);
  });

  test('of nothing is clean; of something that moved a little, near', () => {
    expect(states({})).toEqual([
      ['drift', 'clean'],
      ['missing_data', 'clean'],
    ]);
    expect(states({ values: 'near' })).toEqual([
      ['drift', 'near'],
      ['missing_data', 'near'],
    ]);
  });

  test('of twenty features is one finding that names them', () => {
    const [drift, missing] = judge({ drifted: named(20, 'high'), values: 'near' });
    expect(drift).toMatchObject({
      state: 'firing',
      severity: 'critical',
      summary: '20 of 21 features and predictions drifted in 500 rows: "f0", "f1", "f2", "f3", "f4", ….',
      facts: { drifted: named(20, 'high').map(({ name }) => name), drifted_total: 20, reference_id: 'r' },
    });
    expect(missing.state).toBe('near');
  });

  test('is as grave as its strongest; critical when it is widespread too', () => {
    const severity = (given: Partial<DriftEvidence>) =>
      judge(given).map((verdict) => (verdict.state === 'firing' ? verdict.severity : undefined))[0];
    expect(severity({ drifted: named(1, 'low') })).toBe('info');
    expect(severity({ drifted: named(1, 'high') })).toBe('warning');
    expect(severity({ drifted: named(1, 'high'), judged: 1 })).toBe('warning');
    expect(severity({ drifted: named(10, 'moderate') })).toBe('warning');
    expect(severity({ drifted: named(7, 'high') })).toBe('critical');
  });

  test('of missing values is a finding of the same cause', () => {
    const [drift, missing] = judge({
      missing: [{ name: 'x"\n<!channel>', severity: 'moderate', before: 0.001, now: 0.25 }],
    });
    expect(drift.state).toBe('clean');
    expect(missing).toMatchObject({
      state: 'firing',
      severity: 'warning',
      subject: drift.subject,
      summary:
        'The share of missing values changed in 1 feature: "x\\"\\n<!channel>" (0.1 % → 25.0 %). Check the data pipeline before the model.',
    });
    const widespread = Array.from({ length: 8 }, (_, index) => ({
      name: `f${index}`,
      severity: 'high' as const,
      before: 0,
      now: 0.5,
    }));
    expect(judge({ missing: widespread })[1]).toMatchObject({ severity: 'critical' });
  });

  test('that is bad data says so, and which', () => {
    const [drift] = judge({
      drifted: [
        { name: 'gone', severity: 'high', cause: 'absent' },
        { name: 'turned', severity: 'high', cause: 'type' },
        { name: 'code', severity: 'moderate', cause: 'unseen' },
        { name: 'moved', severity: 'low', cause: 'values' },
      ],
    });
    expect(drift).toMatchObject({
      severity: 'warning',
      summary:
        '4 of 21 features and predictions drifted in 500 rows: "gone" (absent), "turned" (another type), "code" (values never seen before), "moved". Check the data pipeline before the model.',
    });
  });
});

describe('the performance', () => {
  const evidence: PerformanceEvidence = {
    metric: 'accuracy',
    higherIsBetter: true,
    reference: 0.8,
    current: 0.8,
    low: 0.78,
    high: 0.82,
    outcomes: 1000,
    isEstimate: false,
  };
  const judge = (given: Partial<PerformanceEvidence> | undefined) =>
    judgePerformance('m', '1', given && { ...evidence, ...given }, 0.1);

  test.each<[string, Partial<PerformanceEvidence> | undefined, string]>([
    ['that nobody measured', undefined, 'unknown'],
    ['of few outcomes', { outcomes: 49, current: 0, low: 0, high: 0.1 }, 'unknown'],
    ['that is no number', { current: Number.NaN }, 'unknown'],
    ['as on the reference', {}, 'clean'],
    ['better than the reference', { current: 0.99, low: 0.98, high: 1 }, 'clean'],
    ['a little worse', { current: 0.735, low: 0.72, high: 0.75 }, 'near'],
    ['much worse', { current: 0.7, low: 0.68, high: 0.72 }, 'firing'],
    ['much worse, perhaps by chance', { current: 0.7, low: 0.55, high: 0.85 }, 'near'],
    ['an error that grew', { higherIsBetter: false, current: 0.96, low: 0.9, high: 1 }, 'firing'],
    ['an error that fell', { higherIsBetter: false, current: 0.4, low: 0.3, high: 0.5 }, 'clean'],
    [
      'an error that was none',
      { higherIsBetter: false, reference: 0, current: 1, low: 0.5, high: 2 },
      'firing',
    ],
  ])('%s', (_, given, state) => {
    expect(judge(given).state).toBe(state);
  });

  test('is critical at twice the threshold, and says when it is an estimate', () => {
    expect(judge({ current: 0.6, low: 0.5, high: 0.7, isEstimate: true })).toMatchObject({
      severity: 'critical',
      summary:
        'Estimated accuracy is 0.6 on 1000 recent predictions, 0.8 on the reference (threshold 10.0 % of it).',
    });
  });
});

describe('silence', () => {
  const busy = { calls: 5000, activeHours: 168, longestGapMs: 10 * minuteMs };
  const judge = (silentMinutes: number, given: Partial<TrafficEvidence> = {}) =>
    judgeSilence(
      'm',
      { lastCallAt: now - silentMinutes * minuteMs, history: busy, isRefusing: false, ...given },
      now,
    );

  test.each<[string, number, Partial<TrafficEvidence>, string]>([
    ['of a moment', 14, {}, 'clean'],
    ['no longer than pauses may be', 29, {}, 'near'],
    ['three times as long as any pause before', 30, {}, 'firing'],
    ['of a model that was called now and then', 600, { history: { ...busy, calls: 499 } }, 'near'],
    ['of a model that was used for one afternoon', 600, { history: { ...busy, activeHours: 5 } }, 'near'],
    ['at night, where nights are silent', 600, { history: { ...busy, longestGapMs: 12 * hourMs } }, 'near'],
    ['because a breaker refuses calls', 600, { isRefusing: true }, 'near'],
  ])('%s', (_, minutes, given, state) => {
    expect(judge(minutes, given).state).toBe(state);
  });

  test('of a model that was never called is unknown', () => {
    expect(judgeSilence('m', undefined, now).state).toBe('unknown');
  });
});

describe('the sample ratio', () => {
  const assigned = (weights: readonly number[], counts: readonly number[]) => ({
    weights: new Map(weights.map((weight, index) => [`v${index}`, weight])),
    units: new Map(counts.map((count, index) => [`v${index}`, count])),
  });

  test.each(cases.sample_ratio)(
    'of $counts at $weights is as SciPy has it',
    ({ weights, counts, statistic, p_value }) => {
      const test = sampleRatioTest(counts, weights);
      expect(Math.abs((test?.statistic ?? 0) - statistic)).toBeLessThan(1e-9 * Math.max(1, statistic));
      expect(Math.abs((test?.pValue ?? 0) - p_value)).toBeLessThan(1e-9 * p_value + 1e-300);
    },
  );

  test.each<[string, number[], number[], string]>([
    ['that fits', [0.5, 0.5], [510, 490], 'clean'],
    ['that fits badly', [0.5, 0.5], [545, 455], 'near'], // p = 0.004
    ['that does not fit', [0.5, 0.5], [560, 440], 'firing'], // p = 0.00015
    ['of few units', [0.5, 0.5], [6, 3], 'unknown'],
    ['with too few expected', [0.99, 0.01], [300, 100], 'unknown'],
    ['of one version', [1], [1000], 'unknown'],
    ['where a version got nothing', [0.5, 0.5], [1000], 'firing'],
  ])('%s', (_, weights, counts, state) => {
    expect(judgeSampleRatio('m', assigned(weights, counts)).state).toBe(state);
  });

  test('nobody counted is unknown', () => {
    expect(judgeSampleRatio('m', undefined).state).toBe('unknown');
  });
});
