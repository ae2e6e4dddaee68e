import { beforeAll, expect, test } from 'vitest';
import { comparedColumn } from '../../src/monitoring/rows/compared_column.ts';
import type { WindowRequest } from '../../src/prediction_log/log_window.ts';
import { mergeSegments } from '../../src/prediction_log/merge_segments.ts';
import { segmentsOf } from '../../src/prediction_log/segment.ts';
import { encodeSegment, insertSegments } from '../../src/prediction_log/segment_store.ts';
import { readWindow } from '../../src/prediction_log/window.ts';
import { windowReader } from '../../src/prediction_log/window_reader.ts';
import type { PredictionEntry } from '../../src/serving/prediction_sink.ts';
import type { Database } from '../../src/storage/database.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';
import { answered, failed } from './entries.ts';

const start = Date.UTC(2026, 0, 10, 12);

describeOnEachDatabase('a window of the log', (store) => {
  let database: Database;
  beforeAll(async () => {
    ({ database } = await store.open());
  });
  let models = 0;

  async function log(...groups: PredictionEntry[][]): Promise<void> {
    for (const entries of groups)
      await database
        .transaction()
        .execute((transaction) => insertSegments(transaction, segmentsOf(entries).map(encodeSegment)));
  }
  const request = (modelId: string, given: Partial<WindowRequest> = {}): WindowRequest => ({
    modelId,
    version: '1',
    since: start,
    until: start + 3_600_000,
    rows: 'answered',
    features: [
      { name: 'x', kind: 'numeric' },
      { name: 'colour', kind: 'categorical' },
      { name: 'flag', kind: 'boolean' },
    ],
    ...given,
  });
  const newModel = () => `window-${++models}`;
  const call = (modelId: string, at: number, given: Partial<PredictionEntry> = {}) =>
    answered({
      modelId,
      at,
      latencyMs: 2,
      features: [
        ['x', [at - start]],
        ['colour', ['red']],
        ['flag', [true]],
      ],
      values: [(at - start) / 2],
      ...given,
    });

  test('is typed columns of the answered rows between its ends', async () => {
    const modelId = newModel();
    await log(
      [
        call(modelId, start - 1),
        call(modelId, start),
        call(modelId, start + 1, {
          features: [
            ['x', ['9007199254740993']],
            ['colour', [null]],
            ['flag', [false]],
          ],
          latencyMs: 7.25,
        }),
        call(modelId, start + 2, { route: 'shadow' }),
        failed({ modelId, at: start + 3 }),
      ],
      [
        call(modelId, start + 4, {
          features: [
            ['x', [null]],
            ['colour', ['blue']],
            ['flag', [null]],
          ],
        }),
        call(modelId, start + 3_600_000),
        call(modelId, start + 5, { version: '2' }),
      ],
    );
    const window = await readWindow(database, request(modelId));
    expect(window).toEqual({
      rows: 3,
      truncated: false,
      at: Float64Array.of(start, start + 1, start + 4),
      latencyMs: Float64Array.of(2, 7.25, 2),
      features: [
        { name: 'x', kind: 'numeric', values: Float64Array.of(0, 9007199254740992, Number.NaN) },
        {
          name: 'colour',
          kind: 'categorical',
          categories: expect.arrayContaining(['red', 'blue']),
          codes: expect.any(Int32Array),
        },
        { name: 'flag', kind: 'boolean', categories: expect.any(Array), codes: expect.any(Int32Array) },
      ],
      values: [{ name: 'prediction', kind: 'numeric', values: Float64Array.of(0, 0.5, 2) }],
      probabilities: [],
      actual: undefined,
      errors: undefined,
    });
    const [, colour, flag] = window.features.map(comparedColumn);
    expect(colour?.values).toEqual(['red', null, 'blue']);
    expect(flag?.values).toEqual(['true', 'false', null]);
  });

  test('shows failed rows and a shadow’s where they are asked for', async () => {
    const modelId = newModel();
    await log([
      call(modelId, start),
      failed({ modelId, at: start + 1 }),
      call(modelId, start + 2, { route: 'shadow' }),
    ]);
    const served = await readWindow(database, request(modelId, { rows: 'served' }));
    expect(served.at).toEqual(Float64Array.of(start, start + 1));
    expect(served.errors).toMatchObject({ categories: ['TIMEOUT'], codes: Int32Array.of(-1, 0) });
    expect(served.values).toMatchObject([{ values: Float64Array.of(0, Number.NaN) }]);
    const shadow = await readWindow(database, request(modelId, { rows: 'shadow' }));
    expect(shadow.at).toEqual(Float64Array.of(start + 2));
  });

  test('has a column for each class, and for each element of an array', async () => {
    const modelId = newModel();
    const pair = (no: number, yes: number): [string, number][] => [
      ['no', no],
      ['yes', yes],
    ];
    await log(
      [call(modelId, start, { values: ['yes'], probabilities: [pair(0.25, 0.75)] })],
      [call(modelId, start + 1, { values: ['no'], probabilities: [pair(1, 0)] })],
    );
    const window = await readWindow(database, request(modelId, { features: [] }));
    expect(window.probabilities).toEqual([
      { label: 'no', values: Float64Array.of(0.25, 1) },
      { label: 'yes', values: Float64Array.of(0.75, 0) },
    ]);
    expect(window.values.map(comparedColumn)).toMatchObject([{ name: 'prediction', values: ['yes', 'no'] }]);
    const arrays = newModel();
    await log([
      call(arrays, start, { values: [[1, 2.5]] }),
      call(arrays, start + 1, { values: [[3, null]] }),
    ]);
    expect((await readWindow(database, request(arrays))).values).toEqual([
      { name: 'prediction[0]', kind: 'numeric', values: Float64Array.of(1, 3) },
      { name: 'prediction[1]', kind: 'numeric', values: Float64Array.of(2.5, Number.NaN) },
    ]);
  });

  test('leaves out features that no row has, and takes the newest rows of too many', async () => {
    const modelId = newModel();
    const x = (at: number) => call(modelId, at, { features: [['x', [at - start]]] });
    await log([x(start), x(start + 1)], [x(start + 2), x(start + 3)]);
    const window = await readWindow(database, request(modelId), 3);
    expect([window.rows, window.truncated]).toEqual([3, true]);
    expect(window.features).toEqual([{ name: 'x', kind: 'numeric', values: Float64Array.of(1, 2, 3) }]);
    expect((await readWindow(database, request(modelId), 4)).truncated).toBe(false);
    expect(await readWindow(database, request('nothing'))).toMatchObject({
      rows: 0,
      values: [],
      features: [],
    });
  });

  test('has numbers as the model saw them, where their datatype is named', async () => {
    const modelId = newModel();
    const features = (x: number): [string, unknown[]][] => [['x', [x]]];
    await log(
      [call(modelId, start, { features: features(0.1) })],
      [call(modelId, start + 1, { features: features(0.10000000149011612) })],
    );
    const values = async (datatype?: 'FP32' | 'FP64') => {
      const wanted = [{ name: 'x', kind: 'numeric' as const, ...(datatype && { datatype }) }];
      const [x] = (await readWindow(database, request(modelId, { features: wanted }))).features;
      return x?.kind === 'numeric' && Array.from(x.values).sort();
    };
    expect(await values('FP32')).toEqual([0.10000000149011612, 0.10000000149011612]);
    expect(await values('FP64')).toEqual([0.1, 0.10000000149011612]);
    expect(await values()).toEqual([0.1, 0.10000000149011612]);
  });

  test('a large one is read by a thread, and is the same', async () => {
    const modelId = newModel();
    const rows = 12_000;
    const columns = Array.from({ length: 30 }, (_, index) => ({
      name: `f${index}`,
      kind: 'numeric' as const,
    }));
    const groups = [0, 1, 2, 3].map((group) => {
      const row = (index: number) => group * 3000 + index;
      const each = <T>(make: (index: number) => T) =>
        Array.from({ length: 3000 }, (_, index) => make(row(index)));
      return [
        answered({
          modelId,
          at: start + group,
          predictionIds: each((index) => `${modelId}-${String(index).padStart(6, '0')}`),
          features: [
            ...columns.map(({ name }, feature): [string, unknown[]] => [
              name,
              each((index) => Math.sin(index) * feature),
            ]),
            ['colour', each((index) => `colour ${index % 5}`)],
          ],
          values: each((index) => index),
          probabilities: each(() => null),
        }),
      ];
    });
    await log(...groups);
    const wanted = request(modelId, { features: [...columns, { name: 'colour', kind: 'categorical' }] });
    const read = await windowReader({ ...store.address, database })(wanted);
    expect(read.rows).toBe(rows);
    const [value] = read.values;
    expect(value?.kind === 'numeric' && value.values).toEqual(
      Float64Array.from({ length: rows }, (_, row) => row),
    );
    expect(read).toEqual(await readWindow(database, wanted));
  });

  test('is read again when its segments are merged meanwhile', async () => {
    const modelId = newModel();
    await log([call(modelId, start)], [call(modelId, start + 1)]);
    const other = await store.open();
    let interrupted = false;
    const interrupting = database.withPlugin({
      transformQuery: ({ node }) => node,
      async transformResult({ result }) {
        if (!interrupted && result.rows.some((row) => 'segment_id' in row)) {
          interrupted = true;
          const now = () => start + 2 * 86_400_000;
          await mergeSegments(other.database, { now, maxWeight: Number.POSITIVE_INFINITY });
        }
        return result;
      },
    });
    const window = await readWindow(interrupting, request(modelId));
    expect([interrupted, window.rows]).toEqual([true, 2]);
  });
});
