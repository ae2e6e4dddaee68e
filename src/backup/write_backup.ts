import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Kysely } from 'kysely';
import { type Pack, pack } from 'tar-stream';
import { ModelYardError } from '../errors.ts';
import { packageVersion } from '../package_info.ts';
import { type Artifact, damagedArtifact, isMismatch } from '../storage/artifact.ts';
import type { ArtifactStore } from '../storage/artifact_store.ts';
import type { OpenDatabase } from '../storage/database.ts';
import { knownMigrations } from '../storage/migrate.ts';
import { referredArtifacts } from '../storage/referred_artifacts.ts';
import type { Tables } from '../storage/schema.ts';
import { readSnapshot } from '../storage/snapshot.ts';
import { type TableDescription, tableCatalogue } from '../storage/table_catalogue.ts';
import { rowToLine, tablePages } from '../storage/table_rows.ts';
import { type BackupHeader, type BackupManifest, entryNames, formatVersion } from './format.ts';

export interface BackupReport {
  /** The last entry of the audit trail that is in it. */
  sequence: number;
  rows: Record<string, number>;
  artifacts: number;
  predictions: number;
}

export interface BackupSource {
  /** A handle that nobody else uses. */
  opened: OpenDatabase;
  artifacts: Pick<ArtifactStore, 'sizeOf' | 'read'>;
  clock: () => number;
  progress: (text: string) => void;
}

/** Thrown when an artifact of the snapshot is gone: perhaps its version was deleted after the snapshot was taken. */
export class ArtifactGone extends Error {
  readonly artifact: Artifact;
  readonly damage: ModelYardError;
  constructor(artifact: Artifact, damage: ModelYardError) {
    super(damage.message);
    this.artifact = artifact;
    this.damage = damage;
  }
}

/** Takes the archive's bytes, in order. */
export type Write = (chunk: Buffer) => Promise<void>;

/**
 * Writes the whole store as it is at one moment: all tables from one snapshot of the database, and the
 * artifacts that its versions refer to, each checked on the way.
 * @throws ArtifactGone
 */
export async function writeBackup(source: BackupSource, write: Write): Promise<BackupReport> {
  const { opened } = source;
  const tables = await tableCatalogue();
  return readSnapshot(opened, async (snapshot) => {
    const archive = openArchive(write);
    try {
      return await fill(archive, source, snapshot, tables);
    } catch (error) {
      archive.abandon();
      throw error;
    }
  });
}

async function fill(
  archive: Archive,
  { opened: { kind }, artifacts: stored, clock, progress }: BackupSource,
  snapshot: Kysely<Tables>,
  tables: TableDescription[],
): Promise<BackupReport> {
  const header: BackupHeader = {
    format: formatVersion,
    modelyard: packageVersion,
    created_at: new Date(clock()).toISOString(),
    store: kind,
    migrations: [...knownMigrations()],
    tables: tables.map(({ name, columns }) => ({ name, columns })),
  };
  await archive.addText(entryNames.header, JSON.stringify(header));
  let artifacts = 0;
  // Before the tables: what is deleted meanwhile is found out early.
  for await (const artifact of referredArtifacts(snapshot)) {
    await archive.addArtifact(artifact, stored);
    progress(`${++artifacts} artifacts`);
  }
  const rows: Record<string, number> = {};
  for (const table of tables) {
    let count = 0;
    let part = 0;
    for await (const page of tablePages(snapshot, kind, table)) {
      const lines = page.map((row) => `${rowToLine(row)}\n`).join('');
      await archive.add(entryNames.tablePart(table.name, ++part), await compress(lines, { level: 1 }));
      count += page.length;
      progress(`${table.name}: ${count} rows`);
    }
    rows[table.name] = count;
  }
  const predictions = await countPredictions(snapshot);
  const { sequence } = await snapshot.selectFrom('audit_head').select('sequence').executeTakeFirstOrThrow();
  const manifest: BackupManifest = { rows, artifacts, predictions, entries: [...archive.entries] };
  const text = JSON.stringify(manifest);
  await archive.addText(entryNames.manifest, text);
  await archive.addText(entryNames.seal, sha256Of(text));
  await archive.end();
  return { sequence, rows, artifacts, predictions };
}

async function countPredictions(snapshot: Kysely<Tables>): Promise<number> {
  const { rows } = await snapshot
    .selectFrom('prediction_segments')
    .select(({ fn }) => fn.sum<number | string | null>('rows').as('rows'))
    .executeTakeFirstOrThrow();
  // PostgreSQL sums whole numbers to a numeric, which comes as text.
  return Number(rows ?? 0);
}

const compress = promisify<string, { level: number }, Buffer>(gzip);

function sha256Of(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

type Archive = ReturnType<typeof openArchive>;

/** A tar file that is made as fast as it is written, and remembers what went in. */
function openArchive(write: Write) {
  const archive: Pack = pack();
  const entries: BackupManifest['entries'] = [];
  const copied = copy(archive, write);
  // A failure to write shows where the next entry is added.
  const failed = copied.then(() => new Promise<never>(() => undefined));
  failed.catch(() => undefined);

  const addEntry = (name: string, size: number, content: Buffer) =>
    new Promise<void>((resolve, reject) => {
      archive.entry({ name, size, mode: 0o600 }, content, (error) => (error ? reject(error) : resolve()));
    });
  const add = async (name: string, content: Buffer) => {
    entries.push([name, content.length, sha256Of(content)]);
    await Promise.race([addEntry(name, content.length, content), failed]);
  };
  return {
    entries,
    add,
    addText: (name: string, text: string) => add(name, Buffer.from(text)),

    async addArtifact(artifact: Artifact, stored: BackupSource['artifacts']): Promise<void> {
      const bytes = await stored.sizeOf(artifact.sha256);
      if (bytes !== artifact.bytes)
        throw new ArtifactGone(artifact, damagedArtifact(artifact.sha256, bytes === undefined));
      const name = entryNames.artifact(artifact.sha256);
      const hash = createHash('sha256');
      const entry = archive.entry({ name, size: artifact.bytes, mode: 0o600 });
      const finished = once(entry, 'close');
      finished.catch(() => undefined);
      try {
        for await (const chunk of stored.read(artifact)) {
          hash.update(chunk);
          if (!entry.write(chunk)) await Promise.race([once(entry, 'drain'), failed]);
        }
      } catch (error) {
        if (!(error instanceof ModelYardError) || !isMismatch(error)) throw error;
        throw new ArtifactGone(artifact, error);
      }
      entry.end();
      await Promise.race([finished, failed]);
      const sha256 = hash.digest('hex');
      if (sha256 !== artifact.sha256)
        throw new ArtifactGone(artifact, damagedArtifact(artifact.sha256, false));
      entries.push([name, artifact.bytes, sha256]);
    },

    async end(): Promise<void> {
      archive.finalize();
      await copied;
    },

    abandon: () => void archive.destroy(),
  };
}

async function copy(from: Pack, write: Write): Promise<void> {
  for await (const chunk of from) await write(chunk);
}
