import { createHash } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OpenDatabase, openDatabase } from '../../src/storage/database.ts';
import { withoutTriggers } from '../storage/triggers.ts';
import { startServer, type TestServer } from './client.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { runCommand } from './running_command.ts';
import { stores, type TestStore } from './stores.ts';

const models = ['linear_float32', 'linear_float32_b', 'identity_float32', 'identity_int64'] as const;
const long = new Date('2020-01-01');

/** Every file of the registry with the hash of its bytes. */
function filesOf(directory: string): Record<string, string> {
  const found = readdirSync(directory, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    found
      .filter((entry) => entry.isFile() && !/\.db-(wal|shm)$|\.log$/.test(entry.name))
      .map(({ parentPath, name }) => {
        const path = join(parentPath, name);
        return [path, createHash('sha256').update(readFileSync(path)).digest('hex')];
      }),
  );
}

/** Turns one byte of a file around; its size stays. */
function flip(path: string, at = statSync(path).size >> 1): void {
  const content = readFileSync(path);
  content[at] = (content[at] ?? 0) ^ 1;
  writeFileSync(path, content);
}

describe.each(stores)('damage $name', ({ skipped, open, kind }) => {
  let scratch: Scratch;
  let store: TestStore;
  let registry = '';
  const artifact: Partial<Record<(typeof models)[number], string>> = {};

  beforeAll(async () => {
    if (skipped) return;
    scratch = scratchDirectory();
    store = await open();
    registry = join(scratch.path, 'registry');
    const server = await start();
    for (const name of models) {
      const { artifact: stored } = await server.call('register_model', {
        model_id: 'm',
        version: name,
        source: testModel(name),
      });
      artifact[name] = join(
        registry,
        'artifacts',
        stored.sha256.slice(0, 2),
        `${stored.sha256.slice(2)}.onnx`,
      );
    }
    await server.call('deploy_model', { model_id: 'm', version: 'linear_float32' });
    await server.call('promote_model', { model_id: 'm', version: 'linear_float32', target_stage: 'staging' });
    await server.call('promote_model', {
      model_id: 'm',
      version: 'linear_float32',
      target_stage: 'production',
    });
    await server.call('promote_model', { model_id: 'm', version: 'identity_int64', target_stage: 'staging' });
    await server.call('predict', { model_id: 'm', inputs: [{ f0: 1, f1: 2, f2: 3 }] });
    await server.close();
  });
  afterAll(async () => {
    if (skipped) return;
    await store.drop();
    scratch.remove();
  });
  const start = (): Promise<TestServer> => startServer({ directory: scratch.path, settings: store.settings });
  const verify = () => runCommand(['verify'], { directory: scratch.path, settings: store.settings });
  const pathOf = (name: (typeof models)[number]) => artifact[name] ?? '';

  test.skipIf(skipped)(
    'of equal size is told by health_check, served from memory only, and mended',
    async () => {
      const server = await start();
      const predict = { model_id: 'm', inputs: [{ f0: 1, f1: 2, f2: 3 }] };
      await server.call('predict', predict);
      flip(pathOf('linear_float32'));
      flip(pathOf('identity_float32'));
      const health = await server.call('health_check');
      expect(health.status).toBe('unhealthy');
      expect(health.checks.find(({ name }) => name === 'artifacts')).toMatchObject({
        status: 'degraded',
        detail: expect.stringMatching(
          /^2 of 4 are damaged or missing: (?=.*m linear_float32 \(damaged\))(?=.*m identity_float32 \(damaged\))/,
        ),
      });
      expect(health.models[0]).toMatchObject({
        status: 'unhealthy',
        detail: expect.stringContaining('answering from memory'),
      });
      // Loaded, it goes on; what is not loaded never is, in this process or another.
      await server.call('predict', predict);
      const deploy = { model_id: 'm', version: 'identity_float32' };
      expect((await server.fail('deploy_model', deploy)).code).toBe('ARTIFACT_MISMATCH');
      const other = await start();
      expect((await other.fail('predict', predict)).code).toBe('ARTIFACT_MISMATCH');
      expect((await other.call('health_check')).models[0]).toMatchObject({
        detail: expect.stringContaining('not served until then'),
      });
      for (const name of ['linear_float32', 'identity_float32'] as const)
        await other.call('register_model', { model_id: 'm', version: name, source: testModel(name) });
      for (const one of [server, other]) {
        const { checks } = await one.call('health_check');
        expect(checks.filter(({ status }) => status !== 'healthy')).toEqual([]);
        await one.call('predict', predict);
        await one.close();
      }
    },
  );

  test.skipIf(skipped)(
    'there is none in a good store, while servers run, and nothing is changed',
    async () => {
      const server = await start();
      await server.call('health_check');
      const before = filesOf(registry);
      const { code, output, errors } = await verify();
      expect({ code, errors }).toEqual({ code: 0, errors: '' });
      expect(output).toMatch(/^0 problems, 0 notes\. Checked: 4 versions with 3 stage changes, 4 artifacts/);
      expect(filesOf(registry)).toEqual(before);
      await server.close();
    },
  );

  test.skipIf(skipped)('of every kind is found, and told with what to do', async () => {
    // Files.
    flip(pathOf('linear_float32'));
    rmSync(pathOf('linear_float32_b'));
    writeFileSync(pathOf('identity_float32'), 'short');
    const spare = join(registry, 'artifacts', 'ab', `${'c'.repeat(62)}.onnx`);
    mkdirSync(join(registry, 'artifacts', 'ab'), { recursive: true });
    writeFileSync(spare, 'spare');
    writeFileSync(join(registry, 'artifacts', 'ab', 'notes.txt'), 'mine');
    mkdirSync(join(registry, 'incoming'), { recursive: true });
    writeFileSync(join(registry, 'incoming', 'left'), 'half');
    for (const old of [spare, join(registry, 'incoming', 'left')]) utimesSync(old, long, long);
    writeFileSync(join(registry, 'artifacts', 'ab', `${'d'.repeat(62)}.onnx`), 'being registered');
    mkdirSync(join(registry, 'journals'), { recursive: true });
    writeFileSync(
      join(registry, 'journals', `another-host~1~${'0'.repeat(32)}.jsonl`),
      '{"not":"an entry"}\nnor this\n{"cut of',
    );
    // The database.
    const opened = await openDatabase({ directory: registry, databaseUrl: store.databaseUrl });
    await damageDatabase(opened);
    await opened.close();

    const { code, output, errors } = await verify();
    expect({ code, errors }).toEqual({ code: 1, errors: '' });
    const problems = output.split('\n').filter((line) => line.startsWith('PROBLEM: '));
    const notes = output.split('\n').filter((line) => line.startsWith('NOTE: '));
    for (const expected of [
      /artifact [0-9a-f]{64} of m linear_float32 is damaged.*Register the same file again/,
      /artifact [0-9a-f]{64} of m linear_float32_b is missing/,
      /artifact [0-9a-f]{64} of m identity_float32 has 5 bytes instead of \d+/,
      /2 of 2 lines of journals\/another-host~1~0+\.jsonl cannot be read, line 1 first/,
      /m identity_int64: it is in development, and its stage history ends in staging/,
      /m linear_float32: its stage history has no step 1 before step 2/,
      /m linear_float32_b: its record cannot be read/,
      /ghost 1 has a stage history, and neither exists nor was ever deleted/,
      /aliases has rows of m nowhere, which does not exist/,
      /the route of m leads to identity_float32, which is not deployed/,
      /m linear_float32: what the database keeps of the reference data of x is damaged: facts in the table reference_columns cannot be read/,
      /what the database keeps of the deployment of m linear_float32 is damaged: probe in the table deployments cannot be read/,
      /what the database keeps of the gates of m for production is damaged: policy in the table gate_policies cannot be read/,
      /\d+ logged predictions of m linear_float32 from .* on cannot be read: it is damaged/,
      /the audit trail is broken at entry 2: its content was altered/,
      /m linear_float32_b exists though it was deleted/,
      ...(kind === 'sqlite' ? [/1 rows of aliases refer to rows of versions that do not exist/] : []),
    ])
      expect(problems, String(expected)).toContainEqual(expect.stringMatching(expected));
    // Besides what is wrong in itself: ten rows are not as the audit trail left them.
    const past = problems.filter((line) => /without an entry|no entry tells of it/.test(line));
    expect(past).toHaveLength(10);
    expect(problems).toHaveLength((kind === 'sqlite' ? 17 : 16) + past.length);
    expect(notes.toSorted()).toEqual([
      expect.stringContaining(join('artifacts', 'ab', 'notes.txt')),
      expect.stringContaining('incoming/left (4 bytes) was left by a process that was killed'),
      expect.stringMatching(/no version refers to artifacts.ab.c+\.onnx/),
    ]);
    expect(output).toContain(`${problems.length} problems, 3 notes.`);
    expect(
      (await runCommand(['audit', '--verify'], { directory: scratch.path, settings: store.settings })).code,
    ).toBe(1);
  });

  test.skipIf(skipped || kind !== 'sqlite')('of the database file itself is found', async () => {
    const file = join(registry, 'modelyard.db');
    const { size } = statSync(file);
    const descriptor = openSync(file, 'r+');
    // All pages but the first, in which the tables are listed.
    for (let page = 4096; page < size; page += 4096)
      writeSync(descriptor, Buffer.alloc(1024, 0xa5), 0, 1024, page);
    closeSync(descriptor);
    const { code, output, errors } = await verify();
    expect(code).toBe(1);
    expect(output + errors).toMatch(/damaged|malformed|CORRUPT/);
    expect(output + errors).toContain('restore a backup');
    writeFileSync(file, 'no database any more '.repeat(1000));
    const gone = await verify();
    expect(gone.code).toBe(1);
    expect(gone.errors).toMatch(/damaged \(SQLITE_(NOTADB|CORRUPT)\).*backup/);
  });
});

