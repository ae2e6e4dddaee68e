import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uniforms } from '../monitoring/drift/recipe.ts';
import { startServer, type TestServer } from './client.ts';
import { testModel } from './environment.ts';
import { stores, type TestStore } from './stores.ts';

interface Case {
  model: string;
  rows: number[][];
  actual: number[];
  metrics: Record<string, number>;
}

/** What scikit-learn says; written by test/fixtures/live_performance/make_cases.py. */
const cases: {
  classification: Case & { confusion: number[][] };
  regression: Case;
} = JSON.parse(readFileSync(new URL('../fixtures/live_performance/cases.json', import.meta.url), 'utf8'));

const feature_names = ['a', 'b', 'c', 'd'];

describe.each(stores)('performance $name', ({ skipped, open }) => {
  let store: TestStore;
  let server: TestServer;

  beforeAll(async () => {
    if (skipped) return;
    store = await open();
    server = await startServer({ settings: store.settings });
  });
  afterAll(async () => {
    if (skipped) return;
    await server.close();
    await store.drop();
  });

  /** Serves a model as version 1 and predicts rows. @returns the predictions' ids. */
  async function predictAll(model_id: string, { model, rows }: Case, given: object = {}) {
    const ids: string[] = [];
    for (let start = 0; start < rows.length; start += 100) {
      const inputs = rows
        .slice(start, start + 100)
        .map((row) => Object.fromEntries(feature_names.map((name, index) => [name, row[index]])));
      const { predictions } = await server.call('predict', { model_id, inputs, ...given });
      ids.push(...predictions.map(({ prediction_id }) => prediction_id));
    }
    expect(ids).toHaveLength(rows.length);
    expect(model).toBeTruthy();
    return ids;
  }
  async function deploy(model_id: string, { model }: Case, given: object = {}) {
    await server.call('deploy_model', {
      model_id,
      version: '1',
      source: testModel(model),
      feature_names,
      ...given,
    });
  }
  function expectMetrics(
    found: Record<string, { value: number | null; interval: number[] | null }>,
    expected: Record<string, number>,
  ) {
    for (const [name, value] of Object.entries(expected)) {
      expect(found[name]?.value, name).toBeCloseTo(value, 9);
      if (name === 'calibration_error') continue;
      const [low = Number.NaN, high = Number.NaN] = found[name]?.interval ?? [];
      expect(low, name).toBeLessThanOrEqual(value);
      expect(high, name).toBeGreaterThanOrEqual(value);
    }
  }

  it.skipIf(skipped)('of a classifier is what scikit-learn says, from a file of outcomes', async () => {
    const given = cases.classification;
    await deploy('classifier', given);
    const before = await server.call('get_performance', { model_id: 'classifier' });
    expect(before).toMatchObject({ version: '1', count: 0, metrics: {}, task: null });
    expect(before.notes[0]).toMatch(/^NOT_ENOUGH_DATA/);

    const ids = await predictAll('classifier', given);
    const path = join(server.directory, 'outcomes.csv');
    const lines = ids.map((id, row) => `${id},${given.actual[row]}`);
    writeFileSync(path, `prediction_id,actual\n${lines.toReversed().join('\n')}\nunheard-of,1\n`);
    expect(await server.call('record_outcomes', { model_id: 'classifier', path })).toMatchObject({
      model_id: 'classifier',
      matched: ids.length,
      replaced: 0,
      already_set: 0,
      empty: 0,
      unknown: ['unheard-of'],
      unknown_total: 1,
      warnings: [],
    });

    const report = await server.call('get_performance', { model_id: 'classifier' });
    expect(report).toMatchObject({
      version: '1',
      count: ids.length / 100,
      error_count: 0,
      outcomes: { answered_rows: ids.length, with_outcome: ids.length },
      task: 'binary',
      positive_class: '1',
      confusion_matrix: { labels: ['0', '1'], counts: given.confusion },
      changes: [],
      warnings: [],
    });
    expectMetrics(report.metrics, given.metrics);
    expect(report.latency_ms.p50).toBeGreaterThan(0);
    expect(report.estimated).toBeUndefined();

    await server.call('register_model', {
      model_id: 'classifier',
      version: '2',
      source: testModel(given.model),
      feature_names,
    });
    const comparing = { model_id: 'classifier', versions: ['1', '2'] };
    const compared = await server.call('compare_models', comparing);
    expect(compared.versions.map(({ outcomes }) => outcomes)).toEqual([ids.length, 0]);
    const live = compared.live_performance.map(({ name, values, intervals }) => [
      name,
      { value: values['1'] ?? null, interval: intervals['1'] ?? null },
    ]);
    expectMetrics(Object.fromEntries(live), given.metrics);
    expect(compared.live_performance).toContainEqual(
      expect.objectContaining({ name: 'accuracy', direction: 'higher' }),
    );
    expect(compared.live_performance.map(({ values }) => values['2'])).toEqual(live.map(() => null));
    // Windows that are no whole number of milliseconds.
    await server.call('set_reference_data', { model_id: 'classifier', from_hours: 1 / 3 });
    const drift = await server.call('detect_drift', { model_id: 'classifier', window_hours: 1 / 3 });
    expect(drift.is_drift).toBe(false);
    const third = await server.call('get_performance', { model_id: 'classifier', window_hours: 1 / 3 });
    expect(third.count).toBe(ids.length / 100);
    const later = await server.call('compare_models', { ...comparing, window_hours: 1e-9 });
    expect(later.versions.map(({ outcomes }) => outcomes)).toEqual([0, 0]);
    expect(later.live_performance).toEqual([]);
    expect(JSON.stringify(report).length / 4).toBeLessThan(2000);

    const detailed = await server.call('get_performance', {
      model_id: 'classifier',
      response_format: 'detailed',
      segment_by: 'a',
    });
    expect(detailed.calibration?.bins?.reduce((sum, { count }) => sum + count, 0)).toBe(ids.length);
    expect(detailed.per_class?.map(({ label }) => label)).toEqual(['0', '1']);
    expect(detailed.segments?.map(({ rows }) => rows)).toEqual([100, 100, 100, 100]);
    const accuracies = detailed.segments?.map(({ metrics }) => metrics.accuracy?.value ?? 0) ?? [];
    expect(accuracies).toEqual(accuracies.toSorted((a, b) => a - b));
    const whole = accuracies.reduce((sum, accuracy) => sum + accuracy, 0) / 4;
    expect(whole).toBeCloseTo(given.metrics.accuracy ?? Number.NaN, 9);
  });

  it.skipIf(skipped)(
    'of segments stands beside the reference’s of the same segments, and tells which fell',
    async () => {
      const given = cases.classification;
      const model_id = 'segmented';
      await deploy(model_id, given);
      const inputs = given.rows.map((row) =>
        Object.fromEntries(feature_names.map((name, at) => [name, row[at]])),
      );
      const { predictions } = await server.call('predict', { model_id, inputs });
      // The place of every row by feature a: 100 rows in each quarter.
      const byA = given.rows.map((_, row) => row).sort((x, y) => Number(inputs[x]?.a) - Number(inputs[y]?.a));
      const placeOf = new Map(byA.map((row, place) => [row, place]));
      /** The actual value of a row, of which the first `wrong` of its quarter are not what the model answers. */
      const actualOf = (row: number, wrong: (quarter: number) => number) => {
        const place = placeOf.get(row) ?? 0;
        const answer = Number(predictions[row]?.value);
        return place % 100 < wrong(Math.floor(place / 100)) ? 1 - answer : answer;
      };
      const data = inputs.map((input, row) => ({ ...input, outcome: actualOf(row, () => 10) }));
      const set = await server.call('set_reference_data', { model_id, data, outcome_column: 'outcome' });
      expect(set).toMatchObject({ rows: 400, kept_rows: 400, outcomes: 400 });
      const outcomes = predictions.map(({ prediction_id }, row) => ({
        prediction_id,
        actual: actualOf(row, (quarter) => (quarter === 2 ? 40 : 10)),
      }));
      expect(await server.call('record_outcomes', { model_id, outcomes })).toMatchObject({ matched: 400 });

      const asked = { model_id, segment_by: 'a' };
      const detailed = await server.call('get_performance', { ...asked, response_format: 'detailed' });
      const segments = detailed.segments ?? [];
      expect(segments.map(({ rows }) => rows)).toEqual([100, 100, 100, 100]);
      expect(segments.map(({ metrics }) => metrics.accuracy?.value)).toEqual([0.6, 0.9, 0.9, 0.9]);
      expect(segments.map(({ reference }) => reference?.rows)).toEqual([100, 100, 100, 100]);
      expect(segments.map(({ reference }) => reference?.metrics.accuracy)).toEqual([0.9, 0.9, 0.9, 0.9]);
      const [fallen, ...others] = segments;
      // Every metric but the accuracy of the segment that fell is what it was.
      for (const { metrics, reference, drops } of others) {
        for (const [name, value] of Object.entries(reference?.metrics ?? {}))
          expect(metrics[name]?.value, name).toBeCloseTo(value ?? Number.NaN, 12);
        expect(drops?.filter(({ dropped }) => dropped)).toEqual([]);
      }
      const [third] = byA.slice(200);
      expect(fallen?.segment).toMatch(/^> [\d.]+ and ≤ [\d.]+$/);
      expect(Number(fallen?.segment.split(' ')[1])).toBeLessThan(Number(inputs[third ?? 0]?.a) + 0.01);
      const accuracy = fallen?.drops?.find(({ metric }) => metric === 'accuracy');
      expect(accuracy).toMatchObject({ dropped: true });
      expect(accuracy?.by).toBeCloseTo(1 / 3, 3);
      // SciPy 1.17.1: scipy.stats.fisher_exact([[60, 40], [90, 10]], alternative='less').
      expect(Number(accuracy?.p_value) / 6.216702786938701e-7).toBeCloseTo(1, 3);

      const concise = await server.call('get_performance', asked);
      expect(concise.notes[0]).toBe(
        `segment a ${fallen?.segment}: accuracy 0.6 against 0.9 in the reference, p_adjusted 0.000007`,
      );
      expect(concise.segments?.slice(1).map(({ drops }) => drops)).toEqual([undefined, undefined, undefined]);
    },
  );

  it.skipIf(skipped)('of a regression is what scikit-learn says, from records, with pictures', async () => {
    const given = cases.regression;
    await deploy('regression', given);
    const ids = await predictAll('regression', given);
    const outcomes = ids.map((prediction_id, row) => ({ prediction_id, actual: given.actual[row] }));
    expect(await server.call('record_outcomes', { model_id: 'regression', outcomes })).toMatchObject({
      matched: ids.length,
      unknown_total: 0,
    });
    const report = await server.call('get_performance', { model_id: 'regression' });
    expect(report.task).toBe('regression');
    expectMetrics(report.metrics, given.metrics);

    const result = await server.attempt('get_performance', { model_id: 'regression', chart: true });
    const pictures = result.content.flatMap((item) => (item.type === 'image' ? [item] : []));
    // A second one shows the course of time, should the calls lie in two hours of the clock.
    expect(pictures.length).toBeGreaterThan(0);
    expect(new Set(pictures.map(({ mimeType }) => mimeType))).toEqual(new Set(['image/png']));
    for (const { data } of pictures) {
      const png = Buffer.from(data, 'base64');
      expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
      expect(png.readUInt32BE(16)).toBe(1200);
    }
    expect(result.structuredContent).toMatchObject({ metrics: report.metrics, warnings: [] });
  });

  it.skipIf(skipped)(
    'compares the versions that share the traffic, and says when they do not share it',
    async () => {
      const given = cases.classification;
      await deploy('shared', given);
      await deploy('shared', { ...given, model: 'classifier_int' }, { version: '2', set_active: false });
      const alone = await server.call('get_performance', { model_id: 'shared', by_version: true });
      expect(alone.comparison).toBeUndefined();
      expect(alone.warnings[0]).toMatch(/nothing to compare/);
      await server.call('set_traffic', { model_id: 'shared', weights: { 1: 0.5, 2: 0.5 } });
      await predictAll('shared', given, { version: '1' });
      const report = await server.call('get_performance', { model_id: 'shared', by_version: true });
      // Pinned calls are no part of the split.
      expect(report.versions?.map(({ version, count }) => [version, count])).toEqual([['1', 4]]);
      expect(report.comparison?.arms).toEqual([
        { version: '1', weight: 0.5, units: 0, calls: 0, value: null },
        { version: '2', weight: 0.5, units: 0, calls: 0, value: null },
      ]);
      expect(report.comparison?.winner).toBeNull();
      expect(report.comparison?.verdicts.map(({ verdict }) => verdict)).toEqual(
        report.comparison?.verdicts.map(() => 'not_enough_data'),
      );
    },
  );

  it.skipIf(skipped)(
    'estimates from a reference with outcomes, and then sees how far it dropped',
    async () => {
      const given = cases.classification;
      await deploy('referenced', given);
      const data = given.rows.map((row, index) => ({
        ...Object.fromEntries(feature_names.map((name, column) => [name, row[column]])),
        truth: given.actual[index],
      }));
      await server.call('set_reference_data', { model_id: 'referenced', data, outcome_column: 'truth' });
      const ids = await predictAll('referenced', given);
      const before = await server.call('get_performance', { model_id: 'referenced' });
      expect(before.task).toBeNull();
      // The same rows: what is calibrated on them is right about them but for the fit.
      const estimate = before.estimated?.metrics.accuracy;
      expect(before.estimated?.is_estimate).toBe(true);
      expect(estimate?.standard_error).toBeGreaterThan(0);
      expect(Math.abs((estimate?.value ?? 0) - (given.metrics.accuracy ?? 0))).toBeLessThan(0.05);
      // On the reference itself the numbers are scikit-learn's.
      for (const [name, value] of Object.entries(given.metrics))
        expect(before.reference?.metrics[name], name).toBeCloseTo(value, 6);

      const outcomes = ids.map((prediction_id, row) => ({
        prediction_id,
        actual: 1 - (given.actual[row] ?? 0),
      }));
      await server.call('record_outcomes', { model_id: 'referenced', outcomes });
      const after = await server.call('get_performance', { model_id: 'referenced' });
      expect(after.estimated).toBeUndefined();
      expect(after.metrics.accuracy?.value).toBeCloseTo(1 - (given.metrics.accuracy ?? 0), 9);
      expect(after.reference?.drops.find(({ metric }) => metric === 'accuracy')).toMatchObject({
        dropped: true,
      });
    },
  );

  it.skipIf(skipped)('says where its own estimate of the reference is off, of several classes', async () => {
    const named = { model_id: 'overconfident', version: '1' };
    await server.call('register_model', { ...named, source: testModel('classifier_string') });
    const labels = ['high', 'low', 'medium'];
    // Right in seven of ten rows, whatever the probability says: each class calibrated for itself cannot show that.
    const uniform = uniforms(1);
    const rows = (count: number, hoursAgo: number, isKnown: boolean) =>
      Array.from({ length: count }, (_, row) => {
        const weights = labels.map(() => uniform() ** 2);
        const sum = weights.reduce((all, one) => all + one, 0);
        const said = weights.indexOf(Math.max(...weights));
        const actual = uniform() < 0.7 ? said : (said + 1 + Math.floor(2 * uniform())) % 3;
        return {
          features: { f0: row % 13, f1: row % 11, f2: 1, f3: 2 },
          prediction: labels[said],
          probabilities: Object.fromEntries(labels.map((label, at) => [label, (weights[at] ?? 0) / sum])),
          ...(isKnown && { actual: labels[actual] }),
          at: new Date(Date.now() - hoursAgo * 3_600_000).toISOString(),
        };
      });
    const path = join(server.directory, 'overconfident.jsonl');
    const tell = async (told: object[]) => {
      writeFileSync(path, told.map((row) => `${JSON.stringify(row)}\n`).join(''));
      await server.call('log_predictions', { ...named, path });
    };
    await tell(rows(5000, 30, true));
    await server.call('set_reference_data', { ...named, from_hours: 48 });
    await tell(rows(300, 1, false));
    const report = await server.call('get_performance', named);
    const reference = report.reference?.metrics.accuracy ?? 0;
    expect(reference).toBeCloseTo(0.7, 1);
    const said = /for the reference itself it gives accuracy (0\.\d+), where (0\.\d+) is true/.exec(
      report.notes.join(),
    );
    expect(Number(said?.[2])).toBeCloseTo(reference, 2);
    expect(Math.abs(Number(said?.[1]) - reference)).toBeGreaterThan(0.01);
  });

  it.skipIf(skipped)('refuses what it cannot measure', async () => {
    const refused = async (given: Record<string, unknown>) =>
      (await server.fail('get_performance', given)).code;
    expect(await refused({ model_id: 'nothing' })).toBe('MODEL_NOT_FOUND');
    expect(await refused({ model_id: 'classifier', version: '9' })).toBe('VERSION_NOT_FOUND');
    expect(await refused({ model_id: 'classifier', segment_by: 'e' })).toBe('INVALID_INPUT');
    const wrongWay = { since: '2026-01-02T00:00:00Z', until: '2026-01-01T00:00:00Z' };
    expect(await refused({ model_id: 'classifier', ...wrongWay })).toBe('INVALID_INPUT');
    const record = async (given: object) =>
      (await server.fail('record_outcomes', { model_id: 'regression', ...given })).code;
    expect(await record({})).toBe('INVALID_INPUT');
    expect(await record({ outcomes: [{ prediction_id: 'x', actual: 1 }], path: '/x.csv' })).toBe(
      'INVALID_INPUT',
    );
    expect(await record({ path: '/etc/passwd.csv' })).toBe('PATH_NOT_ALLOWED');
  });
});
