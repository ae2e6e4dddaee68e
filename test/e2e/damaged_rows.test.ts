import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/storage/database.ts';
import { withoutTriggers } from '../storage/triggers.ts';
import { startServer, type TestServer } from './client.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { runCommand } from './running_command.ts';
import { stores, type TestStore } from './stores.ts';

const inputs = [{ f0: 1, f1: 2, f2: 3 }];

/** What is written over a column, of the model `hit`, and what a tool says of it then. */
const cases = [
  {
    table: 'versions',
    column: 'signature',
    text: '{"inputs": [',
    call: ['get_model', { model_id: 'hit', version: '1' }],
    says: /What the database keeps of hit 1 is damaged: signature in the table versions cannot be read \(it is no JSON\)/,
  },
  {
    table: 'routes',
    column: 'weights',
    text: '{"1": 1}',
    call: ['predict', { model_id: 'hit', inputs }],
    says: /of the route of hit is damaged: weights in the table routes cannot be read/,
  },
  {
    table: 'deployments',
    column: 'probe',
    text: '[]',
    call: ['deploy_model', { model_id: 'hit', version: '1' }],
    says: /of the deployment of hit 1 is damaged: probe in the table deployments cannot be read/,
  },
  {
    table: 'gate_policies',
    column: 'policy',
    text: '{"min_metrics": {"f1": "high"}}',
    call: ['promote_model', { model_id: 'hit', version: '1', target_stage: 'staging', dry_run: true }],
    says: /of the gates of hit for \w+ is damaged: policy in the table gate_policies cannot be read \(min_metrics\.f1: /,
  },
] as const;

describe.each(stores)('a row that something else changed, $name', ({ skipped, open, kind }) => {
  let scratch: Scratch;
  let store: TestStore;
  let server: TestServer;
  const start = () =>
    startServer({
      directory: scratch.path,
      settings: { ...store.settings, MODELYARD_ROLE: 'admin', MODELYARD_APPROVALS: 'off' },
    });
  const registry = () => join(scratch.path, 'registry');

  beforeAll(async () => {
    if (skipped) return;
    scratch = scratchDirectory();
    store = await open();
    server = await start();
    for (const model_id of ['hit', 'other']) {
      await server.call('deploy_model', {
        model_id,
        version: '1',
        source: testModel('linear_float32'),
        probe: { inputs },
      });
      const gates = { staging: { min_metrics: { f1: 0.5 } }, production: { min_metrics: { f1: 0.5 } } };
      await server.call('update_model', { model_id, gates });
    }
  });
  afterAll(async () => {
    if (skipped) return;
    await server.close();
    await store.drop();
    scratch.remove();
  });

  /** Writes a text into a column of the rows of `hit`, or of one version of it. @returns what puts back what was there */
  async function overwrite(
    table: string,
    column: string,
    text: string,
    version?: string,
  ): Promise<() => Promise<void>> {
    const opened = await openDatabase({ directory: registry(), databaseUrl: store.databaseUrl });
    const { database } = opened;
    const where =
      version === undefined ? sql`model_id = 'hit'` : sql`model_id = 'hit' and version = ${version}`;
    const { rows } = await sql<{ kept: string | null }>`
      select ${sql.ref(column)} as kept from ${sql.table(table)} where ${where}`.execute(database);
    const write = async (value: string | null) => {
      await withoutTriggers({ database, kind: kind as 'sqlite' | 'postgresql' }, table, () =>
        sql`update ${sql.table(table)} set ${sql.ref(column)} = ${value} where ${where}`.execute(database),
      );
    };
    await write(text);
    return async () => {
      await write(rows[0]?.kept ?? null);
      await opened.close();
    };
  }

  test.skipIf(skipped).each(cases)(
    'is a fault that names it, and no other model suffers: $table.$column',
    async ({ table, column, text, call: [tool, given], says }) => {
      const restore = await overwrite(table, column, text);
      try {
        // What the server remembers of a route is half a second old at most.
        const other = await start();
        const failure = await other.fail(tool, given);
        expect(failure).toMatchObject({ code: 'INTERNAL', retryable: false });
        expect(failure.message).toMatch(says);
        expect(failure.hint).toContain('modelyard verify');
        await other.call('predict', { model_id: 'other', inputs });
        await other.call('get_model', { model_id: 'other' });
        const { models } = await other.call('search_models');
        expect(models.map(({ model_id }) => model_id).sort()).toEqual(['hit', 'other']);
        const health = await other.call('health_check');
        expect(health.models.find(({ model_id }) => model_id === 'other')?.status).toBe('healthy');
        await other.close();
        const { code, output } = await runCommand(['verify'], {
          directory: scratch.path,
          settings: store.settings,
        });
        expect(code).toBe(1);
        expect(output).toContain(`${column} in the table ${table} cannot be read`);
      } finally {
        await restore();
      }
    },
  );

  test.skipIf(skipped)('of a route makes its model unhealthy, with the reason', async () => {
    const restore = await overwrite('routes', 'weights', 'null');
    try {
      const { models } = await server.call('health_check');
      expect(models.find(({ model_id }) => model_id === 'hit')).toMatchObject({
        status: 'unhealthy',
        detail: expect.stringContaining('weights in the table routes cannot be read'),
      });
    } finally {
      await restore();
    }
  });

  test.skipIf(skipped).each([
    ['versions', 'signature', '{"inputs": ['],
    ['versions', 'class_labels', '{}'],
    ['deployments', 'input_sizes', 'x'],
  ])('takes out its own version only: %s.%s', async (table, column, text) => {
    const fault = `${column} in the table ${table} cannot be read`;
    await server.call('deploy_model', { model_id: 'hit', version: '2', source: testModel('linear_float32') });
    await server.call('set_traffic', { model_id: 'hit', weights: { 1: 0.5, 2: 0.5 } });
    const restore = await overwrite(table, column, text, '1');
    const other = await start();
    try {
      const pinned = await other.call('predict', { model_id: 'hit', version: '2', inputs });
      expect(pinned.version).toBe('2');
      expect((await other.fail('predict', { model_id: 'hit', version: '1', inputs })).message).toContain(
        fault,
      );
      for (let call = 0; call < 8; call++) {
        const { version, route, warnings } = await other.call('predict', { model_id: 'hit', inputs });
        expect(version).toBe('2');
        if (route === 'fallback')
          expect(warnings?.join(' ')).toContain('what the database keeps of 1 is damaged');
      }
      const { models } = await other.call('health_check', { model_id: 'hit' });
      expect(models.find(({ version }) => version === '1')).toMatchObject({
        status: 'unhealthy',
        detail: expect.stringContaining(fault),
      });
      expect(models.find(({ version }) => version === '2')?.status).toBe('healthy');
      const shown = await other.call('get_model', { model_id: 'hit' });
      expect(shown.versions.map(({ version }) => version)).toContain('2');
      if (table === 'versions') expect(shown.warnings?.join()).toContain(fault);
      await other.call('set_traffic', { model_id: 'hit', weights: { 2: 1 } });
      await other.call('retire_model', { model_id: 'hit', version: '1' });
    } finally {
      await other.close();
      await restore();
    }
    await server.call('deploy_model', { model_id: 'hit', version: '1', probe: { inputs } });
    await server.call('set_traffic', { model_id: 'hit', weights: { 1: 1 } });
    await server.call('retire_model', { model_id: 'hit', version: '2' });
  });

  test.skipIf(skipped)('keeps no outcomes of other versions, and no comparison of them', async () => {
    await server.call('deploy_model', { model_id: 'hit', version: '2', source: testModel('linear_float32') });
    await server.call('set_traffic', { model_id: 'hit', weights: { 1: 1 }, shadow_version: '2' });
    const idOf = async (version: string) => {
      const { predictions } = await server.call('predict', { model_id: 'hit', version, inputs });
      return predictions[0]?.prediction_id ?? '';
    };
    const [good, other] = [await idOf('1'), await idOf('2')];
    const outcomes = [good, other].map((prediction_id) => ({ prediction_id, actual: 1 }));
    const restore = await overwrite('versions', 'signature', '{', '2');
    try {
      // A row of the damaged version as a shadow comes to the log all the same.
      await server.call('predict', { model_id: 'hit', inputs });
      const report = await server.call('record_outcomes', { model_id: 'hit', outcomes });
      expect(report).toMatchObject({ matched: 1, unknown_total: 0 });
      expect(report.warnings.join(' ')).toMatch(/^1 were not recorded\. .* of hit 2 is damaged: signature/);
      const performance = await server.call('get_performance', {
        model_id: 'hit',
        version: '1',
        by_version: true,
      });
      expect(performance.versions?.map(({ version }) => version)).toEqual(['1']);
      expect(performance.warnings?.join(' ')).toMatch(/2 is left out: .* of hit 2 is damaged/);
      const failure = await server.fail('record_outcomes', { model_id: 'hit', outcomes: outcomes.slice(1) });
      expect(failure).toMatchObject({
        code: 'INTERNAL',
        message: expect.stringContaining('hit 2 is damaged'),
      });
    } finally {
      await restore();
    }
    const again = await server.call('record_outcomes', { model_id: 'hit', outcomes });
    expect(again).toMatchObject({ matched: 1, already_set: 1, warnings: [] });
    await server.call('set_traffic', { model_id: 'hit', weights: { 1: 1 }, shadow_version: null });
    await server.call('retire_model', { model_id: 'hit', version: '2' });
  });

  test.skipIf(skipped)('of the version in production holds up none that replaces it', async () => {
    await server.call('update_model', { model_id: 'hit', gates: { staging: null, production: null } });
    const promote = (version: string, target_stage: string, more = {}) =>
      server.call('promote_model', { model_id: 'hit', version, target_stage, ...more });
    for (const stage of ['staging', 'production']) await promote('1', stage);
    await server.call('deploy_model', {
      model_id: 'hit',
      version: '3',
      source: testModel('linear_float32_b'),
      set_active: false,
    });
    const restore = await overwrite('versions', 'signature', '{', '1');
    try {
      const { gates } = await promote('3', 'staging', { dry_run: true });
      expect(gates.every(({ passed }) => passed)).toBe(true);
      await promote('3', 'staging');
      // A gate that needs what is damaged names it, and what can be done.
      await server.call('update_model', { model_id: 'hit', gates: { production: { signature: true } } });
      const refused = await server.fail('promote_model', {
        model_id: 'hit',
        version: '3',
        target_stage: 'production',
      });
      expect(refused.code).toBe('GATE_FAILED');
      expect(refused.message).toMatch(
        /Gate signature: .* of hit 1 is damaged: signature in the table versions .*modelyard verify.* take this gate out/,
      );
      await server.call('update_model', { model_id: 'hit', gates: { production: null } });
      const done = await promote('3', 'production', { activate: true });
      expect(done.archived).toEqual(['1']);
      expect((await server.call('predict', { model_id: 'hit', inputs })).version).toBe('3');
    } finally {
      await restore();
    }
    await server.call('rollback_model', { model_id: 'hit', to_version: '1', reason: 'the test goes on' });
  });

  test.skipIf(skipped)('of what the change detectors keep holds up no prediction', async () => {
    await server.call('predict', { model_id: 'hit', inputs });
    const { total } = await server.call('list_predictions', { model_id: 'hit' });
    const restore = await overwrite('online_streams', 'findings', '[{');
    try {
      await server.call('predict', { model_id: 'hit', inputs });
      expect((await server.call('list_predictions', { model_id: 'hit' })).total).toBe(total + 1);
    } finally {
      await restore();
    }
  });
});
