import { beforeAll, expect, test } from 'vitest';
import { storeMetrics } from '../../src/http/metrics/store_metrics.ts';
import { keepLatest, keptDrift, readLatest } from '../../src/monitoring/latest/latest_measurements.ts';
import { openOverview } from '../../src/overview/overview.ts';
import type { Database } from '../../src/storage/database.ts';
import { readExposition, sumOf } from '../http/metrics/exposition.ts';
import { seeder } from '../registry/seed.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';
import { manyModels } from './many_models.ts';

const models = 2000;

describeOnEachDatabase('an overview of 2 000 models', (store) => {
  let database: Database;
  let overview: ReturnType<typeof openOverview>;
  let standingsRead = 0;

  beforeAll(async () => {
    ({ database } = await store.open());
    await manyModels(database, seeder(database, store.address.directory), models);
    const results = Array.from({ length: 60 }, (_, index) => ({
      feature: `f${index}`,
      isPrediction: false,
      method: 'ks_test',
      score: index / 100,
      effect: index / 100,
      p_adjusted: 0.5,
      is_drift: false,
      severity: 'none',
    }));
    const facts = keptDrift({ rows: 100, checked: 60, drifted: 0, results });
    for (let model = 0; model < 200; model++) {
      const modelId = `many-${String(model).padStart(4, '0')}`;
      await keepLatest(database, { modelId, version: '1', at: 1, kind: 'drift', facts });
    }
    overview = openOverview({
      database,
      standings: async () => {
        standingsRead++;
        return { versions: [], latest: new Map() };
      },
      latestMeasurements: (modelIds) => readLatest(database, modelIds),
      checks: async () => [],
      clock: () => 0,
    });
  }, 120_000);

  test('is read page by page, each model once', async () => {
    const found: string[] = [];
    let after: string | undefined;
    do {
      const page = await overview.models({ inService: true, limit: 150, after });
      expect(page.total).toBe(models);
      expect(page.models.length).toBeLessThanOrEqual(150);
      found.push(...page.models.map(({ modelId }) => modelId));
      after = page.next ?? undefined;
    } while (after !== undefined);
    expect(new Set(found).size).toBe(models);
    expect(found).toEqual(found.toSorted());
  });

  test('finds part of a name, in which no character is special', async () => {
    const named = async (name: string) =>
      (await overview.models({ name, inService: false, limit: 50 })).total;
    expect(await named('MANY-19')).toBe(100);
    expect(await named('%')).toBe(0);
    expect(await named('_')).toBe(0);
    expect(await named("'; drop table models; --")).toBe(0);
  });

  test('is read once for all who ask at the same time', async () => {
    const before = standingsRead;
    const query = { inService: true, limit: 7 };
    await Promise.all(Array.from({ length: 20 }, () => overview.models(query)));
    expect(standingsRead - before).toBe(1);
  });

  test('counts what there is', async () => {
    expect(await overview.summary()).toMatchObject({
      models,
      versions: models,
      modelsInService: models,
      versionsInService: models,
      calls: 0,
      alerts: { counts: { critical: 0 }, newest: [] },
      rollouts: { total: 0 },
      // Registering the one that the others are copies of.
      changes: [{ action: expect.any(String), modelId: 'many-0000', outcome: 'done', times: 1 }],
    });
  });

  test('is bounded as metrics, which say what is left out', async () => {
    const text = await storeMetrics(await overview.gauges()).metrics();
    const samples = readExposition(text);
    expect(sumOf(samples, 'modelyard_versions_in_service')).toBe(models);
    expect(sumOf(samples, 'modelyard_versions_omitted')).toBe(models - 500);
    expect(samples.filter(({ name }) => name === 'modelyard_breaker_state')).toHaveLength(500);
    const measured = samples.filter(({ name }) => /_drift(_|ed_)/.test(name));
    expect(measured).toHaveLength(3000);
    // Of each report 20 of 50 columns have two series, and two more are of the report.
    expect(sumOf(samples, 'modelyard_measurements_omitted')).toBe(200 * (30 + 42) - 3000);
    expect(text.length).toBeLessThan(1_500_000);
  });
});
