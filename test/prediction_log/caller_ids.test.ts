import { uuidv7 } from 'uuidv7';
import { beforeAll, expect, test } from 'vitest';
import { callerIds } from '../../src/prediction_log/caller_ids.ts';
import { openJournal } from '../../src/prediction_log/journal.ts';
import { moveJournals } from '../../src/prediction_log/move_journals.ts';
import { applyRetention } from '../../src/prediction_log/retention.ts';
import type { Database } from '../../src/storage/database.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';
import { temporaryDirectory } from '../temporary.ts';
import { abandonedJournal, answered, linesOf } from './entries.ts';
import { loggedRows } from './rows.ts';

const at = Date.UTC(2026, 0, 1);

describeOnEachDatabase("callers' ids", (store) => {
  let database: Database;
  let models = 0;
  beforeAll(async () => {
    ({ database } = await store.open());
  });
  const newModel = () => {
    const modelId = `own-${++models}`;
    const ids = callerIds(database, async () => undefined);
    const claim = (rows: [string, string][], version = '1') =>
      ids.claim(
        { modelId, version, at },
        rows.map(([predictionId, digest]) => ({ predictionId, digest })),
      );
    return { modelId, ids, claim };
  };
  const idsOf = async (modelId: string) =>
    (await loggedRows(database, modelId)).map((row) => row.prediction_id).sort();

  test('belong to their first content, whoever claims them at once', async () => {
    const { modelId, ids, claim } = newModel();
    const rows: [string, string][] = Array.from({ length: 2500 }, (_, index) => [`id ${index}`, 'content']);
    const claims = await Promise.all([claim(rows), claim(rows.toReversed(), '2'), claim(rows)]);
    expect(claims.map(({ size }) => size).sort()).toEqual([0, 2500, 2500]);
    const first = claims.findIndex(({ size }) => size === 0) === 1 ? '2' : '1';
    for (const known of claims)
      for (const use of known.values())
        expect(use).toEqual({ digest: 'content', version: first, logged: false });
    await expect(
      claim([
        ['new', 'content'],
        ['id 7', 'other'],
      ]),
    ).rejects.toThrow('"id 7"');
    // All or none.
    expect((await ids.known(modelId, ['new', 'id 7'])).size).toBe(1);
    await ids.release(modelId, ['id 7']);
    expect((await claim([['id 7', 'other']])).size).toBe(0);
  });

  test('are in the log once, whatever the journals hold', async () => {
    const { modelId, claim } = newModel();
    const directory = temporaryDirectory();
    await claim([
      ['a', '1'],
      ['b', '2'],
    ]);
    const entry = answered({
      modelId,
      predictionIds: ['a', 'b'],
      features: [['x', [1, 2]]],
      values: [10, 20],
      probabilities: [null, null],
      outcomes: [null, 5],
      digests: ['1', '2'],
    });
    const again = { ...entry, predictionIds: ['b', 'c'], values: [20, 30], digests: ['2', '3'] };
    // Twice in one journal, and once more in another that is moved at the same time.
    abandonedJournal(directory, linesOf([entry, entry]));
    abandonedJournal(directory, linesOf([again]));
    const other = temporaryDirectory();
    abandonedJournal(other, linesOf([entry]));
    const move = (of: string) => moveJournals(database, of, openJournal(of));
    await Promise.all([move(directory), move(other)]);
    expect(await idsOf(modelId)).toEqual(['a', 'b', 'c']);
    const rows = await loggedRows(database, modelId);
    expect(rows.find((row) => row.prediction_id === 'b')).toMatchObject({ actual: 5 });
    const totals = await database
      .selectFrom('serving_totals')
      .select(['calls', 'rows'])
      .where('model_id', '=', modelId)
      .execute();
    expect(totals).toEqual([{ calls: expect.any(Number), rows: 3 }]);
    expect((await claim([['a', '1']])).get('a')).toMatchObject({ logged: true });
    // c was never claimed: its row took it.
    await expect(claim([['c', 'other']])).rejects.toThrow('"c"');
  });

  test('are none that the server gave', async () => {
    const { modelId, claim } = newModel();
    const directory = temporaryDirectory();
    const [own, unused] = [uuidv7(), uuidv7()];
    abandonedJournal(directory, linesOf([answered({ modelId, predictionIds: [own] })]));
    await moveJournals(database, directory, openJournal(directory));
    await expect(claim([[own, '1']])).rejects.toThrow(own);
    expect((await claim([[unused, '1']])).size).toBe(0);
  });

  test('are forgotten with the last rows that are as old', async () => {
    const { modelId, ids, claim } = newModel();
    await claim([['old', '1']]);
    const now = at + 200 * 86_400_000;
    await applyRetention(database, { maxAgeMs: 100 * 86_400_000, maxBytes: undefined }, now);
    expect((await ids.known(modelId, ['old'])).size).toBe(0);
    expect((await claim([['old', 'other']])).size).toBe(0);
  });
});