/** What only somebody with the database's password could do. */
async function damageDatabase(opened: OpenDatabase): Promise<void> {
  const { database, kind } = opened;
  const without = (table: string, change: () => Promise<unknown>) => withoutTriggers(opened, table, change);
  const at = (version: string) => database.updateTable('versions').where('version', '=', version);
  await without('versions', async () => {
    await at('identity_int64').set({ stage: 'development' }).execute();
    await at('linear_float32_b').set({ signature: '{"inputs":1}' }).execute();
  });
  const step = {
    kind: 'promotion' as const,
    forced: 0,
    revision: 1,
    from_stage: 'development',
    to_stage: 'staging',
    at: 1,
    by: 'x',
    reason: null,
  };
  await without('stage_transitions', async () => {
    await database
      .deleteFrom('stage_transitions')
      .where('version', '=', 'linear_float32')
      .where('sequence', '=', 1)
      .execute();
    await database
      .insertInto('stage_transitions')
      .values({ ...step, transition_id: 'ghost', model_id: 'ghost', version: '1', sequence: 1 })
      .execute();
  });
  await database.connection().execute(async (connection) => {
    await sql
      .raw(kind === 'sqlite' ? 'pragma foreign_keys = off' : 'set session_replication_role = replica')
      .execute(connection);
    await connection
      .insertInto('aliases')
      .values({ model_id: 'm', alias: 'lost', version: 'nowhere', changed_at: 1, changed_by: 'x' })
      .execute();
    await sql
      .raw(kind === 'sqlite' ? 'pragma foreign_keys = on' : 'set session_replication_role = default')
      .execute(connection);
  });
  await database
    .updateTable('routes')
    .set({ weights: '[["linear_float32",0.5],["identity_float32",0.5]]' })
    .execute();
  const [segment] = await database.selectFrom('prediction_segments').selectAll().execute();
  await database
    .updateTable('prediction_segment_parts')
    .set({ bytes: Buffer.from('no columns') })
    .where('segment_id', '=', segment?.segment_id ?? '')
    .execute();
  await database.updateTable('deployments').set({ probe: '{' }).execute();
  await database
    .insertInto('references')
    .values({
      reference_id: 'r',
      model_id: 'm',
      version: 'linear_float32',
      created_at: 1,
      created_by: 'x',
      source: 'x',
      row_count: 1,
    })
    .execute();
  await database
    .insertInto('reference_columns')
    .values({
      reference_id: 'r',
      part: 'features',
      position: 0,
      name: 'x',
      kind: 'numeric',
      facts: '{"count":"none"}',
      bytes: Buffer.alloc(0),
    })
    .execute();
  await database
    .insertInto('gate_policies')
    .values({ model_id: 'm', stage: 'production', policy: '{"no":"gate"}', changed_at: 1, changed_by: 'x' })
    .execute();
  await database
    .insertInto('deleted_versions')
    .values({
      model_id: 'm',
      version: 'linear_float32_b',
      deleted_at: 1,
      deleted_by: 'x',
      artifact_sha256: '0',
    })
    .execute();
  await without('audit_entries', () =>
    database.updateTable('audit_entries').set({ outcome: 'other' }).where('sequence', '=', 2).execute(),
  );
}
