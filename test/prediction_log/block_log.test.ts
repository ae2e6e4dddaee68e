import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { blockLog } from '../../src/prediction_log/block_log.ts';
import { exclusion } from '../../src/prediction_log/exclusion.ts';
import { isSegmentFile, openJournal } from '../../src/prediction_log/journal.ts';
import { journalDirectory } from '../../src/prediction_log/journal_directory.ts';
import { moveJournals } from '../../src/prediction_log/move_journals.ts';
import { rowIds } from '../../src/serving/file/row_ids.ts';
import type { PredictionBlock } from '../../src/serving/prediction_sink.ts';
import { type Database, openDatabase } from '../../src/storage/database.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';
import { temporaryDirectory } from '../temporary.ts';
import { loggedRows } from './rows.ts';

const start = Date.UTC(2026, 0, 1);
const dayMs = 86_400_000;

function block(modelId: string, rows: number, given: Partial<PredictionBlock> = {}) {
  const ids = rowIds(rows);
  const of: PredictionBlock = {
    at: start,
    modelId,
    version: '1',
    route: 'active',
    latencyMs: 2,
    entityKey: null,
    entityKeys: undefined,
    ids: ids.bytes,
    features: [['x', Float64Array.from({ length: rows }, (_, row) => row / 8)]],
    values: { entries: ['yes', 'no'], codes: Int32Array.from({ length: rows }, (_, row) => row % 2) },
    classes: ['yes', 'no'],
    probabilities: [new Float64Array(rows).fill(0.25), new Float64Array(rows).fill(0.75)],
    outcomes: undefined,
    ...given,
  };
  return { of, ids: ids.texts };
}

describeOnEachDatabase('blocks of rows', (store) => {
  let database: Database;
  beforeAll(async () => {
    ({ database } = await store.open());
  });
  let models = 0;
  const newModel = () => `model-${++models}`;

  /** A directory of a store, where the files of segments are. */
  async function newLog(excluded: string[] = []) {
    const directory = temporaryDirectory();
    // Makes it the directory of a store.
    await (await openDatabase({ directory })).close();
    const written: [number, number][] = [];
    const log = blockLog(directory, exclusion(excluded), (calls, bytes) => written.push([calls, bytes]));
    const folder = journalDirectory(directory);
    return {
      log,
      folder,
      written,
      files: () => readdirSync(folder).filter(isSegmentFile),
      move: () => moveJournals(database, directory, openJournal(directory)),
    };
  }
  const totalsOf = (modelId: string) =>
    database
      .selectFrom('serving_totals')
      .select(['calls', 'rows', 'errors', 'last_call_at'])
      .where('model_id', '=', modelId)
      .execute();

  test('are moved as a whole segment, and counted as the calls that they are', async () => {
    const modelId = newModel();
    const { log, files, move, written } = await newLog();
    const [first, second] = [block(modelId, 3, { outcomes: ['no', null, 'yes'] }), block(modelId, 2)];
    await log.add(first.of);
    await log.add(second.of);
    expect(written).toEqual([]);
    await log.finish();
    expect(written).toEqual([[2, expect.any(Number)]]);
    expect(files()).toHaveLength(1);
    expect(await move()).toBe(0);
    expect(files()).toEqual([]);
    const rows = await loggedRows(database, modelId);
    expect(rows.map(({ prediction_id }) => prediction_id).sort()).toEqual(
      [...first.ids, ...second.ids].sort(),
    );
    expect(rows.find(({ prediction_id }) => prediction_id === first.ids[2])).toMatchObject({
      at: start,
      version: '1',
      route: 'active',
      latency_ms: 2,
      entity_key: null,
      features: [['x', 0.25]],
      value: 'yes',
      probabilities: [
        ['yes', 0.25],
        ['no', 0.75],
      ],
      actual: 'yes',
    });
    expect(await totalsOf(modelId)).toEqual([{ calls: 2, rows: 5, errors: 0, last_call_at: start }]);
  });

  test('of two days, or too many for one segment, are several', async () => {
    const modelId = newModel();
    const { log, files, move } = await newLog();
    for (let count = 0; count < 35; count++) await log.add(block(modelId, 500).of);
    await log.add(block(modelId, 1, { at: start + dayMs }).of);
    await log.finish();
    expect(files()).toHaveLength(3);
    await move();
    expect(await totalsOf(modelId)).toMatchObject([{ calls: 36, rows: 17_501 }]);
    const segments = await database
      .selectFrom('prediction_segments')
      .select(['day', 'rows'])
      .where('model_id', '=', modelId)
      .orderBy('rows', 'desc')
      .execute();
    expect(segments.map(({ rows }) => rows)).toEqual([16_500, 1000, 1]);
  });

  test('leave out what is excluded', async () => {
    const modelId = newModel();
    const { log, folder, files, move } = await newLog(['secret', 'entity_key']);
    const features: PredictionBlock['features'] = [
      ['secret', ['hidden']],
      ['x', [1]],
    ];
    await log.add(block(modelId, 1, { features, entityKeys: ['hidden'] }).of);
    await log.finish();
    for (const name of files()) expect(readFileSync(join(folder, name), 'latin1')).not.toContain('hidden');
    await move();
    expect(await loggedRows(database, modelId)).toMatchObject([{ features: [['x', 1]], entity_key: null }]);
  });

  test('are in the log once, also when a mover died after it moved them', async () => {
    const modelId = newModel();
    const { log, folder, files, move } = await newLog();
    await log.add(block(modelId, 4).of);
    await log.finish();
    const [name = ''] = files();
    const kept = join(temporaryDirectory(), 'kept');
    copyFileSync(join(folder, name), kept);
    await move();
    // As it is when the mover dies before it removes the file.
    await database.insertInto('journals').values({ journal: name, bytes_moved: 1 }).execute();
    copyFileSync(kept, join(folder, name));
    expect(await move()).toBe(0);
    expect(existsSync(join(folder, name))).toBe(false);
    expect(await loggedRows(database, modelId)).toHaveLength(4);
    expect(await totalsOf(modelId)).toMatchObject([{ calls: 1, rows: 4 }]);
  });

  test('are in the log once when several move them at once', async () => {
    const modelId = newModel();
    const { log, move } = await newLog();
    for (let day = 0; day < 5; day++) await log.add(block(modelId, 10, { at: start + day * dayMs }).of);
    await log.finish();
    await Promise.all([move(), move(), move()]);
    expect(await loggedRows(database, modelId)).toHaveLength(50);
    expect(await totalsOf(modelId)).toMatchObject([{ calls: 5, rows: 50 }]);
  });

  test('that are damaged are left out and counted; what a dead process had begun is removed', async () => {
    const modelId = newModel();
    const { log, folder, files, move } = await newLog();
    await log.add(block(modelId, 4).of);
    await log.finish();
    const [name = ''] = files();
    const bytes = readFileSync(join(folder, name));
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(join(folder, name), bytes);
    const [host = ''] = name.split('~');
    const begun = `${host}~${2 ** 31 - 1}~0.segment.part`;
    writeFileSync(join(folder, begun), 'half');
    expect(await move()).toBe(1);
    expect(readdirSync(folder)).not.toContain(name);
    expect(readdirSync(folder)).not.toContain(begun);
    expect(await loggedRows(database, modelId)).toEqual([]);
  });

  test('fail where the store is gone', async () => {
    const { log, folder } = await newLog();
    const directory = join(folder, '..');
    renameSync(directory, `${directory}-gone`);
    await log.add(block(newModel(), 1).of);
    await expect(log.finish()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    expect(existsSync(directory)).toBe(false);
  });
});
