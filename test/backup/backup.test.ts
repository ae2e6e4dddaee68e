import { randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { types } from 'node:util';
import { sql } from 'kysely';
import { beforeAll, describe, expect, test } from 'vitest';
import { appendAudit } from '../../src/access/audit.ts';
import { checkAuditChain } from '../../src/access/audit_chain.ts';
import { entryNames } from '../../src/backup/format.ts';
import { backupEntries, checkBackup } from '../../src/backup/read_backup.ts';
import { restoreBackup } from '../../src/backup/restore_backup.ts';
import { writeBackup } from '../../src/backup/write_backup.ts';
import { segmentsOf } from '../../src/prediction_log/segment.ts';
import { encodeSegment, insertSegments } from '../../src/prediction_log/segment_store.ts';
import { artifactStore } from '../../src/storage/artifact_store.ts';
import { type Database, type OpenDatabase, openDatabase } from '../../src/storage/database.ts';
import { knownMigrations } from '../../src/storage/migrate.ts';
import { tableCatalogue } from '../../src/storage/table_catalogue.ts';
import { insertRows } from '../../src/storage/table_rows.ts';
import { callBy } from '../access/origins.ts';
import { answered } from '../prediction_log/entries.ts';
import { deployRow, moveTo, seeder } from '../registry/seed.ts';
import { describeOnEachDatabase, type TestDatabase } from '../storage/databases.ts';
import { temporaryDirectory } from '../temporary.ts';
import { repack } from './repack.ts';

const silent = () => undefined;
const clock = () => Date.UTC(2026, 0, 31);

async function backUp(opened: OpenDatabase, directory: string, file: string) {
  const handle = await open(file, 'w');
  try {
    const artifacts = artifactStore(directory, 1e9);
    return await writeBackup({ opened, artifacts, clock, progress: silent }, (chunk) =>
      handle.writeFile(chunk),
    );
  } finally {
    await handle.close();
  }
}

async function restore(opened: OpenDatabase, directory: string, file: string): Promise<void> {
  const artifacts = artifactStore(directory, 1e9);
  const target = { opened, directory, artifacts, clock, progress: silent };
  await restoreBackup(target, file, await checkBackup(file), callBy('admin'));
}

/** Something in every table that the services fill, with texts that are not plain. */
async function fillStore({ database, kind }: OpenDatabase, directory: string): Promise<void> {
  const seed = seeder(database, directory);
  for (const version of ['1', '2', '3'])
    await seed({
      modelId: 'm',
      version,
      metrics: { accuracy: 0.1 + 0.2, tiny: 5e-324 },
      tags: { 'a "tag"': "it's\n😀" },
      parentVersion: version === '1' ? undefined : '1',
    });
  await moveTo(database, 'm', '1', 'production');
  await moveTo(database, 'm', '2', 'staging');
  await database.insertInto('deployments').values(deployRow('m', '1')).execute();
  await database
    .insertInto('routes')
    .values({
      model_id: 'm',
      active_version: '1',
      weights: '[["1",1]]',
      sticky: 1,
      changed_at: 1,
      changed_by: 'x',
    })
    .execute();
  await database
    .insertInto('aliases')
    .values({ model_id: 'm', alias: 'champion', version: '1', changed_at: 1, changed_by: 'x' })
    .execute();
  await database
    .transaction()
    .execute((transaction) =>
      appendAudit(
        transaction,
        callBy('operator'),
        { modelId: 'm', version: '9', before: undefined, after: undefined, outcome: 'VERSION_NOT_FOUND' },
        2,
      ),
    );
  const entries = [answered({ modelId: 'm' }), answered({ modelId: 'm' })];
  await insertSegments(database, segmentsOf(entries).map(encodeSegment));
  await database.updateTable('log_tasks').set({ next_at: 12 }).execute();
  const columns = (await tableCatalogue()).find(({ name }) => name === 'mlflow_measurements')?.columns ?? [];
  await insertRows(
    database,
    kind,
    { name: 'mlflow_measurements', columns },
    Array.from({ length: 12_345 }, (_, row) =>
      columns.map((column) => {
        if (column === 'at') return row;
        return column === 'measurement_id' ? `m${row}` : `${column} ${row % 7}`;
      }),
    ),
  );
}

/** All rows of all tables, as comparable text; without the audit trail's end, which a restore adds to. */
async function contents(database: Database): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const { name } of await tableCatalogue()) {
    if (name === 'audit_head') continue;
    const { rows } = await sql<Record<string, unknown>>`select * from ${sql.table(name)}`.execute(database);
    found[name] = rows
      .map((row) =>
        JSON.stringify(
          Object.entries(row)
            .map(([column, value]) => [column, types.isAnyArrayBuffer(value) ? Buffer.from(value) : value])
            .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
        ),
      )
      .toSorted();
  }
  return found;
}

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [entry.name] : [],
  );
}

