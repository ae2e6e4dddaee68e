import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { beforeAll, describe, expect, test } from 'vitest';
import type { GivenOutcomes } from '../../../src/monitoring/outcomes/given_outcomes.ts';
import { recordOutcomes } from '../../../src/monitoring/outcomes/record_outcomes.ts';
import { listPredictions } from '../../../src/prediction_log/list.ts';
import { mergeSegments } from '../../../src/prediction_log/merge_segments.ts';
import { countOutcomes, readOutcomeWindow } from '../../../src/prediction_log/outcome_window.ts';
import { openPredictionLog } from '../../../src/prediction_log/prediction_log.ts';
import { windowReader } from '../../../src/prediction_log/window_reader.ts';
import { findVersion } from '../../../src/registry/lookup.ts';
import type { TensorSpec } from '../../../src/registry/signature.ts';
import type { PredictionEntry } from '../../../src/serving/prediction_sink.ts';
import type { Database } from '../../../src/storage/database.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';
import { callBy } from '../../access/origins.ts';
import { answered, failed } from '../../prediction_log/entries.ts';
import { seeder } from '../../registry/seed.ts';
import { describeOnEachDatabase } from '../../storage/databases.ts';
import { temporaryDirectory } from '../../temporary.ts';

const start = Date.UTC(2026, 0, 10, 12);
const classifier: TensorSpec[] = [
  { name: 'label', datatype: 'INT64', shape: [-1], role: 'label', classes: [0, 1] },
  { name: 'probabilities', datatype: 'FP32', shape: [-1, 2], role: 'probabilities' },
];

