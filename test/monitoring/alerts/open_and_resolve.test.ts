import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AlertEvent, groupOf, isGraver, type Verdict } from '../../../src/monitoring/alerts/alert.ts';
import {
  type AlertBook,
  cooldownMs,
  openAndResolve,
  roundsToResolve,
} from '../../../src/monitoring/alerts/open_and_resolve.ts';
import { judgeErrorRate } from '../../../src/monitoring/alerts/rules/error_rate.ts';
import { subjectOf, verdict } from './verdicts.ts';

const minuteMs = 60_000;

/** Evaluates round after round, a minute apart unless said otherwise. */
function watch() {
  let book: AlertBook = { open: [], resolved: [] };
  let now = Date.UTC(2026, 0, 1);
  let ids = 0;
  return {
    open: () => book.open,
    round(verdicts: readonly Verdict[], afterMs = minuteMs): AlertEvent[] {
      now += afterMs;
      const next = openAndResolve(book, verdicts, now, () => `alert-${++ids}`);
      ({ book } = next);
      return next.events;
    },
    now: () => now,
  };
}

const kinds = (events: readonly AlertEvent[]) => events.map(({ kind }) => kind);

describe('one cause', () => {
  test('opens at the first finding, is told once, and resolves after three clean evaluations', () => {
    const { round, open } = watch();
    expect(kinds(round([verdict('firing')]))).toEqual(['opened']);
    expect(open()).toMatchObject([
      { alertId: 'alert-1', severity: 'warning', summary: 'error_rate is wrong.' },
    ]);
    expect(kinds(round([verdict('firing')]))).toEqual([]);
    expect(kinds(round([verdict('clean')]))).toEqual([]);
    expect(kinds(round([verdict('clean')]))).toEqual([]);
    const [resolved] = round([verdict('clean')]);
    expect(resolved).toMatchObject({ kind: 'resolved', alert: { alertId: 'alert-1' } });
    expect(open()).toEqual([]);
  });

  test('is not clean while it is only a little below, nor while there is no evidence', () => {
    const { round, open } = watch();
    round([verdict('firing')]);
    for (let time = 0; time < 10; time++) expect(round([verdict('near')])).toEqual([]);
    for (let time = 0; time < 10; time++) expect(round([verdict('unknown')])).toEqual([]);
    round([verdict('clean')]);
    round([verdict('clean')]);
    // Having no evidence interrupts nothing, being near begins anew.
    round([verdict('unknown')]);
    expect(open()[0]?.cleanRounds).toBe(2);
    round([verdict('near')]);
    round([verdict('clean')]);
    round([verdict('clean')]);
    expect(open()).toHaveLength(1);
    expect(kinds(round([verdict('clean')]))).toEqual(['resolved']);
  });

  test('that is near or unknown opens nothing', () => {
    const { round } = watch();
    expect(round([verdict('near'), verdict('unknown', { rule: 'breaker' })])).toEqual([]);
  });

  test('that gets graver is told once more; that gets milder keeps the gravest', () => {
    const { round, open } = watch();
    round([verdict('firing')]);
    expect(kinds(round([verdict('firing', { severity: 'critical' })]))).toEqual(['escalated']);
    expect(kinds(round([verdict('firing', { severity: 'info' })]))).toEqual([]);
    expect(open()[0]?.severity).toBe('critical');
  });

  test('that comes back soon stays quiet, unless it is graver; later it is a new alert', () => {
    const { round, open } = watch();
    const clear = () => [1, 2, 3].flatMap(() => kinds(round([verdict('clean')])));
    round([verdict('firing')]);
    expect(clear()).toEqual(['resolved']);
    expect(round([verdict('firing')])).toEqual([]);
    expect(kinds(round([verdict('firing', { severity: 'critical' })]))).toEqual(['opened']);
    expect(clear()).toEqual(['resolved']);
    expect(round([verdict('firing', { severity: 'critical' })])).toEqual([]);
    expect(kinds(round([verdict('firing')], cooldownMs))).toEqual(['opened']);
    expect(open()[0]?.alertId).toBe('alert-3');
  });

  test('is not silenced by a clock that is set back', () => {
    const { round } = watch();
    round([verdict('firing')]);
    for (let time = 0; time < 3; time++) round([verdict('clean')]);
    expect(kinds(round([verdict('firing')], -365 * 24 * 60 * minuteMs))).toEqual(['opened']);
  });

  test('of a version that is served no more ends by itself', () => {
    const { round } = watch();
    round([verdict('firing')]);
    expect([1, 2, 3].flatMap(() => kinds(round([])))).toEqual(['resolved']);
  });
});