const targets: { from: TestDatabase['kind']; to: TestDatabase['kind'] }[] = [];

describeOnEachDatabase('a backup', (source) => {
  let opened: OpenDatabase;
  const { directory } = source.address;
  const file = join(temporaryDirectory(), 'store.backup');

  beforeAll(async () => {
    opened = await source.open();
    await fillStore(opened, directory);
    const report = await backUp(opened, directory, file);
    expect(report).toMatchObject({
      artifacts: 3,
      predictions: 2,
      rows: { models: 1, versions: 3, prediction_segment_parts: 2 },
    });
  });

  describeOnEachDatabase('restored', (target) => {
    test('is the store it was made of, with an audit entry of the restore', async () => {
      targets.push({ from: source.kind, to: target.kind });
      const into = await target.open();
      await restore(into, target.address.directory, file);
      const before = await contents(opened.database);
      const after = await contents(into.database);
      const { audit_entries: added = [] } = after;
      const entries = before.audit_entries ?? [];
      expect(added.filter((row) => !entries.includes(row))).toEqual([
        expect.stringContaining('["action","test"]'),
      ]);
      expect({ ...after, audit_entries: entries }).toEqual(before);
      expect(await checkAuditChain(into.database)).toMatchObject({
        entries: entries.length + 1,
        faults: [],
      });
      const stored = artifactStore(target.address.directory, 1e9);
      for (const { artifact_sha256: sha256, artifact_bytes: bytes } of await into.database
        .selectFrom('versions')
        .select(['artifact_sha256', 'artifact_bytes'])
        .execute())
        await stored.verify({ sha256, bytes });
      // The rules of stages and of append-only tables hold there as everywhere.
      await expect(into.database.deleteFrom('audit_entries').execute()).rejects.toThrow('append-only');
    });

    test('goes into no store that has something in it', async () => {
      const into = await target.open();
      const before = await contents(into.database);
      await expect(restore(into, target.address.directory, file)).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        message: expect.stringContaining('not empty'),
      });
      expect(await contents(into.database)).toEqual(before);
    });
  });

  test('with a damaged artifact is not made', async () => {
    const { pathOf } = artifactStore(directory, 1e9);
    const { artifact_sha256: sha256 } = await opened.database
      .selectFrom('versions')
      .select('artifact_sha256')
      .where('version', '=', '2')
      .executeTakeFirstOrThrow();
    const good = readFileSync(pathOf(sha256));
    const scratch = join(temporaryDirectory(), 'never');
    writeFileSync(pathOf(sha256), Buffer.from(good).fill(0, 0, 1));
    await expect(backUp(opened, directory, scratch)).rejects.toMatchObject({
      artifact: { sha256 },
      message: expect.stringContaining('damaged'),
    });
    rmSync(pathOf(sha256));
    await expect(backUp(opened, directory, scratch)).rejects.toMatchObject({
      message: expect.stringContaining('missing'),
    });
    writeFileSync(pathOf(sha256), good);
  });
});

test('every way from one database to another was gone', () => {
  const kinds = process.env.MODELYARD_TEST_DATABASE_URL === undefined ? 1 : 4;
  expect(new Set(targets.map(({ from, to }) => `${from} ${to}`)).size).toBe(kinds);
});

