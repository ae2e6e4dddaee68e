import { beforeAll, expect, test } from 'vitest';
import { appendAudit } from '../../src/access/audit.ts';
import { type AuditFilter, auditPages, lastEntries } from '../../src/access/audit_trail.ts';
import { originOf } from '../../src/access/origin.ts';
import type { Role } from '../../src/access/roles.ts';
import type { Database } from '../../src/storage/database.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';

const total = 2345;

describeOnEachDatabase('the audit trail', (store) => {
  let database: Database;
  const requests: string[] = [];
  beforeAll(async () => {
    ({ database } = await store.open());
    await database.transaction().execute(async (transaction) => {
      for (let entry = 1; entry <= total; entry++) {
        const role: Role = entry % 2 === 0 ? 'operator' : 'admin';
        const client = entry % 3 === 0 ? 'Claude_Desk 1.0' : entry % 3 === 1 ? 'claudeXdesk 2' : undefined;
        const origin = originOf(
          { role, readOnly: false, client },
          entry % 5 === 0 ? 'delete' : 'promote',
          {},
        );
        requests.push(origin.requestId);
        const change = {
          modelId: `m${entry % 7}`,
          version: String(entry % 11),
          before: undefined,
          after: undefined,
          outcome: entry % 13 === 0 ? 'GATE_FAILED' : 'done',
        };
        await appendAudit(transaction, origin, change, entry * 1000);
      }
    });
  });

  const all = Array.from({ length: total }, (_, index) => index + 1);
  const found = async (filter: AuditFilter) => {
    const sequences: number[] = [];
    for await (const page of auditPages(database, filter)) {
      expect(page.length).toBeLessThanOrEqual(1000);
      sequences.push(...page.map(({ sequence }) => sequence));
    }
    return sequences;
  };

  test('is read from the first entry to the last, in pages', async () => {
    expect(await found({})).toEqual(all);
  });

  test('can be filtered by everything in it, and by several things at once', async () => {
    const expected: [AuditFilter, (entry: number) => boolean][] = [
      [{ modelId: 'm3' }, (entry) => entry % 7 === 3],
      [{ version: '4' }, (entry) => entry % 11 === 4],
      [{ action: 'delete' }, (entry) => entry % 5 === 0],
      [{ role: 'admin' }, (entry) => entry % 2 === 1],
      [{ outcome: 'GATE_FAILED' }, (entry) => entry % 13 === 0],
      [{ since: 5000, until: 9000 }, (entry) => entry >= 5 && entry < 9],
      [{ requestId: requests[99] }, (entry) => entry === 100],
      // A part of the name, in small or capital letters; its _ is no wildcard.
      [{ client: 'claude_desk' }, (entry) => entry % 3 === 0],
      [{ client: 'CLAUDE' }, (entry) => entry % 3 !== 2],
      [{ client: '%' }, () => false],
      [{ modelId: 'm3', role: 'admin', action: 'delete' }, (entry) => entry % 70 === 45],
    ];
    for (const [filter, holds] of expected)
      expect(await found(filter), JSON.stringify(filter)).toEqual(all.filter(holds));
  });

  test('gives its last entries, the newest last', async () => {
    const sequences = (await lastEntries(database, { action: 'delete' }, 3)).map(({ sequence }) => sequence);
    expect(sequences).toEqual([2335, 2340, 2345]);
  });
});