describe('several findings', () => {
  const breaker = (state: Verdict['state']) => verdict(state, { rule: 'breaker', severity: 'critical' });

  test('of one cause are one alert, with the gravest first', () => {
    const { round, open } = watch();
    expect(kinds(round([verdict('firing'), breaker('firing')]))).toEqual(['opened']);
    expect(open()).toMatchObject([
      {
        severity: 'critical',
        rules: ['breaker', 'error_rate'],
        summary: 'breaker is wrong. error_rate is wrong.',
        facts: { breaker: { rule: 'breaker' }, error_rate: { rule: 'error_rate' } },
      },
    ]);
  });

  test('resolve together: every rule that found something must have evidence that it is gone', () => {
    const { round, open } = watch();
    round([verdict('firing'), breaker('firing')]);
    for (let time = 0; time < 5; time++) round([verdict('unknown'), breaker('clean')]);
    for (let time = 0; time < 5; time++) round([verdict('clean'), breaker('near')]);
    expect(open()).toHaveLength(1);
    expect([1, 2, 3].flatMap(() => kinds(round([verdict('clean'), breaker('clean')])))).toEqual(['resolved']);
  });

  test('a rule that found nothing need not have evidence', () => {
    const { round } = watch();
    round([verdict('firing'), breaker('unknown')]);
    const quiet = () => kinds(round([verdict('clean'), breaker('unknown')]));
    expect([1, 2, 3].flatMap(quiet)).toEqual(['resolved']);
  });

  test('of different causes or versions are alerts of their own', () => {
    const { round, open } = watch();
    const events = round([
      verdict('firing'),
      verdict('firing', { rule: 'latency', subject: subjectOf('latency') }),
      verdict('firing', { subject: subjectOf('errors', 'm', '2') }),
      verdict('firing', { subject: subjectOf('errors', 'n') }),
      verdict('firing', { rule: 'sample_ratio', subject: subjectOf('routing', 'm', null) }),
    ]);
    expect(kinds(events)).toEqual(['opened', 'opened', 'opened', 'opened', 'opened']);
    expect(open().map(({ subject }) => groupOf(subject))).toEqual([
      'errors:m@1',
      'latency:m@1',
      'errors:m@2',
      'errors:n@1',
      'routing:m',
    ]);
  });
});

describe('whatever the rules say', () => {
  const anyVerdict = fc
    .record({
      state: fc.constantFrom('firing', 'near', 'clean', 'unknown'),
      rule: fc.constantFrom('error_rate', 'breaker'),
      version: fc.constantFrom('1', '2'),
      severity: fc.constantFrom('info', 'warning', 'critical'),
    })
    .map(({ version, state, ...rest }) =>
      verdict(state, { ...rest, subject: subjectOf('errors', 'm', version) }),
    );
  const rounds = fc.array(
    fc.record({
      verdicts: fc.array(anyVerdict, { maxLength: 4 }),
      afterMs: fc.constantFrom(1000, minuteMs, cooldownMs),
    }),
    { maxLength: 40 },
  );

  test('a group has one open alert at most, and its events follow one another', () => {
    fc.assert(
      fc.property(rounds, (sequence) => {
        const { round, open, now } = watch();
        const openBy = new Map<string, string>();
        const lastResolved = new Map<string, { at: number; severity: 'info' | 'warning' | 'critical' }>();
        for (const { verdicts, afterMs } of sequence) {
          for (const { kind, alert } of round(verdicts, afterMs)) {
            const group = groupOf(alert.subject);
            if (kind === 'opened') {
              expect(openBy.has(group)).toBe(false);
              const before = lastResolved.get(group);
              if (before !== undefined && now() - before.at < cooldownMs)
                expect(isGraver(alert.severity, before.severity)).toBe(true);
              openBy.set(group, alert.alertId);
            } else {
              expect(openBy.get(group)).toBe(alert.alertId);
              if (kind === 'resolved') {
                openBy.delete(group);
                lastResolved.set(group, { at: now(), severity: alert.severity });
              }
            }
          }
          expect(new Map(open().map((alert) => [groupOf(alert.subject), alert.alertId]))).toEqual(openBy);
          // What fires is told of, or was resolved a moment ago.
          for (const { subject, state } of verdicts)
            if (state === 'firing') {
              const group = groupOf(subject);
              const cooling = now() - (lastResolved.get(group)?.at ?? Number.NEGATIVE_INFINITY);
              expect(openBy.has(group) || cooling < cooldownMs).toBe(true);
            }
        }
      }),
      { numRuns: 500 },
    );
  });

  test('nothing is resolved in fewer than three clean evaluations since it last fired or was near', () => {
    fc.assert(
      fc.property(rounds, (sequence) => {
        const { round } = watch();
        const quiet = new Map<string, number>();
        for (const { verdicts, afterMs } of sequence) {
          for (const version of ['1', '2']) {
            const group = `errors:m@${version}`;
            const own = verdicts.filter(({ subject }) => subject.version === version);
            const isLoud = own.some(({ state }) => state === 'firing' || state === 'near');
            quiet.set(group, isLoud ? 0 : (quiet.get(group) ?? 0) + 1);
          }
          for (const { kind, alert } of round(verdicts, afterMs))
            if (kind === 'resolved')
              expect(quiet.get(groupOf(alert.subject))).toBeGreaterThanOrEqual(roundsToResolve);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('a rate that wanders about its threshold flaps not at all', () => {
    const threshold = 0.1;
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 71, max: 150 }), { minLength: 20, maxLength: 100 }),
        (errorsOf1000) => {
          const { round } = watch();
          const events = errorsOf1000.flatMap((errors) =>
            kinds(round([judgeErrorRate('m', '1', { calls: 1000, errors, minutes: 10 }, threshold)])),
          );
          expect(events.length).toBeLessThanOrEqual(1);
          expect(events).not.toContain('resolved');
        },
      ),
    );
  });
});
