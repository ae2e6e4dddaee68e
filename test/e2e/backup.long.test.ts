import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/storage/database.ts';
import { tableCatalogue } from '../../src/storage/table_catalogue.ts';
import { insertRows } from '../../src/storage/table_rows.ts';
import { startServer } from './client.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { runCommand, startCommand } from './running_command.ts';
import { stores, type TestStore } from './stores.ts';
import { until } from './until.ts';

const row = { f0: 1, f1: 2, f2: 3 };
const admin = { MODELYARD_ROLE: 'admin' };
/** Enough for a backup and a restore to take a while. */
const minutes = 60_000;
const plain: Record<string, string | number> = { model_id: 'm', version: 'v', calls: 1, errors: 0 };

describe.each(stores)('a backup of a store $name', ({ skipped, open }) => {
  let scratch: Scratch;
  let store: TestStore;
  /** Stores that were made in a test. */
  const made: { scratch: Scratch; store: TestStore }[] = [];
  beforeAll(async () => {
    if (skipped) return;
    scratch = scratchDirectory();
    store = await open();
  });
  afterAll(async () => {
    if (skipped) return;
    for (const one of [{ scratch, store }, ...made]) {
      await one.store.drop();
      one.scratch.remove();
    }
  });
  const newStore = async () => {
    const one = { scratch: scratchDirectory(), store: await open() };
    made.push(one);
    return {
      directory: one.scratch.path,
      registry: join(one.scratch.path, 'registry'),
      settings: one.store.settings,
      databaseUrl: one.store.databaseUrl,
    };
  };
  const own = () => ({ directory: scratch.path, settings: store.settings });
  const start = () => startServer(own());

  test.skipIf(skipped)(
    'while four servers write holds what was answered before, and serves at once',
    async () => {
      const servers = await Promise.all([1, 2, 3, 4].map(start));
      const [first] = servers;
      if (first === undefined) throw new Error('no server');
      await first.call('deploy_model', { model_id: 'm', version: '1', source: testModel('linear_float32') });
      const answered: string[] = [];
      const predict = async (server: typeof first) => {
        const { predictions } = await server.call('predict', { model_id: 'm', inputs: [row] });
        answered.push(...predictions.map(({ prediction_id }) => prediction_id));
      };
      for (const server of servers) await predict(server);

      let writing = true;
      let registered = 0;
      const writers = servers.map(async (server, number) => {
        for (let turn = 0; writing; turn++) {
          await predict(server);
          await server.call('register_model', {
            model_id: `of-${number}`,
            version: String(turn),
            source: testModel(turn % 2 === 0 ? 'linear_float32_b' : 'identity_float32'),
          });
          await server.call('promote_model', {
            model_id: `of-${number}`,
            version: String(turn),
            target_stage: turn % 3 === 0 ? 'staging' : 'production',
          });
          registered++;
        }
      });
      await until('the servers write', () => registered >= 8);

      const before = [...answered];
      const file = join(scratch.path, 'written.backup');
      const operator = { ...own(), settings: { ...store.settings, MODELYARD_ROLE: 'operator' } };
      expect(await runCommand(['backup', file], operator)).toMatchObject({ code: 0, errors: '' });
      const count = registered;
      await until('the servers go on', () => registered > count);
      writing = false;
      await Promise.all(writers);
      expect(await runCommand(['verify'], own())).toMatchObject({ code: 0 });
      await Promise.all(servers.map((server) => server.close()));

      const target = await newStore();
      const restored = await runCommand(['restore', file], {
        ...target,
        settings: { ...target.settings, ...admin },
      });
      expect(restored).toMatchObject({ code: 0, errors: '' });
      const verified = await runCommand(['verify'], target);
      expect(verified).toMatchObject({ code: 0, output: expect.stringMatching(/^0 problems, 0 notes/) });
      const entries = async (where: { directory: string }, action: string) =>
        (await runCommand(['audit', '--action', action, '--json'], where)).output
          .split('\n')
          .filter((line) => line.startsWith('{'))
          .map((line) => JSON.parse(line));
      const [entry, ...others] = await entries(own(), 'backup');
      expect(others).toEqual([]);
      expect(entry).toMatchObject({ role: 'operator', client: 'command line', outcome: 'done' });
      expect(JSON.parse(entry.arguments)).toEqual({ file, force: false });
      const { sequence, rows } = JSON.parse(entry.after);
      expect(sequence).toBe(rows.audit_entries);
      expect(sequence).toBeLessThan(entry.sequence);
      // The restored trail ends with the restore, after the last entry that was in the backup.
      expect(await entries(target, 'backup')).toEqual([]);
      expect(await entries(target, 'restore')).toMatchObject([{ role: 'admin', sequence: sequence + 1 }]);
      const server = await startServer(target);
      expect((await server.call('predict', { model_id: 'm', inputs: [row] })).predictions[0]?.value).toBe(
        4.75,
      );
      const { checks } = await server.call('health_check');
      expect(checks.find(({ name }) => name === 'artifacts')?.detail).not.toContain('damaged');
      for (const prediction_id of before) {
        const { predictions } = await server.call('list_predictions', { model_id: 'm', prediction_id });
        expect(predictions, prediction_id).toHaveLength(1);
      }
      await server.close();
    },
    180_000,
  );

  describe('that takes a while', () => {
    let file = '';
    beforeAll(async () => {
      if (skipped) return;
      const source = await newStore();
      const server = await startServer(source);
      for (const name of ['linear_float32', 'linear_float32_b', 'identity_float32', 'identity_int64'])
        await server.call('register_model', { model_id: 'm', version: name, source: testModel(name) });
      await server.call('promote_model', {
        model_id: 'm',
        version: 'linear_float32',
        target_stage: 'production',
      });
      await server.close();
      const opened = await openDatabase({ directory: source.registry, databaseUrl: source.databaseUrl });
      const columns = (await tableCatalogue()).find(({ name }) => name === 'serving_minutes')?.columns ?? [];
      for (let from = 0; from < minutes; from += 10_000)
        await insertRows(
          opened.database,
          opened.kind,
          { name: 'serving_minutes', columns },
          Array.from({ length: 10_000 }, (_, index) =>
            columns.map((column) =>
              column === 'minute'
                ? (from + index) * 60_000
                : (plain[column] ?? randomBytes(200).toString('hex')),
            ),
          ),
        );
      await opened.close();
      file = join(scratch.path, 'long.backup');
      expect((await runCommand(['backup', file], source)).code).toBe(0);
      slow = source;
    }, 120_000);
    let slow: Awaited<ReturnType<typeof newStore>> | undefined;

    test.skipIf(skipped)('and is killed leaves no backup, and the next one clears up', async () => {
      const source = slow ?? (await newStore());
      const name = 'killed.backup';
      const target = join(scratch.path, name);
      const partials = () => readdirSync(scratch.path).filter((entry) => entry.startsWith(`.${name}`));
      const command = startCommand(['backup', target], source);
      await until('it writes', () =>
        partials().some((entry) => statSync(join(scratch.path, entry)).size > 100_000),
      );
      command.process.kill('SIGKILL');
      expect((await command.ended).code).toBeNull();
      expect(existsSync(target)).toBe(false);
      expect(partials()).toHaveLength(1);
      expect((await runCommand(['verify'], source)).code).toBe(0);
      expect((await runCommand(['backup', target], source)).code).toBe(0);
      expect(partials()).toEqual([]);
      expect(statSync(target).mode & 0o077).toBe(0);
      const again = await runCommand(['backup', target], source);
      expect(again).toMatchObject({ code: 1, errors: expect.stringContaining('exists already') });
      expect((await runCommand(['backup', target, '--force'], source)).code).toBe(0);
      // The three that came to something: neither the killed one nor the refused one.
      const { output } = await runCommand(['audit', '--action', 'backup', '--json'], source);
      expect(output.trimEnd().split('\n')).toHaveLength(3);
    });

    test.skipIf(skipped)(
      'is restored all or nothing: killed at any moment it can be run again',
      async () => {
        const target = await newStore();
        const options = { ...target, settings: { ...target.settings, ...admin } };
        const artifacts = () =>
          readdirSync(target.registry, { recursive: true, encoding: 'utf8' }).filter((name) =>
            name.endsWith('.onnx'),
          );
        const databaseBytes = () => {
          const wal = join(target.registry, 'modelyard.db-wal');
          return existsSync(wal) ? statSync(wal).size : 0;
        };
        const moments: [string, () => boolean][] = [
          ['the first artifact', () => artifacts().length > 0],
          ['the last artifact', () => artifacts().length === 4],
          ...(target.databaseUrl === undefined
            ? [['half of the rows', () => databaseBytes() > 10_000_000] satisfies [string, () => boolean]]
            : []),
        ];
        for (const [moment, isReached] of moments) {
          const command = startCommand(['restore', file], options);
          await until(moment, () => existsSync(target.registry) && isReached());
          command.process.kill('SIGKILL');
          expect((await command.ended).code, moment).toBeNull();
          const { database, close } = await openDatabase({
            directory: target.registry,
            databaseUrl: target.databaseUrl,
          });
          for (const table of [
            'models',
            'versions',
            'prediction_segments',
            'audit_entries',
            'stage_transitions',
          ] as const)
            expect(
              await database.selectFrom(table).selectAll().limit(1).execute(),
              `${moment}: ${table}`,
            ).toEqual([]);
          await close();
        }
        expect(await runCommand(['restore', file], options)).toMatchObject({ code: 0, errors: '' });
        expect(await runCommand(['verify'], target)).toMatchObject({ code: 0 });
        const server = await startServer(target);
        const { versions } = await server.call('get_model', { model_id: 'm' });
        expect(versions.filter(({ stage }) => stage === 'production')).toHaveLength(1);
        await server.close();
        const again = await runCommand(['restore', file], options);
        expect(again).toMatchObject({ code: 1, errors: expect.stringContaining('not empty') });
      },
      120_000,
    );

    test.skipIf(skipped)('is restored by an admin only, and never by a read-only one', async () => {
      const target = await newStore();
      for (const settings of [
        {},
        { MODELYARD_ROLE: 'viewer' },
        { MODELYARD_ROLE: 'operator' },
        { ...admin, MODELYARD_READ_ONLY: 'true' },
      ]) {
        const { code, errors } = await runCommand(['restore', file], {
          ...target,
          settings: { ...target.settings, ...settings },
        });
        expect(code).toBe(1);
        expect(errors).toMatch(/^modelyard: A restore needs the role admin.*\n$/);
        expect(existsSync(target.registry)).toBe(false);
      }
    });

    test.skipIf(skipped)('that is damaged is refused before anything is made', async () => {
      const target = await newStore();
      const broken = join(scratch.path, 'broken.backup');
      writeFileSync(broken, 'nothing');
      const options = { ...target, settings: { ...target.settings, ...admin } };
      const { code, errors } = await runCommand(['restore', broken], options);
      expect(code).toBe(1);
      expect(errors).toContain('cannot be restored');
      expect(existsSync(target.registry)).toBe(false);
    });
  });
});