describeOnEachDatabase('outcomes', (store) => {
  const { directory } = store.address;
  const files = temporaryDirectory();
  let database: Database;
  let log: ReturnType<typeof openPredictionLog>;
  let seed: ReturnType<typeof seeder>;
  let models = 0;

  beforeAll(async () => {
    ({ database } = await store.open());
    seed = seeder(database, directory);
    log = openPredictionLog({
      ...store.address,
      database,
      logger: createLogger({ directory: temporaryDirectory(), level: 'error' }),
    });
    return log.close;
  });

  const record = (modelId: string, given: GivenOutcomes) =>
    recordOutcomes(
      { database, flushLog: log.flush, allowedRoots: [files], clock: () => start },
      modelId,
      given,
      callBy('operator'),
    );
  const outcomes = (...pairs: [string, unknown][]): GivenOutcomes => ({
    kind: 'records',
    outcomes: pairs.map(([predictionId, actual]) => ({ predictionId, actual })),
  });

  /** A model, its predictions a second apart, and their ids. */
  async function predictions(count: number, outputs?: TensorSpec[], given: Partial<PredictionEntry> = {}) {
    const modelId = `outcomes-${++models}`;
    await seed({ modelId, version: '1' });
    if (outputs !== undefined)
      await database
        .updateTable('versions')
        .set({ signature: JSON.stringify({ inputs: [], outputs, features: [] }) })
        .where('model_id', '=', modelId)
        .execute();
    const ids = Array.from({ length: count }, () => uuidv7());
    await Promise.all(
      ids.map((id, index) =>
        log.append(
          answered({ modelId, at: start + index * 1000, predictionIds: [id], values: [index], ...given }),
        ),
      ),
    );
    return { modelId, ids };
  }
  const actualsOf = async (modelId: string) => {
    const found = await listPredictions(database, { modelId, only: 'with_outcome', limit: 200 });
    expect(found.total).toBe(found.predictions.length);
    return new Map(found.predictions.map(({ predictionId, actual }) => [predictionId, actual]));
  };

  test('are found at once, and in any order, late and repeated', async () => {
    const { modelId, ids } = await predictions(50);
    const [a = '', b = '', c = ''] = ids;
    const none: [string, unknown][] = [
      ['unheard-of', 1],
      ['\0', 1],
      [uuidv7(), 1],
    ];
    expect(await record(modelId, outcomes([b, 2], [a, 1.5], ...none))).toEqual({
      matched: 2,
      replaced: 0,
      alreadySet: 0,
      repeated: 0,
      empty: 0,
      unknown: ['unheard-of', '\0', expect.any(String)],
      shadows: 0,
      warnings: [],
    });
    // As text, as files have numbers; what is there already is told from what is corrected.
    expect(await record(modelId, outcomes([a, '1.50'], [b, 3], [c, null]))).toMatchObject({
      matched: 1,
      replaced: 1,
      alreadySet: 1,
      empty: 1,
      unknown: [],
    });
    // Of several the last one counts.
    expect(await record(modelId, outcomes([c, 7], [c, 8]))).toMatchObject({
      matched: 1,
      alreadySet: 1,
      repeated: 1,
    });
    expect(await actualsOf(modelId)).toEqual(
      new Map([
        [a, 1.5],
        [b, 3],
        [c, 8],
      ]),
    );
    expect(await countOutcomes(database, modelId)).toEqual({ answered: 50, withOutcome: 3 });
  });

  test('are in the audit trail by their number', async () => {
    const { modelId, ids } = await predictions(3);
    const [a = '', b = ''] = ids;
    await record(modelId, outcomes([a, 1], [b, 2], ['unheard-of', 3]));
    await record(modelId, outcomes([a, 1], [b, 5]));
    const entries = await database
      .selectFrom('audit_entries')
      .select(['after', 'outcome'])
      .where('model_id', '=', modelId)
      .where('action', '=', 'test')
      .where('version', 'is', null)
      .orderBy('sequence')
      .execute();
    expect(entries.map(({ after, outcome }) => [JSON.parse(after ?? ''), outcome])).toEqual([
      [{ matched: 2, replaced: 0, already_set: 0, empty: 0, unknown: 1 }, 'done'],
      [{ matched: 1, replaced: 1, already_set: 1, empty: 0, unknown: 0 }, 'done'],
    ]);
  });

  test('stay with their predictions when segments are merged', async () => {
    const { modelId, ids } = await predictions(10);
    for (const id of ids) {
      await log.append(answered({ modelId, at: start, predictionIds: [uuidv7()] }));
      await record(modelId, outcomes([id, ids.indexOf(id)]));
    }
    const before = await actualsOf(modelId);
    await mergeSegments(database, { now: () => start + 2 * 86_400_000, maxWeight: Number.POSITIVE_INFINITY });
    const segments = await database
      .selectFrom('prediction_segments')
      .select(['rows', 'outcomes'])
      .where('model_id', '=', modelId)
      .execute();
    // The log tidies by itself every second, so that some may have been merged, and closed, before.
    expect(segments.length).toBeLessThan(20);
    expect(segments.reduce((sum, { rows }) => sum + rows, 0)).toBe(20);
    expect(segments.reduce((sum, segment) => sum + segment.outcomes, 0)).toBe(10);
    expect(await actualsOf(modelId)).toEqual(before);
    expect(before).toEqual(new Map(ids.map((id, index) => [id, index])));
  });

  test('of a segment that is merged before they are written are written to the merged one', async () => {
    const { modelId, ids } = await predictions(3);
    await log.flush();
    await log.append(answered({ modelId, at: start, predictionIds: [uuidv7()] }));
    await log.flush();
    const other = await store.open();
    let merges = 0;
    const interrupting = database.withPlugin({
      transformQuery: ({ node }) => node,
      async transformResult({ result }) {
        if (merges === 0 && result.rows.some((row) => 'revision' in row)) {
          merges++;
          const now = () => start + 2 * 86_400_000;
          await mergeSegments(other.database, { now, maxWeight: Number.POSITIVE_INFINITY });
        }
        return result;
      },
    });
    const given = outcomes(...ids.map((id): [string, unknown] => [id, 5]));
    const report = await recordOutcomes(
      { database: interrupting, flushLog: log.flush, allowedRoots: [], clock: () => start },
      modelId,
      given,
      callBy('operator'),
    );
    expect([merges, report.matched, report.unknown]).toEqual([1, 3, []]);
    expect([...(await actualsOf(modelId)).keys()].toSorted()).toEqual(ids);
  });

  test('that many record at once in one segment are all recorded', async () => {
    const { modelId, ids } = await predictions(60);
    await log.flush();
    await mergeSegments(database, { now: () => start + 2 * 86_400_000, maxWeight: Number.POSITIVE_INFINITY });
    const others = await Promise.all(Array.from({ length: 4 }, () => store.open()));
    const reports = await Promise.all(
      ids.map((id, index) =>
        recordOutcomes(
          {
            database: others[index % others.length]?.database ?? database,
            flushLog: log.flush,
            allowedRoots: [],
            clock: () => start,
          },
          modelId,
          outcomes([id, index]),
          callBy('operator'),
        ),
      ),
    );
    expect(reports.map(({ matched }) => matched)).toEqual(ids.map(() => 1));
    expect(await actualsOf(modelId)).toEqual(new Map(ids.map((id, index) => [id, index])));
  });

  test('of another model are unknown', async () => {
    const one = await predictions(1);
    const other = await predictions(1);
    const report = await record(one.modelId, outcomes([other.ids[0] ?? '', 1]));
    expect(report).toMatchObject({ matched: 0, unknown: other.ids });
    await expect(record('no-such-model', outcomes())).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
  });

  describe('are of the kind that the model answers', () => {
    test('numbers of a regression; anything else is refused by row, and nothing is recorded', async () => {
      const { modelId, ids } = await predictions(3);
      const [a = '', b = '', c = ''] = ids;
      await expect(record(modelId, outcomes([a, 1], [b, 'abc'], [c, true]))).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        message: `2 outcomes are not of the kind that ${modelId} predicts. outcomes[1]: "abc" is not a number; outcomes[2]: true is not a number.`,
      });
      expect(await actualsOf(modelId)).toEqual(new Map());
    });

    test('classes as the model names them', async () => {
      const { modelId, ids } = await predictions(6, classifier);
      const given = ['1', 1, '1.0', true, 'False', 2];
      const report = await record(
        modelId,
        outcomes(...ids.map((id, i): [string, unknown] => [id, given[i]])),
      );
      expect(report).toMatchObject({
        matched: 6,
        warnings: ["Recorded, but none of the model's classes: 2."],
      });
      const actuals = await actualsOf(modelId);
      expect(ids.map((id) => actuals.get(id))).toEqual([1, 1, 1, 1, 0, 2]);
    });
  });

  describe('as people write them', () => {
    const unlisted: TensorSpec[] = [
      { name: 'label', datatype: 'INT64', shape: [-1], role: 'label' },
      { name: 'probabilities', datatype: 'FP32', shape: [-1, 2], role: 'probabilities' },
    ];

    test('truth values, in the call and in a file, of a model of two classes that lists none', async () => {
      const { modelId, ids } = await predictions(12, unlisted);
      const written = [true, 'True', 1, '1', false, 'False'];
      const wanted = [1, 1, 1, 1, 0, 0];
      await record(modelId, outcomes(...written.map((value, i): [string, unknown] => [ids[i] ?? '', value])));
      const path = join(files, `${modelId}.csv`);
      const lines = written.map((value, i) => `${ids[i + 6]},${value}`);
      writeFileSync(path, `prediction_id,actual\n${lines.join('\n')}\n`);
      expect(await record(modelId, { kind: 'path', path })).toMatchObject({ matched: 6, warnings: [] });
      const actuals = await actualsOf(modelId);
      expect(ids.map((id) => actuals.get(id))).toEqual([...wanted, ...wanted]);
    });

    test('ids with spaces around them or in capitals; those that callers brought keep their capitals', async () => {
      const { modelId, ids } = await predictions(3);
      const [a = '', b = '', c = ''] = ids;
      await Promise.all(
        ['Order-7', 'ORDER-7'].map((id) => log.append(answered({ modelId, at: start, predictionIds: [id] }))),
      );
      const path = join(files, `${modelId}.csv`);
      const lines = [
        ` ${a} ,1`,
        `${b.toUpperCase()},2`,
        ` ${c.toUpperCase()},3`,
        '" Order-7",4',
        'order-7,5',
      ];
      writeFileSync(path, `prediction_id,actual\n${lines.join('\n')}\n`);
      expect(await record(modelId, { kind: 'path', path })).toMatchObject({
        matched: 4,
        unknown: ['order-7'],
      });
      const wanted: [string, number][] = [
        [a, 1],
        [b, 2],
        [c, 3],
        ['Order-7', 4],
      ];
      expect(await actualsOf(modelId)).toEqual(new Map(wanted));
    });

    test('what cannot be read is said with the first three as given, whatever segments they are in', async () => {
      const { modelId, ids } = await predictions(3);
      await log.append(answered({ modelId, at: start + 3_600_000, predictionIds: ['of-another-segment'] }));
      await log.flush();
      const [a = '', b = '', c = ''] = ids;
      const given = outcomes(['of-another-segment', 'w'], [c, 1], [b, 'x'], [a.toUpperCase(), 'y'], [c, 'z']);
      await expect(record(modelId, given)).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        message:
          `4 outcomes are not of the kind that ${modelId} predicts. outcomes[0]: "w" is not a number; ` +
          'outcomes[4]: "z" is not a number; outcomes[2]: "x" is not a number; and 1 more.',
        hint: 'Correct them; nothing was recorded.',
      });
      await expect(record(modelId, outcomes([b, 2], [a.toUpperCase(), 'y']))).rejects.toMatchObject({
        message: `1 outcome is not of the kind that ${modelId} predicts. outcomes[1]: "y" is not a number.`,
      });
      expect(await actualsOf(modelId)).toEqual(new Map());
    });

    test('what cannot be read is said at once, with the first, and nothing is recorded', async () => {
      const { modelId, ids } = await predictions(20, unlisted);
      const path = join(files, `${modelId}.csv`);
      const lines = ids.map((id, index) => `${id},${index < 4 ? 'maybe' : index % 2}`);
      writeFileSync(path, `prediction_id,actual\n${lines.join('\n')}\n`);
      await expect(record(modelId, { kind: 'path', path })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        message: expect.stringMatching(
          /^4 outcomes .*line 2: "maybe" [^;]*; line 3: "maybe" [^;]*; line 4: "maybe" [^;]*; and 1 more\.$/,
        ),
      });
      expect(await actualsOf(modelId)).toEqual(new Map());
    });
  });

  describe('of a file', () => {
    test('a hundred thousand at once, of predictions in many segments', async () => {
      const { modelId } = await predictions(1);
      const rows = 100_000;
      const ids = Array.from({ length: rows }, () => uuidv7());
      for (let from = 0; from < rows; from += 1000) {
        const own = ids.slice(from, from + 1000);
        await log.append(
          answered({
            modelId,
            at: start + from,
            predictionIds: own,
            features: [['x', own.map((_, index) => index)]],
            values: own.map((_, index) => index),
            probabilities: own.map(() => null),
          }),
        );
      }
      const path = join(files, `${modelId}.csv`);
      const lines = ids.map((id, index) => `${index % 3},${id}`).toReversed();
      writeFileSync(path, `actual,prediction_id\n${lines.join('\n')}\n`);
      expect(await record(modelId, { kind: 'path', path })).toMatchObject({ matched: rows, unknown: [] });
      expect(await record(modelId, { kind: 'path', path })).toMatchObject({ matched: 0, alreadySet: rows });
      expect(await countOutcomes(database, modelId)).toEqual({ answered: rows + 1, withOutcome: rows });
    });

    test('JSON Lines too; what is no outcome is refused by its line', async () => {
      const { modelId, ids } = await predictions(2);
      const path = join(files, `${modelId}.jsonl`);
      const line = (actual: unknown, index: number) =>
        `${JSON.stringify({ prediction_id: ids[index], actual, note: 'x' })}\n`;
      writeFileSync(path, [0.5, 'nan'].map(line).join(''));
      expect(await record(modelId, { kind: 'path', path })).toMatchObject({ matched: 1, empty: 1 });
      writeFileSync(path, `${line(1, 0)}{"actual": 2}\n`);
      await expect(record(modelId, { kind: 'path', path })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        message: `${path}, line 2: the prediction_id is empty.`,
      });
      writeFileSync(path, `${JSON.stringify({ id: ids[0], actual: 1 })}\n`);
      await expect(record(modelId, { kind: 'path', path })).rejects.toMatchObject({
        message: `${path} has no column prediction_id.`,
      });
      const elsewhere = join(temporaryDirectory(), 'outcomes.csv');
      writeFileSync(elsewhere, 'prediction_id,actual\n');
      await expect(record(modelId, { kind: 'path', path: elsewhere })).rejects.toMatchObject({
        code: 'PATH_NOT_ALLOWED',
      });
    });
  });

  describe('in a window', () => {
    const hour = { since: start, until: start + 3_600_000 };
    const reader = () => windowReader({ ...store.address, database });

    test('of a regression are numbers beside those predicted', async () => {
      const { modelId, ids } = await predictions(4);
      await log.append(failed({ modelId, at: start + 10_000 }));
      await record(modelId, outcomes([ids[1] ?? '', 1.25], [ids[3] ?? '', 3]));
      const version = await findVersion(database, modelId, '1');
      const window = await readOutcomeWindow(reader(), version, {
        ...hour,
        rows: 'with_outcome',
        features: ['x'],
      });
      expect(window).toMatchObject({
        version: '1',
        rows: 2,
        at: Float64Array.of(start + 1000, start + 3000),
        features: [{ name: 'x', values: Float64Array.of(1, 1) }],
        compared: { kind: 'numbers', predicted: Float64Array.of(1, 3), actual: Float64Array.of(1.25, 3) },
      });
      const served = await readOutcomeWindow(reader(), version, { ...hour, rows: 'served' });
      expect(served.errors).toMatchObject({ categories: ['TIMEOUT'] });
      expect(served.compared).toMatchObject({
        actual: Float64Array.of(Number.NaN, 1.25, Number.NaN, 3, Number.NaN),
      });
    });

    test('of classes are codes of the same classes, with their probabilities', async () => {
      const probabilities: [string, number][] = [
        ['0', 0.25],
        ['1', 0.75],
      ];
      const { modelId, ids } = await predictions(3, classifier, {
        values: [1],
        probabilities: [probabilities],
      });
      await record(modelId, outcomes([ids[0] ?? '', 'true'], [ids[1] ?? '', 0], [ids[2] ?? '', 'other']));
      const version = await findVersion(database, modelId, '1');
      const window = await readOutcomeWindow(reader(), version, { ...hour, rows: 'with_outcome' });
      const { compared } = window;
      if (compared.kind !== 'classes') throw new Error(compared.kind);
      const labels = (codes: Int32Array) => Array.from(codes, (code) => compared.classes[code]);
      expect(labels(compared.predicted)).toEqual(['1', '1', '1']);
      expect(labels(compared.actual)).toEqual(['1', '0', 'other']);
      expect(window.probabilities.map(({ label }) => label)).toEqual(['0', '1']);
    });
  });
});
