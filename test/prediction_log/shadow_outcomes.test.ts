import { uuidv7 } from 'uuidv7';
import { beforeAll, describe, expect, test } from 'vitest';
import { recordOutcomes } from '../../src/monitoring/outcomes/record_outcomes.ts';
import { countWindow } from '../../src/prediction_log/count_window.ts';
import { listPredictions } from '../../src/prediction_log/list.ts';
import { mergeSegments } from '../../src/prediction_log/merge_segments.ts';
import { openPredictionLog } from '../../src/prediction_log/prediction_log.ts';
import { holdSeen, outcomesChanged, withPrimaryOutcomes } from '../../src/prediction_log/shadow_outcomes.ts';
import type { TensorSpec } from '../../src/registry/signature.ts';
import type { PredictionEntry } from '../../src/serving/prediction_sink.ts';
import { shadowIdOf } from '../../src/serving/shadow_id.ts';
import type { Database } from '../../src/storage/database.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { callBy } from '../access/origins.ts';
import { seeder } from '../registry/seed.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';
import { temporaryDirectory } from '../temporary.ts';
import { answered } from './entries.ts';

const start = Date.UTC(2026, 0, 10, 12);
const yesNo: TensorSpec[] = [
  { name: 'label', datatype: 'BYTES', shape: [-1], role: 'label', classes: ['no', 'yes'] },
];

