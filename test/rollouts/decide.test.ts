import { describe, expect, test } from 'vitest';
import { decide, type RolloutProgress } from '../../src/rollouts/decide.ts';
import { type ArmEvidence, noEvidence, type StepEvidence } from '../../src/rollouts/evidence.ts';
import { defaultChoices, makePlan, p95Limits, type RolloutStep, stepName } from '../../src/rollouts/plan.ts';
import { errorCluster, slowCalls } from '../../src/rollouts/slow_calls.ts';
import { stratumOf } from '../../src/rollouts/stratum_of.ts';
import { seededRandom } from '../../src/statistics/random.ts';
import { shareOfUnits } from '../../src/statistics/unit_estimate.ts';

const plan = makePlan({ ...defaultChoices, leastSeconds: 60, longestSeconds: 3600 });

/** An arm of calls of which the first fail. */
function arm(calls: number, errors: number): ArmEvidence {
  const failed = Float64Array.from({ length: calls }, (_, call) => Number(call < errors));
  const errorRate = shareOfUnits(failed, new Float64Array(calls).fill(1));
  return { units: calls, failedUnits: errors, calls, errors, errorRate };
}

function timed(calls: number, slower: number, seed: number) {
  const random = seededRandom(seed);
  const latencyMs = Float64Array.from({ length: calls }, () => slower * Math.exp(random() + random()));
  const unit = Int32Array.from({ length: calls }, (_, call) => call);
  return { latencyMs, unit, second: unit };
}

function at(kind: RolloutStep['kind'], ranMs: number, share = 0): RolloutProgress {
  const step = plan.steps.findIndex((one) => one.kind === kind && (share === 0 || one.share === share));
  return { step, ranMs, shown: { error_rate: 0.001 }, strata: [] };
}

const canary = (calls: number, errors: [number, number], slower = 1): StepEvidence => ({
  ...noEvidence,
  candidate: arm(calls, errors[0]),
  incumbent: arm(3 * calls, errors[1]),
  share: 0.25,
  ...slowCalls(timed(calls, slower, 1), timed(3 * calls, 1, 2), 0.25, { tolerated: 1.1, margin: 1.7 }),
});

