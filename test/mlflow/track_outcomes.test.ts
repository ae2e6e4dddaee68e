import { beforeEach, describe, expect, test } from 'vitest';
import { outcomeMetrics } from '../../src/mlflow/monitoring_metrics.ts';
import { type OutcomeMeasurer, trackOutcomes } from '../../src/mlflow/track_outcomes.ts';
import type { Database } from '../../src/storage/database.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';
import { silent } from './silent.ts';

const start = Date.UTC(2026, 0, 31, 12);
const minute = 60_000;

describeOnEachDatabase('outcomes of deployed versions', (store) => {
  let database: Database;
  let now = start;
  const asked: [version: string, since: number, until: number][] = [];
  /** What measuring does besides. */
  let meanwhile: () => Promise<void> = async () => undefined;
  const measure: OutcomeMeasurer = async (_, version, { since, until }) => {
    asked.push([version, since, until]);
    await meanwhile();
    return { 'monitoring/accuracy': 0.75 };
  };
  const tracking = () =>
    trackOutcomes({ database, measure, clock: () => now, intervalMs: minute, logger: silent });

  beforeEach(async () => {
    database ??= (await store.open()).database;
    for (const table of ['mlflow_runs', 'mlflow_measurements', 'prediction_segments'] as const)
      await database.deleteFrom(table).execute();
    asked.length = 0;
    now = start;
    meanwhile = async () => undefined;
  });
  const deploy = (version: string, ended_at: number | null = null) =>
    database
      .insertInto('mlflow_runs')
      .values({
        run_id: `run of ${version}`,
        model_id: 'm',
        version,
        started_at: start - minute,
        ended_at,
        logged_until: start,
        pending: null,
        outcomes_seen: null,
        outcomes_next_at: 0,
      })
      .execute();
  const segment = (version: string, outcomes: number, at = now - minute) =>
    database
      .insertInto('prediction_segments')
      .values({
        segment_id: `${version} ${outcomes} ${at}`,
        model_id: 'm',
        version,
        day: 0,
        min_at: at,
        max_at: at,
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
        revision: outcomes === 0 ? 0 : 1,
        claimed_until: 0,
        outcomes_at: 0,
      })
      .execute();
  const measurements = () =>
    database.selectFrom('mlflow_measurements').select(['version', 'at', 'metrics']).orderBy('at').execute();

  test('are measured where some are known, over a day, and kept to be logged', async () => {
    await deploy('known');
    await deploy('unknown');
    await deploy('old');
    await deploy('retired', start);
    await segment('known', 4);
    await segment('unknown', 0);
    await segment('old', 4, now - 25 * 60 * minute);
    await segment('retired', 4);
    await tracking().look();
    expect(asked).toEqual([['known', start - 24 * 60 * minute, start]]);
    expect(await measurements()).toEqual([
      { version: 'known', at: start, metrics: '{"monitoring/accuracy":0.75}' },
    ]);
  });

  test('are measured again when others are known, and not before the interval is over', async () => {
    await deploy('a');
    await segment('a', 4);
    const own = tracking();
    await own.look();
    now += 10 * minute;
    await own.look();
    expect(asked).toHaveLength(1);
    await segment('a', 5);
    await own.look();
    await segment('a', 6);
    now += minute - 1;
    await own.look();
    expect(asked).toHaveLength(2);
    now += 1;
    await own.look();
    expect((await measurements()).map(({ at }) => at - start)).toEqual([0, 10 * minute, 11 * minute]);
  });

  test('rest ten times as long as it took to measure them', async () => {
    await deploy('a');
    await segment('a', 4);
    meanwhile = async () => {
      now += minute;
    };
    await tracking().look();
    await segment('a', 5);
    now += 10 * minute - 1;
    await tracking().look();
    expect(asked).toHaveLength(1);
    now += 1;
    await tracking().look();
    expect(asked).toHaveLength(2);
  });

  test('are measured by one process of several, and by another when that was killed', async () => {
    await deploy('a');
    await segment('a', 4);
    const others = tracking();
    meanwhile = () => others.look();
    await tracking().look();
    expect(asked).toHaveLength(1);

    await segment('a', 5);
    now += 2 * minute;
    meanwhile = async () => {
      throw new Error('killed');
    };
    await tracking().look();
    meanwhile = async () => undefined;
    await others.look();
    expect(await measurements()).toHaveLength(1);
    now += 5 * minute;
    await others.look();
    expect(await measurements()).toHaveLength(2);
  });

  test('are not measured when the server ends', async () => {
    await deploy('a');
    await segment('a', 4);
    const own = tracking();
    await own.close();
    await own.look();
    expect(asked).toEqual([]);
  });
});

describe('the metrics that are logged', () => {
  test.each([
    [
      { accuracy: { value: 0.5 }, f1: { value: 0.4 } },
      { 'monitoring/outcomes': 8, 'monitoring/accuracy': 0.5 },
    ],
    [
      { mae: { value: 2 }, rmse: { value: 3 }, r2: { value: null } },
      { 'monitoring/outcomes': 8, 'monitoring/mae': 2, 'monitoring/rmse': 3 },
    ],
    [{ accuracy: { value: null } }, undefined],
    [{}, undefined],
  ])('of %j', (metrics, expected) => {
    expect(outcomeMetrics({ outcomes: 8, metrics })).toEqual(expected);
  });
});