describe('a backup file', () => {
  const folder = temporaryDirectory();
  const good = join(folder, 'good');
  const copy = () => {
    const path = join(folder, randomUUID());
    copyFileSync(good, path);
    return path;
  };
  const into = async (file: string) => {
    const directory = temporaryDirectory();
    const opened = await openDatabase({ directory });
    try {
      await restore(opened, directory, file);
    } finally {
      expect(await opened.database.selectFrom('models').selectAll().execute()).toEqual([]);
      expect(filesIn(join(directory, 'artifacts'))).toEqual([]);
      expect(filesIn(join(directory, 'incoming'))).toEqual([]);
      await opened.close();
    }
  };
  const refusal = (why: RegExp) => ({ code: 'INVALID_INPUT', message: expect.stringMatching(why) });

  beforeAll(async () => {
    const directory = temporaryDirectory();
    const opened = await openDatabase({ directory });
    await fillStore(opened, directory);
    await backUp(opened, directory, good);
    await opened.close();
    expect((await checkBackup(good)).manifest.artifacts).toBe(3);
  });

  test('that was cut off anywhere is refused, and nothing is touched', async () => {
    const whole = readFileSync(good);
    // The end of a tar file is two empty blocks: without them all of the backup is still there.
    for (const length of [
      0,
      1,
      511,
      512,
      700,
      5000,
      whole.length >> 1,
      whole.length - 1536,
      whole.length - 1100,
    ]) {
      const path = join(folder, `cut-${length}`);
      writeFileSync(path, whole.subarray(0, length));
      await expect(into(path), `${length} bytes`).rejects.toMatchObject(refusal(/cannot be restored/));
    }
  });

  test('of which any part was altered is refused, with the part named', async () => {
    const parts: { name: string; at: number }[] = [];
    const whole = readFileSync(good);
    for await (const { name, bytes, content } of backupEntries(good)) {
      const chunks: Buffer[] = [];
      for await (const chunk of content) chunks.push(chunk);
      const at = whole.indexOf(Buffer.concat(chunks));
      parts.push({ name, at: at + (bytes >> 1) });
    }
    expect(parts.length).toBeGreaterThan(10);
    for (const { name, at } of parts) {
      const altered = Buffer.from(whole);
      altered[at] = (altered[at] ?? 0) ^ 1;
      const path = join(folder, 'altered');
      writeFileSync(path, altered);
      const expected = [entryNames.manifest, entryNames.seal].includes(name)
        ? /manifest was altered/
        : name === entryNames.header
          ? /altered|header is damaged/
          : new RegExp(name);
      await expect(into(path), name).rejects.toMatchObject(refusal(expected));
    }
  });

  test.each<[string, Parameters<typeof repack>[2], RegExp]>([
    ['a part taken out', { drop: /^artifacts/ }, /was altered|is missing/],
    ['the end taken out', { drop: /^manifest/ }, /its end is missing/],
    ['a part added', { add: { 'tables/models/00000002.jsonl.gz': 'x' } }, /was altered|added/],
    ['something that is in no backup', { add: { '../../escape': 'x' } }, /which no backup has/],
    ['another order', { reverse: true }, /no backup of ModelYard/],
  ])('with %s is refused', async (_, change, why) => {
    const path = join(folder, randomUUID());
    await repack(good, path, change);
    await expect(into(path)).rejects.toMatchObject(refusal(why));
  });

  test.each<[string, (header: Record<string, unknown>) => object, RegExp]>([
    ['of a later format', (header) => ({ ...header, format: 2 }), /format is 2/],
    [
      'of a newer ModelYard',
      (header) => ({ ...header, modelyard: '9.9.9', migrations: [...knownMigrations(), '0999_later'] }),
      /another ModelYard \(9\.9\.9, with the unknown migration 0999_later\)/,
    ],
    [
      'of a state that never was',
      (header) => ({ ...header, migrations: ['0001_initial', '0001_initial'] }),
      /unknown state/,
    ],
    [
      'with columns that nobody knows',
      (header) => ({ ...header, tables: [{ name: 'models', columns: ['model_id', 'x" from models --'] }] }),
      /unknown columns/,
    ],
  ])('%s is refused in a sentence', async (_, change, why) => {
    const path = join(folder, randomUUID());
    await repack(good, path, { header: change, reseal: true });
    await expect(into(path)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringMatching(why),
    });
  });

  test('with fewer rows than its manifest tells, though all is sealed, is taken back as a whole', async () => {
    const path = join(folder, randomUUID());
    await repack(good, path, { drop: /^tables\/mlflow_measurements\/00000002/, reseal: true });
    await expect(into(path)).rejects.toMatchObject(refusal(/should hold 12345 rows of mlflow_measurements/));
  });

  test('that is none is refused', async () => {
    const path = join(folder, 'text');
    writeFileSync(path, 'no tar at all '.repeat(100));
    await expect(into(path)).rejects.toMatchObject(refusal(/cannot be restored/));
    await expect(into(join(folder, 'nowhere'))).rejects.toMatchObject(refusal(/no such file/));
  });

  test('is left as it is by all of that', async () => {
    expect(readdirSync(folder).length).toBeGreaterThan(10);
    await checkBackup(copy());
  });
});
