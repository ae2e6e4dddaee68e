import { beforeEach, describe, expect, test } from 'vitest';
import { type ComparedVersions, comparisonMetrics } from '../../src/mlflow/monitoring_metrics.ts';
import { type AbTests, trackComparisons } from '../../src/mlflow/track_comparisons.ts';
import type { Database } from '../../src/storage/database.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';
import { silent } from './silent.ts';

const start = Date.UTC(2026, 0, 31, 12);
const minute = 60_000;

const compared: ComparedVersions = {
  arms: [
    { version: '1', units: 40, calls: 400 },
    { version: '2', units: 38, calls: 380 },
  ],
  comparisons: [
    {
      versionA: '1',
      versionB: '2',
      metric: 'accuracy',
      verdict: 'b_better',
      a: 0.5,
      b: 0.75,
      difference: 0.25,
      interval: { low: 0.125, high: 0.375 },
    },
  ],
};
const logged = {
  1: { 'ab/units': 40, 'ab/calls': 400, 'ab/accuracy': 0.5 },
  2: {
    'ab/units': 38,
    'ab/calls': 380,
    'ab/accuracy': 0.75,
    'ab/accuracy_difference': 0.25,
    'ab/accuracy_difference_low': 0.125,
    'ab/accuracy_difference_high': 0.375,
    'ab/accuracy_verdict': 1,
  },
};

describe('what is logged of a comparison', () => {
  test('is the baseline’s values, and of the others the difference too', () => {
    expect(Object.fromEntries(comparisonMetrics(compared))).toEqual(logged);
  });

  test('leaves out what there is not; a verdict that is withheld is none', () => {
    const [first] = compared.comparisons;
    if (first === undefined) throw new Error('there is one');
    const verdictOf = (verdict: string | null) =>
      comparisonMetrics({ ...compared, comparisons: [{ ...first, verdict, interval: null, a: null }] });
    expect(verdictOf('a_better').get('2')).toMatchObject({ 'ab/accuracy_verdict': -1 });
    expect(verdictOf(null).get('1')).toEqual({ 'ab/units': 40, 'ab/calls': 400 });
    expect(verdictOf('not_enough_data').get('2')).toEqual({
      'ab/units': 38,
      'ab/calls': 380,
      'ab/accuracy': 0.75,
      'ab/accuracy_difference': 0.25,
      'ab/accuracy_verdict': 0,
    });
  });
});