describe('the next action of a rollout', () => {
  test('goes on when what must be shown is shown', () => {
    const decision = decide(plan, at('canary', 120_000, 0.25), canary(500, [2, 6]));
    expect(decision).toMatchObject({ action: 'go_on' });
    expect(decision.shown).toMatchObject({ error_rate: 0.001 });
    expect(decision.shown.p95).toBeCloseTo(2);
  });

  test('waits for its least time and its least evidence, and says for about how long', () => {
    expect(decide(plan, at('canary', 30_000, 0.25), canary(500, [2, 6]))).toMatchObject({
      action: 'not_enough_yet',
      reason: 'It has run 30 s of at least 60 s.',
      expectedMs: 30_000,
    });
    const few = decide(plan, at('canary', 120_000, 0.25), canary(30, [0, 0]));
    expect(few.action).toBe('not_enough_yet');
    expect(few.reason).toContain('30 of at least 50');
    expect(few.expectedMs).toBeGreaterThanOrEqual(80_000);
  });

  test('goes back for errors, at once', () => {
    const decision = decide(plan, at('canary', 1000, 0.25), canary(60, [12, 1]));
    expect(decision.action).toBe('go_back');
    expect(decision.reason).toMatch(/^25 % shows harm by error_rate \(p ≤ .*12 of 60 of the candidate/);
  });

  test('three errors of the candidate alone are enough at 5 %', () => {
    const evidence = { ...noEvidence, candidate: arm(20, 4), incumbent: arm(380, 0), share: 0.05 };
    expect(decide(plan, at('canary', 1000, 0.05), evidence).action).toBe('go_back');
    const alike = { ...evidence, candidate: arm(20, 1), incumbent: arm(380, 19) };
    expect(decide(plan, at('canary', 1000, 0.05), alike).action).toBe('not_enough_yet');
  });

  test('who allows a longer p95 is not sent back for less', () => {
    const allowing = makePlan({ ...defaultChoices, margins: { ...defaultChoices.margins, p95: 3 } });
    const progress = {
      ...at('canary', 1000, 0.25),
      step: allowing.steps.findIndex(({ share }) => share === 0.25),
    };
    const step = allowing.steps[progress.step];
    if (step === undefined) throw new Error('there is no step of 25 %');
    const slower = (ratio: number) => ({
      ...canary(800, [0, 0]),
      ...slowCalls(timed(800, ratio, 1), timed(2400, 1, 2), 0.25, p95Limits(step)),
    });
    expect(decide(allowing, progress, slower(2)).action).toBe('not_enough_yet');
    expect(decide(allowing, progress, slower(4)).action).toBe('go_back');
  });

  test('a p95 that need not be ruled out is waited for all the same, for nobody knows it yet', () => {
    const evidence = canary(500, [2, 6]);
    const next = (given: StepEvidence) => decide(plan, at('canary', 120_000, 0.05), given);
    expect(next({ ...evidence, slow: undefined, p95: undefined })).toMatchObject({
      action: 'not_enough_yet',
      reason: expect.stringContaining('too few calls for a p95'),
    });
    expect(next(evidence).action).toBe('go_on');
  });

  test('goes back for a slower p95, not for one that is as long', () => {
    expect(decide(plan, at('canary', 1000, 0.25), canary(800, [0, 0], 1.6))).toMatchObject({
      action: 'go_back',
      reason: expect.stringContaining('p95'),
    });
    expect(decide(plan, at('canary', 1000, 0.25), canary(800, [0, 0])).action).toBe('not_enough_yet');
  });

  test('goes back when only the candidate trips its breaker, holds when both do', () => {
    const evidence = canary(500, [0, 0]);
    const with_ = (candidate: boolean, incumbent: boolean) =>
      decide(plan, at('canary', 120_000, 0.25), { ...evidence, trips: { candidate, incumbent } }).action;
    expect(with_(true, false)).toBe('go_back');
    expect(with_(true, true)).toBe('hold');
    expect(with_(false, true)).toBe('go_on');
  });

  test('goes back for replayed calls that show harm, and on without a log', () => {
    const replayed = (pValue: number) =>
      decide(plan, at('backtest', 0), { ...noEvidence, backtest: { pValue, detail: 'So it was.' } });
    expect(replayed(0.001)).toMatchObject({
      action: 'go_back',
      reason: expect.stringContaining('So it was.'),
    });
    expect(replayed(0.04)).toMatchObject({ action: 'go_on' });
  });

  test('holds at the longest wait, and never goes on by silence', () => {
    for (const kind of ['shadow', 'canary', 'full'] as const) {
      const silent = decide(plan, at(kind, 3_600_000), noEvidence);
      expect(silent.action).toBe('hold');
      expect(silent.reason).toContain('silence promotes nothing');
      expect(decide(plan, at(kind, 3_599_000), noEvidence).action).toBe('not_enough_yet');
    }
  });

  test('waits for the metrics that were asked for, and for no others', () => {
    const asked = makePlan({ ...defaultChoices, leastSeconds: 60, metrics: ['accuracy'] });
    expect(decide(asked, at('canary', 120_000, 0.25), canary(500, [2, 6]))).toMatchObject({
      action: 'not_enough_yet',
      reason: 'Outcomes for accuracy have not come.',
    });
  });

  test('a loss of accuracy sends back; one that may be there still is waited for', () => {
    const accuracy = (right: number) =>
      shareOfUnits(
        Float64Array.from({ length: 2000 }, (_, row) => Number(row < right)),
        new Float64Array(2000).fill(1),
      );
    const measured = (candidate: number): StepEvidence => ({
      ...canary(2000, [0, 0]),
      metrics: [
        {
          name: 'accuracy',
          higherIsBetter: true,
          candidate: accuracy(candidate),
          incumbent: accuracy(1400),
        },
      ],
    });
    const next = (candidate: number) => decide(plan, at('canary', 120_000, 0.25), measured(candidate)).action;
    expect(next(1250)).toBe('go_back');
    expect(next(1320)).toBe('not_enough_yet');
    expect(next(1420)).toBe('go_on');
  });

  test('what an earlier step ruled out stays so, the smaller harm of a later one does not', () => {
    const shown = { error_rate: 0.02, p95: 1.4 };
    const small = canary(60, [0, 0]);
    const next = (share: number) => decide(plan, { ...at('canary', 120_000, share), shown }, small).action;
    expect(next(0.05)).toBe('go_on');
    expect(next(0.5)).toBe('not_enough_yet');
  });

  test('calls that are not shared out by the weights hold it, with what to do', () => {
    const shared = canary(500, [2, 6]);
    const missing = { ...shared, incumbent: { ...shared.incumbent, units: 700 } };
    const next = (evidence: StepEvidence) => decide(plan, at('canary', 120_000, 0.25), evidence);
    expect(next(missing)).toMatchObject({
      action: 'hold',
      reason: expect.stringMatching(/not shared out by the weights: 500 of 1200 .* then resume/),
    });
    // A breaker sends calls elsewhere.
    expect(next({ ...missing, trips: { candidate: false, incumbent: true } }).action).toBe('go_on');
    expect(next(shared).action).toBe('go_on');
  });

  test('what earlier steps saw counts in later ones', () => {
    const early = decide(plan, at('canary', 120_000, 0.25), canary(500, [2, 6]));
    expect(early.strata).toEqual([stratumOf(canary(500, [2, 6]))]);
    // Alone neither has seen enough.
    const worse: StepEvidence = { ...noEvidence, candidate: arm(40, 8), incumbent: arm(120, 5), share: 0.25 };
    const alone = decide(plan, at('canary', 1000, 0.25), worse);
    expect(alone.action).toBe('not_enough_yet');
    const after = decide(plan, { ...at('canary', 1000, 0.25), strata: [stratumOf(worse)] }, worse);
    expect(after).toMatchObject({ action: 'go_back', reason: expect.stringContaining('error_rate') });
    // The same entities in both steps are no more evidence than one step has.
    const entities = (found: StepEvidence) => ({
      ...found,
      candidate: { ...found.candidate, units: 20 },
    });
    const again = decide(
      plan,
      { ...at('canary', 1000, 0.25), strata: [stratumOf(entities(worse))] },
      entities(worse),
    );
    expect(again.action).toBe('not_enough_yet');
  });
});

test('the default plan, by the names of its steps', () => {
  expect(makePlan(defaultChoices).steps.map(stepName)).toEqual([
    'probe',
    'backtest',
    'shadow',
    '5 %',
    '25 %',
    '50 %',
    '100 %',
    'production',
  ]);
});

test('slow calls of one second count as one: a host that stood still is no slower version', () => {
  const calls = 400;
  const second = Int32Array.from({ length: calls }, (_, call) => Math.floor(call / 10));
  const unit = Int32Array.from({ length: calls }, (_, call) => call);
  const steady = Float64Array.from({ length: calls }, (_, call) => 1 + (call % 20) / 100);
  const stood = steady.map((ms, call) => (call >= 100 && call < 180 ? ms + 50 : ms));
  const candidate = { latencyMs: stood, unit, second };
  const incumbent = { latencyMs: steady, unit, second };
  const evidence = {
    ...noEvidence,
    candidate: arm(calls, 0),
    incumbent: arm(calls, 0),
    share: 0.5,
    ...slowCalls(candidate, incumbent, 0.5, { tolerated: 1.1, margin: 1.5 }),
  };
  expect(decide(plan, at('canary', 1000, 0.5), evidence).action).toBe('not_enough_yet');
  const alone = { latencyMs: stood, unit, second: unit };
  const single = {
    ...evidence,
    ...slowCalls(alone, { ...incumbent, second: unit }, 0.5, { tolerated: 1.1, margin: 1.5 }),
  };
  expect(decide(plan, at('canary', 1000, 0.5), single).action).toBe('go_back');
});

test('errors of one second have one cause', () => {
  const second = Int32Array.from({ length: 100 }, (_, call) => Math.floor(call / 10));
  const latencyMs = Float64Array.from({ length: 100 }, (_, call) => (call < 8 ? Number.NaN : 1));
  expect(errorCluster({ latencyMs, unit: second, second })).toBeGreaterThan(5);
  const spread = Float64Array.from({ length: 100 }, (_, call) => (call % 12 === 0 ? Number.NaN : 1));
  expect(errorCluster({ latencyMs: spread, unit: second, second })).toBeLessThan(1.5);
});
