import { beforeAll, expect, test } from 'vitest';
import { judgePerformance } from '../../../src/monitoring/alerts/rules/performance_drop.ts';
import { performanceEvidence, restingEvidence } from '../../../src/monitoring/live_performance/evidence.ts';
import {
  type PerformanceRequest,
  readPerformance,
} from '../../../src/monitoring/live_performance/get_performance.ts';
import { createMeasurer, type Measurer } from '../../../src/monitoring/live_performance/measurer.ts';
import type { Standing } from '../../../src/monitoring/live_performance/standing.ts';
import { recordOutcomes } from '../../../src/monitoring/outcomes/record_outcomes.ts';
import { estimatePerformance, fitEstimator } from '../../../src/monitoring/performance/index.ts';
import { encodeReferenceRows } from '../../../src/monitoring/reference/reference_rows.ts';
import { openPredictionLog } from '../../../src/prediction_log/prediction_log.ts';
import type { TensorSpec } from '../../../src/registry/signature.ts';
import type { PredictionEntry } from '../../../src/serving/prediction_sink.ts';
import type { Database } from '../../../src/storage/database.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';
import { callBy } from '../../access/origins.ts';
import { answered, failed } from '../../prediction_log/entries.ts';
import { seeder } from '../../registry/seed.ts';
import { describeOnEachDatabase } from '../../storage/databases.ts';
import { temporaryDirectory } from '../../temporary.ts';
import { uniforms } from '../drift/recipe.ts';
import { cases } from '../performance/cases.ts';
import { classified } from '../performance/recipe.ts';

const start = Date.UTC(2026, 0, 10, 12);
const hourMs = 3_600_000;
const classes = ['no', 'yes'];
const classifier: TensorSpec[] = [
  { name: 'label', datatype: 'BYTES', shape: [-1], role: 'label', classes },
  { name: 'probabilities', datatype: 'FP32', shape: [-1, 2], role: 'probabilities' },
];

