import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { type Kysely, sql, type Transaction } from 'kysely';
import { appendAudit, lockTrail } from '../access/audit.ts';
import type { Origin } from '../access/origin.ts';
import { ModelYardError } from '../errors.ts';
import type { ArtifactStore } from '../storage/artifact_store.ts';
import type { OpenDatabase } from '../storage/database.ts';
import { appliedMigrations, knownMigrations, migrate, requireKnown } from '../storage/migrate.ts';
import type { Tables } from '../storage/schema.ts';
import { joinStore } from '../storage/store_identity.ts';
import { type KnownTable, tableCatalogue } from '../storage/table_catalogue.ts';
import { insertRows, lineToRow } from '../storage/table_rows.ts';
import { type BackupHeader, notABackup, partOf } from './format.ts';
import { type BackupEntry, backupEntries, type CheckedBackup } from './read_backup.ts';

export interface RestoreTarget {
  opened: OpenDatabase;
  directory: string;
  artifacts: Pick<ArtifactStore, 'receive' | 'isPresent' | 'discard'>;
  clock: () => number;
  progress: (text: string) => void;
}

/**
 * Fills an empty store from a backup that was checked: all or nothing. The tables are filled in one transaction, which
 * ends after the last artifact is in its place; a restore that is killed leaves an empty database and perhaps
 * artifacts, which the next one puts there again.
 * @throws INVALID_INPUT when the store is not empty, the backup is of another version, or changed since it was checked
 */
export async function restoreBackup(
  target: RestoreTarget,
  file: string,
  backup: CheckedBackup,
  origin: Origin,
): Promise<void> {
  const { database } = target.opened;
  const upTo = await makeTables(database, file, backup.header);
  // It becomes a store of its own, and the directory its: before anything is put there.
  await joinStore(target.opened, target.directory);
  const tables = await knownTables(file, backup.header, upTo);
  const added: { sha256: string; bytes: number }[] = [];
  try {
    await database.transaction().execute(async (transaction) => {
      // Taking the head keeps out every other change, and another restore, until this one is done.
      await lockTrail(transaction);
      await clearForRestore(transaction, tables);
      const restored = { target, transaction, tables, backup, file, added };
      const rows = await restoreParts(restored);
      for (const [table, expected] of Object.entries(backup.manifest.rows))
        if ((rows.get(table) ?? 0) !== expected)
          throw notABackup(
            file,
            `it should hold ${expected} rows of ${table} and holds ${rows.get(table) ?? 0}`,
          );
      await requireArtifacts(transaction, file, backup);
      await appendAudit(
        transaction,
        origin,
        {
          modelId: undefined,
          version: undefined,
          before: undefined,
          after: {
            predictions: backup.manifest.predictions,
            made_at: backup.header.created_at,
            rows: backup.manifest.rows,
            artifacts: backup.manifest.artifacts,
          },
          outcome: 'done',
        },
        target.clock(),
      );
    });
  } catch (error) {
    for (const artifact of added) await target.artifacts.discard(artifact);
    throw error;
  }
  await migrate(database);
}

/** Brings the tables to where the backup's were. @returns the last migration of the backup */
async function makeTables(
  database: OpenDatabase['database'],
  file: string,
  { migrations, modelyard }: BackupHeader,
): Promise<string | undefined> {
  const unknown = migrations.filter((name) => !knownMigrations().includes(name));
  if (unknown.length > 0)
    throw notABackup(
      file,
      `it was made by another ModelYard (${modelyard}, with the unknown migration ${unknown.join(', ')})`,
    );
  if (migrations.some((name, index) => name !== knownMigrations()[index]))
    throw notABackup(file, `its tables are of an unknown state (${migrations.join(', ')})`);
  const applied = await appliedMigrations(database);
  requireKnown(applied);
  if (applied.length > migrations.length)
    throw new ModelYardError(
      'INVALID_INPUT',
      `The backup is of an older ModelYard (${modelyard}) than the store it is to go into.`,
      'Restore it into a directory (or database) that no server has used yet: it is brought up to date there.',
    );
  const last = migrations.at(-1);
  await migrate(database, last);
  return last;
}

