import { sql } from 'kysely';
import { beforeEach, expect, test } from 'vitest';
import { appendAudit, firstHash, hashOf } from '../../src/access/audit.ts';
import { checkAuditChain } from '../../src/access/audit_chain.ts';
import type { OpenDatabase } from '../../src/storage/database.ts';
import type { AuditEntryRow } from '../../src/storage/schema.ts';
import { readSnapshot } from '../../src/storage/snapshot.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';
import { withoutTriggers } from '../storage/triggers.ts';
import { callBy } from './origins.ts';

describeOnEachDatabase('the chain of the audit trail', (store) => {
  let opened: OpenDatabase;

  beforeEach(async () => {
    opened = await store.open();
    const { database } = opened;
    await withoutTriggers(opened, 'audit_entries', () => database.deleteFrom('audit_entries').execute());
    await database.deleteFrom('audit_head').execute();
    await database.insertInto('audit_head').values({ id: 1, sequence: 0, hash: firstHash }).execute();
    for (let entry = 1; entry <= 6; entry++) await append(`entry ${entry}`);
  });

  const append = (detail: string) =>
    opened.database
      .transaction()
      .execute((transaction) =>
        appendAudit(
          transaction,
          callBy('operator'),
          { modelId: 'm', version: '1', before: { a: 1 }, after: undefined, outcome: 'done', detail },
          1000,
        ),
      );
  const faults = async () => (await readSnapshot(opened, (snapshot) => checkAuditChain(snapshot))).faults;
  const tamper = (change: () => Promise<unknown>) => withoutTriggers(opened, 'audit_entries', change);
  const entryAt = (sequence: number) =>
    opened.database
      .selectFrom('audit_entries')
      .selectAll()
      .where('sequence', '=', sequence)
      .executeTakeFirstOrThrow();
  const set = (sequence: number, values: Partial<AuditEntryRow>) =>
    opened.database.updateTable('audit_entries').set(values).where('sequence', '=', sequence).execute();
  const remove = (...sequences: number[]) =>
    opened.database.deleteFrom('audit_entries').where('sequence', 'in', sequences).execute();

  test('is whole when nobody touched it, and tells its head', async () => {
    const report = await checkAuditChain(opened.database);
    expect(report).toMatchObject({ entries: 6, faults: [], faultsTotal: 0 });
    expect(report.head).toMatchObject({ sequence: 6, hash: (await entryAt(6)).hash });
  });

  test('is whole whatever text is in it', async () => {
    await append(`half a character ${'\ud83d'}, a NUL \0, all of one 😀, ${'é'.normalize('NFD')}`);
    await append(`${'x'.repeat(1999)}😀`);
    expect(await faults()).toEqual([]);
  });

  test.each<[string, Partial<AuditEntryRow>]>([
    ['what happened', { outcome: 'GATE_FAILED' }],
    ['who', { role: 'admin' }],
    ['when', { at: 999 }],
    ['a detail', { detail: null }],
    ['the state before', { before: '{"a":2}' }],
    ['the subject', { model_id: 'other' }],
  ])('shows an entry that was altered: %s', async (_, values) => {
    await tamper(() => set(3, values));
    expect(await faults()).toEqual([{ sequence: 3, fault: expect.stringContaining('altered') }]);
  });

  test('shows an entry that was altered and given the hash of its new content', async () => {
    const altered = { ...(await entryAt(3)), outcome: 'GATE_FAILED' };
    await tamper(() => set(3, { outcome: altered.outcome, hash: hashOf(altered) }));
    expect(await faults()).toEqual([
      { sequence: 4, fault: 'it does not follow from entry 3: one of the two was replaced' },
    ]);
  });

  test('shows entries that were taken out, at the beginning, in the middle and at the end', async () => {
    await tamper(() => remove(1, 3, 4, 6));
    expect(await faults()).toEqual([
      { sequence: 1, fault: 'it is missing' },
      { sequence: 3, fault: 'it and all up to 4 are missing' },
      { sequence: 6, fault: 'it is missing at the end' },
    ]);
  });

  test('shows that all entries were taken out', async () => {
    await tamper(() => remove(1, 2, 3, 4, 5, 6));
    expect(await faults()).toEqual([{ sequence: 1, fault: 'it and all up to 6 are missing at the end' }]);
  });

  test('shows entries whose places were changed', async () => {
    await tamper(async () => {
      await set(2, { sequence: 100 });
      await set(3, { sequence: 2 });
      await set(100, { sequence: 3 });
    });
    expect((await faults()).map(({ sequence }) => sequence)).toEqual(expect.arrayContaining([2, 3]));
  });

  test('shows an entry that was inserted before the first and behind the head', async () => {
    const { database } = opened;
    const first = await entryAt(1);
    const last = await entryAt(6);
    for (const entry of [
      { ...first, sequence: 0, previous_hash: 'x' },
      { ...last, sequence: 7, previous_hash: last.hash },
    ])
      await database
        .insertInto('audit_entries')
        .values({ ...entry, hash: hashOf(entry) })
        .execute();
    expect(await faults()).toEqual([
      { sequence: 0, fault: 'it was inserted before the first entry' },
      { sequence: 7, fault: 'it and all up to 7 stand behind the head: they were inserted' },
    ]);
  });

  test('shows a head that is missing, or of another entry', async () => {
    await opened.database.updateTable('audit_head').set({ hash: firstHash }).execute();
    expect(await faults()).toEqual([
      { sequence: 6, fault: 'it is not the entry that the head was written for' },
    ]);
    await sql`delete from audit_head`.execute(opened.database);
    expect((await checkAuditChain(opened.database)).faults).toEqual([
      { sequence: 6, fault: expect.stringContaining('head') },
    ]);
  });

  test('counts all faults and lists the first', async () => {
    for (let entry = 7; entry <= 70; entry++) await append(`entry ${entry}`);
    await tamper(() => opened.database.updateTable('audit_entries').set({ role: 'viewer' }).execute());
    const { faults: listed, faultsTotal } = await checkAuditChain(opened.database);
    expect([listed.length, faultsTotal]).toEqual([50, 70]);
  });
});