describeOnEachDatabase('a shadow’s rows have the outcomes of their primaries', (store) => {
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

  /** A model whose version 2 is a shadow. */
  async function newModel(outputs?: { version: string; outputs: TensorSpec[] }): Promise<string> {
    const modelId = `shadowed-${++models}`;
    for (const version of ['1', '2']) await seed({ modelId, version });
    if (outputs !== undefined)
      await database
        .updateTable('versions')
        .set({ signature: JSON.stringify({ inputs: [], outputs: outputs.outputs, features: [] }) })
        .where('model_id', '=', modelId)
        .where('version', '=', outputs.version)
        .execute();
    return modelId;
  }
  const primaryOf = (modelId: string, ids: string[], given: Partial<PredictionEntry> = {}): PredictionEntry =>
    answered({
      modelId,
      at: start,
      predictionIds: ids,
      features: null,
      values: ids.map(() => 1),
      probabilities: ids.map(() => null),
      ...given,
    });
  const shadowOf = (primary: PredictionEntry, areCallers = false): PredictionEntry => ({
    ...primary,
    at: primary.at + 3,
    version: '2',
    route: 'shadow',
    predictionIds: primary.predictionIds.map((id) => shadowIdOf(id, areCallers)),
    digests: undefined,
    shadow: {
      primaryVersion: primary.version,
      agreed: primary.values.length,
      rows: primary.values.length,
      agrees: primary.values.map(() => true),
      primaryValues: primary.values,
      primaryLatencyMs: 4,
    },
  });
  const record = (modelId: string, ...pairs: [string, unknown][]) =>
    recordOutcomes(
      { database, flushLog: log.flush, allowedRoots: [], clock: () => start },
      modelId,
      { kind: 'records', outcomes: pairs.map(([predictionId, actual]) => ({ predictionId, actual })) },
      callBy('operator'),
    );
  /** The actual values of a version's rows in the order of their ids. */
  const actualsOf = async (modelId: string, version: string) => {
    const { predictions } = await listPredictions(database, { modelId, version, only: 'all', limit: 1000 });
    return predictions
      .sort((a, b) => (a.predictionId < b.predictionId ? -1 : 1))
      .map(({ actual }) => actual ?? null);
  };
  const counts = (modelId: string, version: string) =>
    countWindow(database, { modelId, version, since: 0, until: start + 1e9 });

  test('recorded when both are in the log, corrected and repeated; counts tell them apart', async () => {
    const modelId = await newModel();
    const ids = [uuidv7(), uuidv7()];
    const [a = '', b = ''] = ids;
    const primary = primaryOf(modelId, ids);
    await Promise.all([primary, shadowOf(primary)].map(log.append));
    expect(await record(modelId, [a, 7])).toMatchObject({ matched: 1, shadows: 1, unknown: [] });
    expect(await actualsOf(modelId, '2')).toEqual([7, null]);
    expect(await record(modelId, [a, 7])).toMatchObject({ matched: 0, alreadySet: 1, shadows: 0 });
    expect(await record(modelId, [a, '8'], [b, 2])).toMatchObject({ matched: 2, replaced: 1, shadows: 2 });
    expect(await actualsOf(modelId, '1')).toEqual([8, 2]);
    expect(await actualsOf(modelId, '2')).toEqual([8, 2]);
    // What is missing takes nothing back, here or there.
    expect(await record(modelId, [a, null])).toMatchObject({ empty: 1, shadows: 0, warnings: [] });
    expect(await actualsOf(modelId, '2')).toEqual([8, 2]);
    expect(await counts(modelId, '1')).toEqual({
      answered: 2,
      withOutcome: 2,
      shadows: 0,
      shadowsWithOutcome: 0,
    });
    const ofShadow = { answered: 0, withOutcome: 0, shadows: 2, shadowsWithOutcome: 2 };
    expect(await counts(modelId, '2')).toEqual(ofShadow);
    // A window that cuts its segment counts row by row.
    await log.append(shadowOf(primaryOf(modelId, [uuidv7()], { at: start + 2e9 })));
    await log.flush();
    await mergeSegments(database, { now: () => start + 1e12, maxWeight: 1e9 });
    expect(await counts(modelId, '2')).toEqual(ofShadow);
  });

  test('that come to the log after the outcome', async () => {
    const modelId = await newModel();
    const ids = [uuidv7(), uuidv7(), uuidv7()].sort();
    const [a = '', b = ''] = ids;
    const primary = primaryOf(modelId, ids);
    await log.append(primary);
    expect(await record(modelId, [a, 1], [b, 2])).toMatchObject({ matched: 2, shadows: 0 });
    await log.append(shadowOf(primary));
    await log.flush();
    expect(await actualsOf(modelId, '2')).toEqual([1, 2, null]);
    expect(await counts(modelId, '2')).toMatchObject({ shadows: 3, shadowsWithOutcome: 2 });
    // The primary's segment is another by now.
    await log.append(primaryOf(modelId, [uuidv7()], { at: start + 5 }));
    await log.flush();
    await mergeSegments(database, { now: () => start + 1e12, maxWeight: 1e9 });
    await record(modelId, [a, 5]);
    expect(await actualsOf(modelId, '2')).toEqual([5, 2, null]);
  });

  test('with ids of the caller’s own, whatever they look like', async () => {
    const modelId = await newModel();
    const looksLikeOurs = uuidv7();
    const ids = ['order 7', 'ORDER-8', looksLikeOurs, shadowIdOf(looksLikeOurs, false), 'x~shadow'];
    const primary = primaryOf(modelId, ids);
    await log.append(primary);
    await record(modelId, ['order 7', 1]);
    await log.append(shadowOf(primary, true));
    await record(modelId, [' ORDER-8 ', 2], [looksLikeOurs, 3], ['x~shadow', 5]);
    const { predictions } = await listPredictions(database, { modelId, only: 'with_outcome', limit: 100 });
    const known = new Map(predictions.map(({ predictionId, actual }) => [predictionId, actual]));
    expect(known).toEqual(
      new Map([
        ['order 7', 1],
        ['order 7~shadow', 1],
        ['ORDER-8', 2],
        ['ORDER-8~shadow', 2],
        [looksLikeOurs, 3],
        [`${looksLikeOurs}~shadow`, 3],
        ['x~shadow', 5],
        ['x~shadow~shadow', 5],
      ]),
    );
  });

  test('as the shadow’s own version answers; of another kind it has none, which is said', async () => {
    const modelId = await newModel({ version: '1', outputs: yesNo });
    const [a, b] = [uuidv7(), uuidv7()];
    const primary = primaryOf(modelId, [a, b], { values: ['yes', 'no'] });
    await Promise.all([primary, shadowOf(primary)].map(log.append));
    // Version 2 answers numbers.
    const report = await record(modelId, [a, 'YES'], [b, 'no']);
    expect(report).toMatchObject({ matched: 2, shadows: 0 });
    expect(report.warnings.join()).toContain('2 rows of a shadow version');
    expect(await actualsOf(modelId, '1')).toEqual(['yes', 'no']);
    expect(await actualsOf(modelId, '2')).toEqual([null, null]);
  });

  test('a row that the shadow failed has none', async () => {
    const modelId = await newModel();
    const id = uuidv7();
    const primary = primaryOf(modelId, [id]);
    const error = { code: 'TIMEOUT' as const, message: 'too slow' };
    const lost = { ...shadowOf(primary), values: [], probabilities: [], error };
    await Promise.all([primary, shadowOf(primary), lost].map(log.append));
    expect(await record(modelId, [id, 4])).toMatchObject({ matched: 1, shadows: 1 });
    expect(await counts(modelId, '2')).toMatchObject({ shadows: 2, shadowsWithOutcome: 1 });
  });

  describe('while outcomes and rows come at the same time', () => {
    test('a move that read outcomes which have changed since is done again', async () => {
      const modelId = await newModel();
      const id = uuidv7();
      const primary = primaryOf(modelId, [id]);
      await log.append(primary);
      await log.flush();
      const { seen, entries } = await withPrimaryOutcomes(database, [shadowOf(primary)]);
      expect(seen.size).toBe(1);
      expect(entries[0]?.outcomes).toBeUndefined();
      await record(modelId, [id, 9]);
      const hold = (segments: typeof seen) =>
        database.transaction().execute((transaction) => holdSeen(transaction, segments));
      await expect(hold(seen)).rejects.toBe(outcomesChanged);
      const again = await withPrimaryOutcomes(database, [shadowOf(primary)]);
      expect(again.entries[0]?.outcomes).toEqual([9]);
      await hold(again.seen);
    });

    test('none is lost', async () => {
      const modelId = await newModel();
      const primaries = Array.from({ length: 40 }, () => primaryOf(modelId, [uuidv7()]));
      for (const primary of primaries) {
        await log.append(primary);
        await log.flush();
      }
      const moveShadows = async () => {
        for (const primary of primaries) await log.append(shadowOf(primary)).then(log.flush);
      };
      const recordAll = async () => {
        for (const [index, primary] of primaries.entries())
          await record(modelId, [primary.predictionIds[0] ?? '', index + 1]);
      };
      await Promise.all([moveShadows(), recordAll()]);
      expect(await actualsOf(modelId, '2')).toEqual(await actualsOf(modelId, '1'));
      expect(new Set(await actualsOf(modelId, '2')).size).toBe(40);
    });
  });
});