describeOnEachDatabase('A/B tests', (store) => {
  let database: Database;
  let now = start;
  let routes: Awaited<ReturnType<AbTests['list']>> = [];
  let answer: ComparedVersions | undefined = compared;
  /** What comparing does besides. */
  let meanwhile: () => Promise<void> = async () => undefined;
  const asked: [setAt: number, until: number][] = [];
  const abTests: AbTests = {
    list: async () => routes,
    async compare({ setAt }, until) {
      asked.push([setAt - start, until - start]);
      await meanwhile();
      return answer;
    },
  };
  const tracking = () =>
    trackComparisons({ database, abTests, clock: () => now, intervalMs: minute, logger: silent });
  const route = (setAt: number, isTest = true) => {
    const versions = ['1', '2'].map((version) => ({ version, weight: 0.5 }));
    const of = { modelId: 'm', versions, sticky: true, setAt, baseline: '1' };
    routes = [{ modelId: 'm', setAt, test: isTest ? of : undefined }];
  };

  beforeEach(async () => {
    database ??= (await store.open()).database;
    for (const table of ['mlflow_comparisons', 'mlflow_measurements', 'prediction_segments'] as const)
      await database.deleteFrom(table).execute();
    asked.length = 0;
    now = start;
    answer = compared;
    meanwhile = async () => undefined;
    route(start);
  });
  const segment = (outcomes: number, max_at = now) =>
    database
      .insertInto('prediction_segments')
      .values({
        segment_id: `${outcomes} ${max_at}`,
        model_id: 'm',
        version: '2',
        day: 0,
        min_at: max_at,
        max_at,
        min_id: '',
        max_id: '',
        rows: 10,
        answered: 10,
        errors: 0,
        outcomes,
        shadows: 0,
        shadow_outcomes: 0,
        weight: 10,
        tier: 0,
        bytes: 0,
        revision: 1,
        claimed_until: 0,
        outcomes_at: 0,
      })
      .execute();
  const measurements = async () =>
    (
      await database
        .selectFrom('mlflow_measurements')
        .select(['version', 'at', 'metrics'])
        .orderBy('at')
        .orderBy('version')
        .execute()
    ).map(({ version, at, metrics }) => [version, Number(at) - start, JSON.parse(metrics)]);

  test('are compared when outcomes are new, and kept to be logged', async () => {
    const own = tracking();
    await own.look();
    now += minute;
    await own.look();
    expect(asked).toEqual([]);
    await segment(4);
    await own.look();
    await own.look();
    expect(asked).toEqual([[0, minute]]);
    expect(await measurements()).toEqual([
      ['1', minute, logged[1]],
      ['2', minute, logged[2]],
    ]);
    await segment(5);
    now += minute - 1;
    await own.look();
    expect(asked).toHaveLength(1);
    now += 1;
    await own.look();
    expect(asked).toHaveLength(2);
  });

  test('of long standing are looked at more rarely: a fiftieth of its age lies between two looks', async () => {
    const own = tracking();
    await own.look();
    for (const [days, rest] of [
      [1, 28.8],
      [90, 90 * 28.8],
    ] as const) {
      now = start + days * 24 * 60 * minute;
      await segment(days);
      await own.look();
      const row = await database.selectFrom('mlflow_comparisons').select('next_at').executeTakeFirstOrThrow();
      expect(Number(row.next_at) - now).toBe(rest * minute);
    }
    expect(asked).toHaveLength(2);
  });

  test('are looked at once more when the weights change, by what was until then; then the new one begins', async () => {
    const own = tracking();
    await own.look();
    now += 10 * minute;
    route(start + 9 * minute);
    await own.look();
    expect(asked).toEqual([[0, 9 * minute]]);
    expect((await measurements()).map(([version, at]) => [version, at])).toEqual([
      ['1', 9 * minute],
      ['2', 9 * minute],
    ]);
    // Outcomes of the old one are no news of the new one.
    await segment(4, start + minute);
    await own.look();
    expect(asked).toHaveLength(1);
    await segment(5);
    await own.look();
    expect(asked.at(-1)).toEqual([9 * minute, 10 * minute]);
    // One version gets everything, or the model is gone: the last look, and no more.
    now += minute;
    route(start + 11 * minute, false);
    await own.look();
    await own.look();
    expect(asked.slice(2)).toEqual([[9 * minute, 11 * minute]]);
    route(start + 12 * minute);
    await own.look();
    routes = [];
    answer = undefined;
    await own.look();
    await own.look();
    expect(asked).toHaveLength(4);
    expect(await database.selectFrom('mlflow_comparisons').selectAll().execute()).toEqual([]);
    expect(await measurements()).toHaveLength(6);
  });

  test('without a call leave nothing', async () => {
    answer = { arms: [{ version: '1', units: 0, calls: 0 }], comparisons: [] };
    const own = tracking();
    await own.look();
    route(start, false);
    await own.look();
    expect(asked).toHaveLength(1);
    expect(await measurements()).toEqual([]);
  });

  test('are compared by one process of several, and by another when that was killed or took too long', async () => {
    const [one, others] = [tracking(), tracking()];
    await one.look();
    await segment(4);
    meanwhile = () => others.look();
    await one.look();
    expect(asked).toHaveLength(1);
    expect(await measurements()).toHaveLength(2);

    await segment(5);
    now += 2 * minute;
    meanwhile = async () => {
      throw new Error('killed');
    };
    await one.look();
    meanwhile = async () => undefined;
    await others.look();
    expect(asked).toHaveLength(2);
    now += 5 * minute;
    // While the first takes longer than its claim, the other makes the look: it is kept once.
    meanwhile = async () => {
      meanwhile = async () => undefined;
      now += 6 * minute;
      await others.look();
    };
    await one.look();
    expect(asked).toHaveLength(4);
    expect(await measurements()).toHaveLength(4);
  });
});