async function knownTables(
  file: string,
  header: BackupHeader,
  upTo: string | undefined,
): Promise<Map<string, KnownTable>> {
  const known = new Map((await tableCatalogue(upTo)).map((table) => [table.name, table]));
  for (const { name, columns } of header.tables) {
    const strange = columns.filter((column) => !known.get(name)?.columns.includes(column));
    if (strange.length > 0)
      throw notABackup(file, `${name} in it has unknown columns (${strange.join(', ')})`);
  }
  return new Map(
    header.tables.map((table) => [
      table.name,
      { ...table, isSeeded: known.get(table.name)?.isSeeded ?? false },
    ]),
  );
}

/** @throws INVALID_INPUT when a table has rows that the migrations did not put there */
async function clearForRestore(
  transaction: Transaction<Tables>,
  tables: ReadonlyMap<string, KnownTable>,
): Promise<void> {
  for (const { name, isSeeded } of tables.values()) {
    if (isSeeded) {
      // What the migrations put there is replaced by what had become of it.
      await sql`delete from ${sql.table(name)}`.execute(transaction);
      continue;
    }
    const { rows } = await sql`select 1 from ${sql.table(name)} limit 1`.execute(transaction);
    if (rows.length > 0)
      throw new ModelYardError(
        'INVALID_INPUT',
        `The store is not empty (${name} has rows), and a restore adds to nothing.`,
        'Set MODEL_REGISTRY_DIR (or DATABASE_URL) to a new one.',
      );
  }
}

interface Restoring {
  target: RestoreTarget;
  transaction: Transaction<Tables>;
  tables: ReadonlyMap<string, KnownTable>;
  backup: CheckedBackup;
  file: string;
  /** The artifacts that were put into the store. */
  added: { sha256: string; bytes: number }[];
}

/** @returns how many rows each table was given */
async function restoreParts(restoring: Restoring): Promise<Map<string, number>> {
  const { target, backup, file, added } = restoring;
  const counts = new Map<string, number>();
  let index = 0;
  for await (const entry of backupEntries(file)) {
    const expected = backup.manifest.entries[index++];
    if (expected === undefined) break;
    const part = partOf(entry.name);
    if (entry.name !== expected[0] || entry.bytes !== expected[1]) throw changed(file);
    if (part?.kind === 'artifact') {
      const artifact = { sha256: part.sha256, bytes: entry.bytes };
      if (!(await target.artifacts.isPresent(artifact))) added.push(artifact);
      await target.artifacts.receive(artifact, entry.content);
      target.progress(`artifact ${part.sha256.slice(0, 12)}…`);
    }
    if (part?.kind === 'rows') {
      const rows = await restoreRows(restoring, part.table, entry, expected[2]);
      counts.set(part.table, (counts.get(part.table) ?? 0) + rows);
      target.progress(`${part.table}: ${counts.get(part.table)} rows`);
    }
  }
  return counts;
}

const decompress = promisify<Buffer, Buffer>(gunzip);

async function restoreRows(
  { target, transaction, tables, file }: Restoring,
  name: string,
  { content }: BackupEntry,
  sha256: string,
): Promise<number> {
  const table = tables.get(name);
  if (table === undefined) throw notABackup(file, `it has rows of ${name}, which its header does not know`);
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(chunk);
  const packed = Buffer.concat(chunks);
  if (createHash('sha256').update(packed).digest('hex') !== sha256) throw changed(file);
  const lines = (await decompress(packed)).toString('utf8').split('\n').slice(0, -1);
  await insertRows(transaction, target.opened.kind, table, lines.map(lineToRow));
  return lines.length;
}

function changed(file: string): ModelYardError {
  return notABackup(file, 'it changed while it was being restored');
}

async function requireArtifacts(
  transaction: Kysely<Tables>,
  file: string,
  { manifest }: CheckedBackup,
): Promise<void> {
  const had = new Set(
    manifest.entries.flatMap(([name]) => {
      const part = partOf(name);
      return part?.kind === 'artifact' ? [part.sha256] : [];
    }),
  );
  const referred = await transaction.selectFrom('versions').select('artifact_sha256').distinct().execute();
  const missing = referred.find(({ artifact_sha256 }) => !had.has(artifact_sha256));
  if (missing !== undefined)
    throw notABackup(file, `the artifact ${missing.artifact_sha256.slice(0, 12)}… is missing in it`);
}