describeOnEachDatabase('live performance', (store) => {
  let database: Database;
  let log: ReturnType<typeof openPredictionLog>;
  let seed: ReturnType<typeof seeder>;
  let models = 0;

  beforeAll(async () => {
    ({ database } = await store.open());
    seed = seeder(database, store.address.directory);
    log = openPredictionLog({
      ...store.address,
      database,
      logger: createLogger({ directory: temporaryDirectory(), level: 'error' }),
    });
    return log.close;
  });

  const dependencies = () => ({
    database,
    flushLog: log.flushForReading,
    measure: createMeasurer({ ...store.address, database }),
    dropThreshold: 0.1,
  });
  const read = (modelId: string, given: Partial<PerformanceRequest> = {}) =>
    readPerformance(dependencies(), {
      modelId,
      since: start - hourMs,
      until: start + 23 * hourMs,
      byVersion: false,
      chart: false,
      ...given,
    });

  async function newModel(versions: string[], outputs: TensorSpec[] = classifier): Promise<string> {
    const modelId = `live-${++models}`;
    for (const version of versions) await seed({ modelId, version });
    await database
      .updateTable('versions')
      .set({ signature: JSON.stringify({ inputs: [], outputs, features: [] }) })
      .where('model_id', '=', modelId)
      .execute();
    return modelId;
  }

  /** A call of one row that said yes with probability p. */
  function said(
    modelId: string,
    p: number,
    actual: boolean | null,
    given: Partial<PredictionEntry> = {},
  ): PredictionEntry {
    return answered({
      modelId,
      at: start,
      features: null,
      values: [p > 0.5 ? 'yes' : 'no'],
      probabilities: [
        [
          ['no', 1 - p],
          ['yes', p],
        ],
      ],
      ...(actual !== null && { outcomes: [actual ? 'yes' : 'no'] }),
      ...given,
    });
  }
  const append = (entries: readonly PredictionEntry[]) => Promise.all(entries.map(log.append));

  /** Rows of a reference, as set_reference_data keeps them. */
  async function setReference(modelId: string, rows: ReturnType<typeof classified>): Promise<void> {
    const { actual, predicted, probabilities, classes: names } = rows;
    const codes = (labels: readonly (string | null)[]) =>
      Int32Array.from(labels, (label) => names.indexOf(label ?? ''));
    const width = names.length;
    const bytes = encodeReferenceRows({
      rows: actual.length,
      features: [],
      values: [{ name: 'prediction', kind: 'categorical', categories: names, codes: codes(predicted) }],
      probabilities: names.map((label, index) => ({
        label,
        values: (probabilities?.values ?? new Float64Array()).filter((_, cell) => cell % width === index),
      })),
      outcome: { name: 'outcome', kind: 'categorical', categories: names, codes: codes(actual) },
    });
    const reference_id = `reference of ${modelId}`;
    await database
      .insertInto('references')
      .values({
        reference_id,
        model_id: modelId,
        version: '1',
        created_at: start,
        created_by: 'operator',
        source: 'test',
        row_count: actual.length,
      })
      .execute();
    await database
      .insertInto('reference_rows')
      .values({ reference_id, row_count: actual.length, outcomes: actual.length, bytes: Buffer.from(bytes) })
      .execute();
  }

  test('draws the course of time where there is one', async () => {
    const modelId = await newModel(['1']);
    const drawn = async () => (await read(modelId, { version: '1', chart: true })).charts.length;
    await append([said(modelId, 0.9, true), said(modelId, 0.2, false)]);
    expect(await drawn()).toBe(1);
    await append([said(modelId, 0.8, true, { at: start + 3 * hourMs })]);
    expect(await drawn()).toBe(2);
  });

  test('of two classes the second of the model is the positive one, whatever its name', async () => {
    const named = (names: [string, string]): TensorSpec[] => [
      { name: 'label', datatype: 'BYTES', shape: [-1], role: 'label', classes: names },
      { name: 'probabilities', datatype: 'FP32', shape: [-1, 2], role: 'probabilities' },
    ];
    const modelId = await newModel(['1'], named(['kept', 'churned']));
    const row = (value: string, outcome: string) =>
      answered({ modelId, at: start, features: null, values: [value], outcomes: [outcome] });
    await append([
      row('churned', 'churned'),
      row('churned', 'kept'),
      row('kept', 'kept'),
      row('kept', 'kept'),
      row('kept', 'moved away'),
    ]);
    const { primary } = await read(modelId, { version: '1' });
    expect(primary.measured).toMatchObject({
      task: 'classification',
      performance: {
        task: 'binary',
        positive_class: 'churned',
        metrics: { accuracy: { value: 3 / 5 }, precision: { value: 1 / 2 }, recall: { value: 1 } },
        notes: [
          '1 rows turned out to be neither "churned" nor "kept": no answer to them was right, and they count as not "churned".',
        ],
      },
    });
  });

  test('counts calls, failures and rows of the window alone, and says where there is not enough', async () => {
    const modelId = await newModel(['1', '2']);
    await append([
      ...[0.2, 0.9, 0.8].map((p) => said(modelId, p, p > 0.5)),
      said(modelId, 0.3, null),
      failed({ modelId, at: start }),
      said(modelId, 0.9, false, { at: start - 2 * hourMs }),
      said(modelId, 0.9, false, { route: 'shadow', shadow: { primaryVersion: '2', agreed: 0 } }),
      said(modelId, 0.9, true, { version: '2' }),
    ]);
    const { primary, warnings } = await read(modelId, { version: '1' });
    expect(primary).toMatchObject({ answered: 4, withOutcome: 3, changes: [], estimate: undefined });
    expect(primary.calls).toMatchObject({
      calls: 5,
      errors: 1,
      errorRate: { value: 0.2 },
      peakCallsPerMinute: 5,
    });
    expect(primary.calls.latencyMs.p50).toBeCloseTo(2, 1);
    expect(primary.measured).toMatchObject({
      performance: { count: 3, metrics: { accuracy: { value: 1 } } },
    });
    expect(warnings).toEqual([expect.stringMatching(/Other versions were called too \(2\)/)]);
    const both = await read(modelId, { version: '1', byVersion: true });
    expect(both.versions.map(({ record, answered: rows }) => [record.version, rows])).toEqual([
      ['1', 4],
      ['2', 1],
    ]);
    const nothing = await read(modelId, {
      version: '2',
      since: start - 9 * hourMs,
      until: start - 8 * hourMs,
    });
    expect(nothing.primary).toMatchObject({ answered: 0, withOutcome: 0, calls: { calls: 0 } });
  });

  test('estimates without outcomes what NannyML does, and sees a drop with them', async () => {
    const [{ reference, current, expected } = { reference: null, current: null, expected: null }] =
      cases.cbpe;
    if (reference === null || current === null || expected === null) throw new Error('no case');
    const [before, now] = [classified(reference), classified(current)];
    const names = before.classes;
    const modelId = await newModel(
      ['1'],
      [
        { name: 'label', datatype: 'BYTES', shape: [-1], role: 'label', classes: names },
        { name: 'probabilities', datatype: 'FP32', shape: [-1, 2], role: 'probabilities' },
      ],
    );
    await setReference(modelId, before);
    const width = names.length;
    const entries = now.predicted.map((label, row) =>
      answered({
        modelId,
        at: start,
        features: null,
        values: [label],
        probabilities: [
          names.map((name, index): [string, number] => [
            name,
            now.probabilities?.values[row * width + index] ?? Number.NaN,
          ]),
        ],
      }),
    );
    await append(entries);
    const { primary } = await read(modelId, { version: '1' });
    expect(primary.withOutcome).toBe(0);
    expect(primary.estimate?.count).toBe(now.predicted.length);
    expect(primary.estimate?.accuracy.value).toBeCloseTo(expected.accuracy, 6);
    expect(primary.estimate?.roc_auc.value).toBeCloseTo(expected.auc, 6);
    const fitted = fitEstimator(before, { classes: names });
    const direct =
      fitted.estimator && now.probabilities
        ? estimatePerformance(fitted.estimator, {
            predicted: now.predicted,
            probabilities: now.probabilities,
          })
        : undefined;
    expect(primary.estimate?.accuracy).toEqual(direct?.accuracy);
    const standings: Standing[] = [];
    const asked = {
      ...dependencies(),
      measured: (_model: string, _version: string, standing: Standing) => standings.push(standing),
    };
    const evidence = await performanceEvidence(asked, modelId, '1', start + hourMs);
    expect(evidence).toMatchObject({ metric: 'accuracy', isEstimate: true, outcomes: now.predicted.length });
    const estimated = { value: direct?.accuracy.value, low: direct?.accuracy.band?.low };
    expect(standings).toMatchObject([
      {
        outcomes: 0,
        metrics: {},
        estimate: { rows: now.predicted.length, metrics: { accuracy: estimated } },
      },
    ]);

    // Now outcomes come, and the model is nearly always wrong.
    const wrong = (label: string | null) => names.find((name) => name !== label) ?? '';
    await append(
      entries.slice(0, 200).map((entry, row) => ({
        ...entry,
        at: start + 1000,
        predictionIds: [`with outcome ${modelId} ${row}`],
        outcomes: [row % 10 === 0 ? entry.values[0] : wrong(String(entry.values[0]))],
      })),
    );
    const later = await read(modelId, { version: '1' });
    expect(later.primary.withOutcome).toBe(200);
    const drop = later.primary.reference?.drops.find(({ metric }) => metric === 'accuracy')?.drop;
    expect(drop).toMatchObject({ dropped: true, detail: expect.stringMatching(/to 0\.1, worse by/) });
    expect(await performanceEvidence(asked, modelId, '1', start + hourMs)).toMatchObject({
      current: 0.1,
      outcomes: 200,
      isEstimate: false,
    });
    expect(standings.at(-1)).toMatchObject({ outcomes: 200, metrics: { accuracy: { value: 0.1 } } });
  });

  test('is measured without a reference too, where there are outcomes and somebody wants to know', async () => {
    const modelId = await newModel(['1']);
    const standings: Standing[] = [];
    const asked = {
      ...dependencies(),
      measured: (_model: string, _version: string, standing: Standing) => standings.push(standing),
    };
    const measure = async () => {
      await log.flush();
      expect(await performanceEvidence(asked, modelId, '1', start + hourMs)).toBeUndefined();
    };
    await append([answered({ modelId, at: start, values: ['yes'] })]);
    await measure();
    expect(standings).toEqual([]);
    await append(
      Array.from({ length: 8 }, (_, row) =>
        answered({
          modelId,
          at: start,
          predictionIds: [`${modelId} ${row}`],
          values: ['yes'],
          outcomes: [row < 6 ? 'yes' : 'no'],
        }),
      ),
    );
    await measure();
    expect(standings).toMatchObject([
      { outcomes: 8, metrics: { accuracy: { value: 0.75, low: expect.any(Number) } }, estimate: null },
    ]);
  });

  test('raises an alert for any metric that dropped, of outcomes that came days late too', async () => {
    const modelId = await newModel(['1']);
    const isFraud = (row: number) => row % 100 === 0;
    const labelOf = (is: boolean) => (is ? 'yes' : 'no');
    const size = 4000;
    const rows = Array.from({ length: size }, (_, row) => row);
    const actual = rows.map((row) => labelOf(isFraud(row)));
    await setReference(modelId, {
      classes,
      actual,
      // 34 of 40 are found.
      predicted: rows.map((row) => labelOf(isFraud(row) && row >= 600)),
      probabilities: { classes, values: Float64Array.from(rows.flatMap(() => [0.5, 0.5])) },
    });
    // The model never says yes any more; accuracy is 0.99 as before.
    const ids = rows.map((row) => `${modelId} ${row}`);
    await append([
      answered({
        modelId,
        at: start,
        features: null,
        predictionIds: ids,
        values: rows.map(() => 'no'),
        probabilities: rows.map(() => null),
      }),
    ]);
    await log.flush();
    const now = start + 5 * 24 * hourMs;
    expect(await performanceEvidence(dependencies(), modelId, '1', now)).toBeUndefined();
    const outcomes = ids.map((predictionId, row) => ({ predictionId, actual: actual[row] }));
    const report = await recordOutcomes(
      { database, flushLog: log.flush, allowedRoots: [], clock: () => now },
      modelId,
      { kind: 'records', outcomes },
      callBy('operator'),
    );
    expect(report.warnings).toEqual([
      'All are older than what get_performance looks at by default. 4000 of 2026-01-10T12:00Z to 2026-01-10T12:00Z: window_hours=121 shows them.',
    ]);
    const evidence = await performanceEvidence(dependencies(), modelId, '1', now);
    expect(evidence).toMatchObject({ outcomes: size, isEstimate: false });
    const verdict = judgePerformance(modelId, '1', evidence, 0.1);
    expect(verdict).toMatchObject({ state: 'firing', severity: 'critical' });
    expect('summary' in verdict && verdict.summary).toMatch(/recall 0 \(reference 0\.85\)/);
    // get_performance says the same, and where to look when its window has none.
    const seen = await read(modelId, { version: '1', since: start - hourMs, until: now });
    expect(
      seen.primary.reference?.drops.filter(({ drop }) => drop.dropped).map(({ metric }) => metric),
    ).toContain('recall');
    const none = await read(modelId, { version: '1', since: now - 24 * hourMs, until: now });
    expect(none.primary.notes.join()).toContain(
      'No prediction of this window has an outcome. 4000 of 2026-01-10T12:00Z',
    );
    // Months later nothing new has come: the newest outcomes there are still count.
    expect(await performanceEvidence(dependencies(), modelId, '1', now + 40 * 24 * hourMs)).toMatchObject({
      outcomes: size,
    });
  });

  test('is measured again for who asks every minute when it has rested ten times as long as that took', async () => {
    const [{ reference } = { reference: null }] = cases.cbpe;
    if (reference === null) throw new Error('no case');
    const modelId = await newModel(['1']);
    await setReference(modelId, classified(reference));
    const given = dependencies();
    let [now, measured] = [start, 0];
    const measure: Measurer = (request) => {
      measured++;
      now += 3000;
      return given.measure(request);
    };
    const evidence = restingEvidence({ ...given, measure }, () => now);
    for (const [at, expected] of [
      [start, 1],
      [start + 32_999, 1],
      [start + 33_000, 2],
    ] as const) {
      now = at;
      // There are no predictions to hold against the reference.
      expect(await evidence(modelId, '1', at)).toBeUndefined();
      expect(measured).toBe(expected);
    }
  });

  /** A route by halves of a model whose versions 1 and 2 are right in these shares of calls. */
  async function experiment(calls: [number, number], right: [number, number], entities = false) {
    const modelId = await newModel(['1', '2']);
    const routeSetAt = start - 10 * hourMs;
    await database
      .insertInto('deployments')
      .values(
        ['1', '2'].map((version) => ({
          model_id: modelId,
          version,
          deployed_at: start,
          deployed_by: 'operator',
          error_threshold: null,
          latency_threshold_ms: null,
          instances: 1,
          probe: null,
          probed_at: null,
          probe_failure: null,
        })),
      )
      .execute();
    await database
      .insertInto('routes')
      .values({
        model_id: modelId,
        active_version: '1',
        weights: JSON.stringify([
          ['1', 0.5],
          ['2', 0.5],
        ]),
        sticky: 1,
        shadow_version: null,
        changed_at: routeSetAt,
        changed_by: 'operator',
      })
      .execute();
    const uniform = uniforms(7);
    for (const [arm, count] of calls.entries())
      await append(
        Array.from({ length: count }, (_, call) =>
          said(modelId, 0.9, uniform() < (right[arm] ?? 0), {
            version: String(arm + 1),
            route: 'weighted',
            routeSetAt,
            at: start + call,
            latencyMs: 1 + uniform(),
            entityKey: entities ? `customer ${call % 50} of ${arm}` : null,
          }),
        ),
      );
    // Neither is a part of the experiment.
    await append([
      said(modelId, 0.9, false, { version: '2', route: 'pinned' }),
      said(modelId, 0.9, false, { version: '2', route: 'weighted', routeSetAt: routeSetAt - hourMs }),
    ]);
    return (await read(modelId, { byVersion: true, since: start - 20 * hourMs })).comparison;
  }

  test('names the better version, by what the weights sent to each', async () => {
    const comparison = await experiment([1000, 1000], [0.6, 0.9]);
    const half = { weight: 0.5, units: 1000, calls: 1000, errors: 0, isShadow: false };
    expect(comparison?.arms).toEqual([
      { version: '1', ...half, value: expect.closeTo(0.6, 1) },
      { version: '2', ...half, value: expect.closeTo(0.9, 1) },
    ]);
    expect(comparison?.winner).toBe('2');
    const [accuracy, errorRate] = comparison?.comparisons ?? [];
    expect(accuracy).toMatchObject({ metric: 'accuracy', versionA: '1', versionB: '2', verdict: 'b_better' });
    expect(accuracy?.interval?.low).toBeGreaterThan(0);
    expect(errorRate).toMatchObject({ metric: 'error_rate', verdict: 'not_enough_data' });
    const same = await experiment([1000, 1000], [0.8, 0.8]);
    expect(same?.comparisons[0]?.verdict).toBe('no_difference_yet');
    expect(same?.winner).toBeUndefined();
  });

  test('gives no verdict where calls were not split as configured, counted in entities', async () => {
    const comparison = await experiment([1000, 700], [0.6, 0.9]);
    expect(comparison?.sampleRatio.is_mismatch).toBe(true);
    expect(comparison?.comparisons.map(({ verdict }) => verdict)).toEqual([null, null]);
    expect(comparison?.winner).toBeUndefined();
    // The same calls of fifty customers each are shared out as they should be.
    const byEntity = await experiment([1000, 700], [0.6, 0.9], true);
    expect(byEntity?.arms.map(({ units }) => units)).toEqual([50, 50]);
    expect(byEntity?.sampleRatio.is_mismatch).toBe(false);
    expect(byEntity?.comparisons[0]?.verdict).toBe('b_better');
  });
});
