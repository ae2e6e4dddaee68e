import { beforeAll, describe, expect, test } from 'vitest';
import { type Evidence, gatherEvidence } from '../../../src/monitoring/alerts/evidence.ts';
import { createEvidenceGatherer } from '../../../src/monitoring/alerts/evidence_gatherer.ts';
import { listAlerts } from '../../../src/monitoring/alerts/list_alerts.ts';
import { setReference } from '../../../src/monitoring/reference/set_reference_data.ts';
import type { WindowRequest } from '../../../src/prediction_log/log_window.ts';
import { readWindow } from '../../../src/prediction_log/window.ts';
import type { PredictionEntry } from '../../../src/serving/prediction_sink.ts';
import { callBy } from '../../access/origins.ts';
import { answered } from '../../prediction_log/entries.ts';
import { describeOnEachDatabase } from '../../storage/databases.ts';
import { intervalMs, openWatchedStore, type WatchedStore } from './watching.ts';

const minuteMs = 60_000;
const hourMs = 3_600_000;

describeOnEachDatabase('the evidence for alerts', (store) => {
  let watched: WatchedStore;
  let next = 0;
  beforeAll(async () => {
    watched = await openWatchedStore(store);
    return watched.log.close;
  });

  const request = () => ({
    now: watched.now(),
    thresholds: { errorRate: 0.1, latencyMs: 1000 },
    drift: { significance: 0.05, missingThreshold: 0.02 },
  });
  async function gather(): Promise<Evidence> {
    await watched.log.flush();
    return gatherEvidence(watched.database, request(), watched.now);
  }
  let routeSetAt = 0;
  async function deploy(...versions: string[]): Promise<string> {
    const modelId = `e${next++}`;
    routeSetAt = watched.now();
    await watched.deploy(modelId, ...(versions.length === 0 ? ['1'] : versions));
    return modelId;
  }
  const log = (entries: readonly PredictionEntry[]) => Promise.all(entries.map(watched.log.append));
  const versionOf = (evidence: Evidence, modelId: string) =>
    evidence.versions.find((version) => version.modelId === modelId);
  const routeOf = (evidence: Evidence, modelId: string) =>
    evidence.routes.find((route) => route.modelId === modelId);

  describe('of calls', () => {
    test('is of the last ten minutes, or of as many more as twenty calls take', async () => {
      const modelId = await deploy();
      const at = (minutes: number, count: number, latencyMs: number) =>
        Array.from({ length: count }, () =>
          answered({ modelId, at: watched.now() - minutes * minuteMs, latencyMs }),
        );
      await log([...at(61, 50, 9), ...at(40, 5, 7), ...at(30, 10, 8), ...at(5, 8, 10)]);
      expect(versionOf(await gather(), modelId)?.calls).toMatchObject({ calls: 23, errors: 0, minutes: 40 });
      await log(at(1, 12, 100));
      const { calls } = versionOf(await gather(), modelId) ?? {};
      expect(calls).toMatchObject({ calls: 20, minutes: 10 });
      // 1 % is what the sketch of latencies promises.
      expect(Math.abs((calls?.p50 ?? 0) - 100)).toBeLessThanOrEqual(1);
      expect(Math.abs((calls?.p95 ?? 0) - 100)).toBeLessThanOrEqual(1);
    });

    test('there is none of a version that nobody called', async () => {
      const modelId = await deploy();
      expect(versionOf(await gather(), modelId)).toMatchObject({
        calls: { calls: 0, p95: null, p95AtLeast: null },
        breaker: undefined,
        drift: undefined,
      });
      expect(routeOf(await gather(), modelId)?.traffic).toBeUndefined();
    });

    test('the p95 of twenty calls with two slow ones is not above it for certain', async () => {
      const modelId = await deploy();
      await watched.serve(modelId, { answered: 18, latencyMs: 10 });
      await watched.serve(modelId, { answered: 2, latencyMs: 5000 });
      const { calls } = versionOf(await gather(), modelId) ?? {};
      expect(calls?.p95).toBeGreaterThan(4900);
      expect(calls?.p95AtLeast).toBeLessThan(11);
    });
  });

  describe('of drift', () => {
    const rows = (modelId: string, count: number, shift: number) =>
      Array.from({ length: count }, (_, index) => {
        const x = index / count + shift;
        return answered({ modelId, at: watched.now(), features: [['x', [x]]], values: [2 * x] });
      });
    const monitoring = () => ({
      database: watched.database,
      flushLog: watched.log.flushForReading,
      readWindow: (request: WindowRequest) => readWindow(watched.database, request),
      scorer: async (_: unknown, records: readonly Record<string, unknown>[]) =>
        records.map(({ x }) => ({ value: 2 * Number(x), probabilities: undefined })),
      allowedRoots: [],
      clock: watched.now,
    });
    const setNewReference = (modelId: string, shift = 0) =>
      setReference(
        monitoring(),
        {
          modelId,
          version: '1',
          rows: {
            kind: 'records',
            records: Array.from({ length: 500 }, (_, index) => ({ x: index / 500 + shift })),
          },
        },
        callBy('operator'),
      );

    test('has the calls that came after it was asked for, when it counts them', async () => {
      const modelId = await deploy();
      await setNewReference(modelId);
      const asked = request();
      watched.pass(1000);
      await log(rows(modelId, 100, 0.5));
      await watched.log.flush();
      const evidence = await gatherEvidence(watched.database, asked, watched.now);
      expect(versionOf(evidence, modelId)?.drift).toMatchObject({ rows: 100 });
    });

    test('is gathered with a reference and new rows only, and is one alert that names all that drifted', async () => {
      const modelId = await deploy();
      const { watch } = await watched.start();
      const evaluate = async () => {
        watched.pass(intervalMs);
        await watch.tick();
      };
      await evaluate();
      await log(rows(modelId, 100, 0.5));
      expect(versionOf(await gather(), modelId)?.drift).toBeUndefined();
      await setNewReference(modelId);
      expect(versionOf(await gather(), modelId)?.drift).toMatchObject({
        rows: 100,
        judged: 2,
        drifted: [{ name: expect.any(String) }, { name: expect.any(String) }],
        missing: [],
      });
      await evaluate();
      const alerts = async () => (await listAlerts(watched.database, { modelId, limit: 10 })).alerts;
      expect(await alerts()).toMatchObject([
        {
          state: 'open',
          rules: ['drift'],
          severity: 'critical',
          summary: expect.stringMatching(
            /^2 of 2 features and predictions drifted in 100 rows: "(x|prediction)", "(x|prediction)"\.$/,
          ),
          facts: { drift: { drifted_total: 2 } },
        },
      ]);
      // No new rows: it was looked at, and is not looked at again.
      expect(versionOf(await gather(), modelId)?.drift).toBeUndefined();
      for (let round = 0; round < 4; round++) await evaluate();
      expect(await alerts()).toMatchObject([{ state: 'open' }]);
      // A reference that fits is a reason to look; then it takes new rows to be sure.
      await setNewReference(modelId, 0.5);
      for (let round = 0; round < 3; round++) {
        expect(await alerts()).toMatchObject([{ state: 'open' }]);
        await evaluate();
        await log(rows(modelId, 100, 0.5));
      }
      expect(await alerts()).toMatchObject([{ state: 'resolved' }]);
      await watch.close();
    });

    test('a report that took long leaves the processor alone ten times as long', async () => {
      const modelId = await deploy();
      await log(rows(modelId, 40, 0));
      await setNewReference(modelId);
      const evaluatedAt = watched.now();
      const [row] = (await gather()).driftEvaluations;
      await watched.database
        .insertInto('drift_evaluations')
        .values({
          model_id: modelId,
          version: '1',
          reference_id: row?.referenceId ?? '',
          calls: row?.calls ?? 0,
          evaluated_at: evaluatedAt,
          took_ms: 30_000,
        })
        .execute();
      await log(rows(modelId, 1, 0));
      watched.pass(299_999);
      expect(versionOf(await gather(), modelId)?.drift).toBeUndefined();
      watched.pass(1);
      expect(versionOf(await gather(), modelId)?.drift).toBeDefined();
    });

    test('four versions at most are compared in one evaluation, the longest neglected first', async () => {
      const models: string[] = [];
      for (let count = 0; count < 6; count++) {
        const modelId = await deploy();
        models.push(modelId);
        await log(rows(modelId, 40, 0));
        await setNewReference(modelId);
      }
      const compared: string[] = [];
      const { watch } = await watched.start({
        gather: async (given) => {
          const evidence = await gatherEvidence(watched.database, given, watched.now);
          expect(evidence.driftEvaluations.length).toBeLessThanOrEqual(4);
          compared.push(...evidence.driftEvaluations.map(({ modelId }) => modelId));
          return evidence;
        },
      });
      for (let round = 0; round < 5; round++) {
        watched.pass(intervalMs);
        await watch.tick();
      }
      expect(compared.filter((modelId) => models.includes(modelId)).toSorted()).toEqual(models.toSorted());
      await watch.close();
    });

    test('missing values that became more are told apart from values that moved', async () => {
      const modelId = await deploy();
      await setNewReference(modelId);
      const entries = Array.from({ length: 200 }, (_, index) =>
        answered({
          modelId,
          at: watched.now(),
          features: [['x', [index % 2 === 0 ? null : index / 200]]],
          values: [index / 100],
        }),
      );
      await log(entries);
      expect(versionOf(await gather(), modelId)?.drift).toMatchObject({
        drifted: [],
        missing: [{ name: 'x', before: 0, now: 0.5, severity: 'high' }],
      });
    });

    test('a report that cannot be made is a failure of its own; the rest goes on', async () => {
      const modelId = await deploy();
      await log(rows(modelId, 40, 0));
      await setNewReference(modelId);
      await watched.database
        .updateTable('reference_columns')
        .set({ facts: 'no JSON' })
        .where('reference_id', 'in', (references) =>
          references.selectFrom('references').select('reference_id').where('model_id', '=', modelId),
        )
        .execute();
      const evidence = await gather();
      expect(evidence.failures).toEqual([expect.stringMatching(new RegExp(`^${modelId} 1: `))]);
      expect(versionOf(evidence, modelId)).toMatchObject({ calls: { calls: 40 }, drift: undefined });
      await watched.retire(modelId);
    });
  });

  describe('of traffic', () => {
    test('is the last call, and after a silence the week before it', async () => {
      const modelId = await deploy();
      const lastCallAt = watched.now();
      const hours = Array.from({ length: 30 }, (_, hour) =>
        answered({ modelId, at: lastCallAt - hour * hourMs }),
      );
      await log(hours);
      expect(routeOf(await gather(), modelId)?.traffic).toEqual({
        lastCallAt,
        history: undefined,
        isRefusing: false,
      });
      watched.pass(15 * minuteMs);
      expect(routeOf(await gather(), modelId)?.traffic).toEqual({
        lastCallAt,
        history: { calls: 30, activeHours: 30, longestGapMs: hourMs },
        isRefusing: false,
      });
      // The next call ends it.
      await watched.serve(modelId, { answered: 1 });
      expect(routeOf(await gather(), modelId)?.traffic).toMatchObject({ lastCallAt: watched.now() });
    });
  });

  describe('of shares', () => {
    const weighted = (modelId: string, version: string, given: Partial<PredictionEntry> = {}) =>
      answered({ modelId, version, at: watched.now(), route: 'weighted', routeSetAt, ...given });
    const assignmentsOf = async (modelId: string) => routeOf(await gather(), modelId)?.assignments;

    test('counts an entity once, a call without one as often as it was made, and neither pinned nor diverted calls', async () => {
      const modelId = await deploy('1', '2');
      const calls = [
        ...Array.from({ length: 50 }, () => weighted(modelId, '1', { entityKey: 'a faithful customer' })),
        weighted(modelId, '2', { entityKey: 'another' }),
        weighted(modelId, '2', {
          predictionIds: ['row 1', 'row 2', 'row 3'],
          features: null,
          values: [1, 2, 3],
          probabilities: [null, null, null],
          latencyMs: 3,
        }),
        weighted(modelId, '2', { route: 'pinned' }),
        weighted(modelId, '2', { route: 'fallback' }),
      ];
      await log(calls);
      expect(await assignmentsOf(modelId)).toEqual({
        units: new Map([
          ['1', 1],
          ['2', 2],
        ]),
        weights: new Map([
          ['1', 0.5],
          ['2', 0.5],
        ]),
      });
    });

    test('counts from the first call by the present weights on, and none that went by those before', async () => {
      const modelId = await deploy('1', '2');
      watched.pass(1);
      await log([
        weighted(modelId, '1', { routeSetAt: routeSetAt - 1 }),
        weighted(modelId, '1'),
        // Of a process that did not know yet.
        weighted(modelId, '1', { at: watched.now() + 400, routeSetAt: routeSetAt - 1 }),
      ]);
      watched.pass(500);
      expect((await assignmentsOf(modelId))?.units).toEqual(new Map([['1', 1]]));
    });

    test('tells calls of the same millisecond and latency apart', async () => {
      const modelId = await deploy('1', '2');
      const ids = (call: number) => Array.from({ length: 3 }, (_, row) => `call ${call} row ${row}`);
      const call = (number: number) =>
        weighted(modelId, '1', {
          predictionIds: ids(number),
          features: null,
          values: [1, 2, 3],
          probabilities: [null, null, null],
          latencyMs: 3,
        });
      await log([call(1), call(2), call(3), weighted(modelId, '2'), weighted(modelId, '2')]);
      expect((await assignmentsOf(modelId))?.units).toEqual(
        new Map([
          ['1', 3],
          ['2', 2],
        ]),
      );
    });

    test('says nothing of a route with one version, or after a breaker diverted calls', async () => {
      const alone = await deploy('1');
      const modelId = await deploy('1', '2');
      watched.pass(10_000);
      await watched.database
        .insertInto('breakers')
        .values({
          model_id: modelId,
          version: '1',
          reopens_at: null,
          open_ms: 30_000,
          trips: 1,
          last_tripped_at: watched.now(),
          last_reason: '20 of 20 calls failed',
        })
        .execute();
      await log([weighted(modelId, '1'), weighted(alone, '1')]);
      expect(await assignmentsOf(alone)).toBeUndefined();
      expect(await assignmentsOf(modelId)).toBeUndefined();
    });
  });

  test('is the same from the thread that gathers it in a server', async () => {
    const gatherer = createEvidenceGatherer({ databaseUrl: undefined, ...store.address });
    const expected = await gather();
    const given = { ...request() };
    const withoutTime = (evidence: Evidence) => ({
      ...evidence,
      driftEvaluations: evidence.driftEvaluations.map(({ tookMs: _, ...rest }) => rest),
    });
    expect(withoutTime(await gatherer.gather(given))).toEqual(withoutTime(expected));
    expect(expected.versions.length).toBeGreaterThan(5);
    const refused = expect(gatherer.gather(given)).rejects.toMatchObject({ code: 'CANCELLED' });
    await gatherer.close();
    await refused;
  });
});
