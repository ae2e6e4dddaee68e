import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkAuditState } from '../../src/access/audit_state.ts';
import { type Database, type OpenDatabase, openDatabase } from '../../src/storage/database.ts';
import { readSnapshot } from '../../src/storage/snapshot.ts';
import { withoutTriggers } from '../storage/triggers.ts';
import { startServer } from './client.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { runCommand } from './running_command.ts';
import { stores, type TestStore } from './stores.ts';

describe.each(stores)('what the audit trail guards $name', ({ skipped, open }) => {
  let scratch: Scratch;
  let store: TestStore;
  let opened: OpenDatabase;

  beforeAll(async () => {
    if (skipped) return;
    scratch = scratchDirectory();
    store = await open();
    const server = await startServer({
      directory: scratch.path,
      settings: { ...store.settings, MODELYARD_ROLE: 'admin', MODELYARD_APPROVALS: 'off' },
    });
    const source = testModel('linear_float32');
    const model = { model_id: 'm' };
    for (const version of ['1', '2', '3'])
      await server.call('deploy_model', {
        ...model,
        version,
        source,
        metrics: { auc: 0.9 },
        tags: { team: 'a' },
        set_active: version === '1',
      });
    await server.call('update_model', { ...model, description: 'the model', tags: { owner: 'x' } });
    await server.call('update_model', { ...model, version: '1', description: 'the version' });
    await server.call('update_model', { ...model, aliases: { champion: '1' }, parent_versions: undefined });
    await server.call('update_model', { ...model, gates: { production: { min_metrics: { auc: 0.8 } } } });
    for (const version of ['1', '2'])
      await server.call('promote_model', {
        ...model,
        version,
        target_stage: 'production',
        reason: 'better than before',
      });
    await server.call('set_traffic', { ...model, weights: { '1': 0.5, '2': 0.5 } });
    await server.call('set_reference_data', { ...model, version: '1', data: rows });
    await server.call('retire_model', { ...model, version: '3' });
    await server.call('promote_model', { ...model, version: '3', target_stage: 'archived' });
    const { confirm } = await server.call('delete_model', { ...model, version: '3', dry_run: true });
    await server.call('delete_model', { ...model, version: '3', confirm });
    await server.call('update_model', { ...model, version: '2', metrics: { auc: 0.95, loss: null } });
    await server.fail('promote_model', { ...model, version: '2', target_stage: 'development' });
    await server.close();
    const { DATABASE_URL: databaseUrl } = store.settings;
    opened = await openDatabase({ directory: `${scratch.path}/registry`, databaseUrl });
  });
  afterAll(async () => {
    if (skipped) return;
    await opened?.close();
    await store.drop();
    scratch.remove();
  });

  const faultsIn = async (database: Database) => {
    const found: string[] = [];
    await checkAuditState(database, ({ row, fault }) => void found.push(`${row} ${fault}`));
    return found;
  };
  const faults = () => readSnapshot(opened, faultsIn);
  const run = (given: string[]) => runCommand(given, { directory: scratch.path, settings: store.settings });

  test.skipIf(skipped)('is as its entries left it, whatever was changed through ModelYard', async () => {
    expect(await faults()).toEqual([]);
    expect((await run(['audit', '--verify'])).code).toBe(0);
  });

  test.skipIf(skipped).each<[string, string, string, string]>([
    ["a model's description", 'models', "description = 'another'", 'models of m was altered after entry'],
    [
      "a version's description",
      'versions',
      "description = 'another'",
      'versions of m 1 was altered after entry',
    ],
    [
      'a gate policy',
      'gate_policies',
      "policy = '{}'",
      'gate_policies production of m was altered after entry',
    ],
    [
      'the reason of a step',
      'stage_transitions',
      "reason = 'was forced'",
      'stage_transitions of m 1, step 1 was altered',
    ],
    [
      'who made a step',
      'stage_transitions',
      "by = 'somebody'",
      'stage_transitions of m 1, step 1 was altered',
    ],
    ['an alias', 'aliases', "version = '2'", 'aliases of m was altered'],
    ['the traffic', 'routes', `weights = '[["1",0.4],["2",0.6]]'`, 'routes of m was altered'],
    ['a metric', 'version_metrics', 'value = 0.99', 'version_metrics of m 1 was altered'],
    ['a tag', 'version_tags', "value = 'b'", 'version_tags of m 1 was altered'],
    ['settings of a deployment', 'deployments', 'error_threshold = 1', 'deployments of m 1 was altered'],
    ['where a reference came from', 'references', "source = 'elsewhere'", 'references of m 1 was altered'],
    ['who deleted', 'deleted_versions', "deleted_by = 'nobody'", 'deleted_versions of m 3 was altered'],
  ])('shows %s that was edited by SQL', async (_, table, assignment, shown) => {
    const undone = new Error('undone');
    const tampered = opened.database.transaction().execute(async (transaction) => {
      await withoutTriggers({ database: transaction, kind: opened.kind }, table, () =>
        sql`update ${sql.table(table)} set ${sql.raw(assignment)}`.execute(transaction),
      );
      expect((await faultsIn(transaction)).join('\n')).toContain(shown);
      throw undone;
    });
    await expect(tampered).rejects.toBe(undone);
  });

  test.skipIf(skipped)('shows rows that were put in and taken away', async () => {
    const { database } = opened;
    const policy = { model_id: 'm', stage: 'staging', policy: '{}', changed_at: 1, changed_by: 'x' };
    await database.insertInto('gate_policies').values(policy).execute();
    const [before] = await database.selectFrom('aliases').selectAll().execute();
    await database.deleteFrom('aliases').execute();
    expect(await faults()).toEqual([
      expect.stringMatching(/^aliases of m was taken away after entry \d+, without an entry$/),
      expect.stringMatching(/^gate_policies staging of m was put in after entry \d+, without an entry$/),
    ]);
    const { code, output } = await run(['audit', '--verify']);
    expect(code).toBe(1);
    expect(output).toContain('gate_policies staging of m was put in');
    expect((await run(['verify'])).output).toContain('PROBLEM: gate_policies staging of m was put in');
    await database.deleteFrom('gate_policies').where('stage', '=', 'staging').execute();
    if (before) await database.insertInto('aliases').values(before).execute();
    expect(await faults()).toEqual([]);
  });

  test.skipIf(skipped)(
    'a head that was kept elsewhere shows a trail that was cut off or rewritten',
    async () => {
      const { database } = opened;
      const { output, code } = await run(['audit', '--head']);
      expect(code).toBe(0);
      expect(output).toMatch(/^\d+:[0-9a-f]{64}\n$/);
      const head = output.trim();
      expect((await run(['audit', '--verify', '--head', head])).code).toBe(0);
      const length = Number(head.split(':')[0]);
      const [last, before] = await database
        .selectFrom('audit_entries')
        .selectAll()
        .orderBy('sequence', 'desc')
        .limit(2)
        .execute();
      if (last === undefined || before === undefined) throw new Error('no entries');
      // The last entry tells of a refusal, so that nothing else is missing; the end is made to fit.
      expect(last.outcome).not.toBe('done');
      await withoutTriggers(opened, 'audit_entries', () =>
        database.deleteFrom('audit_entries').where('sequence', '=', length).execute(),
      );
      await database
        .updateTable('audit_head')
        .set({ sequence: before.sequence, hash: before.hash })
        .execute();
      expect((await run(['audit', '--verify'])).code).toBe(0);
      const cut = await run(['audit', '--verify', '--head', head]);
      expect(cut.code).toBe(1);
      expect(cut.output).toContain(`Entry ${length}: the trail was cut off here`);
      const other = `${before.sequence}:${'0'.repeat(64)}`;
      expect((await run(['audit', '--verify', '--head', other])).output).toContain('the trail was rewritten');
      expect((await run(['audit', '--verify', '--head', 'x'])).code).toBe(2);
    },
  );
});

/** Enough for a reference of three features. */
const rows = Array.from({ length: 40 }, (_, index) => ({ f0: index, f1: index % 3, f2: -index }));
