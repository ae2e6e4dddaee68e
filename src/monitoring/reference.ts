import { setImmediate as turn } from 'node:timers/promises';
import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import { ModelYardError } from '../errors.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Database } from '../storage/database.ts';
import { type FeatureProfile, restoreProfile, type StoredProfile } from './drift/index.ts';
import { encodeProfile, type StoredColumn } from './stored_column.ts';

/** A column of a reference, without its values. */
export interface ReferenceColumn {
  name: string;
  kind: FeatureProfile['kind'];
  /** Rows with a value and without one, at the resolution of the reference. */
  count: number;
  missing: number;
}

/** What current rows are compared with. */
export interface Reference {
  referenceId: string;
  /** Milliseconds since 1970. */
  createdAt: number;
  source: string;
  /** Rows that it was made of. */
  rows: number;
  features: ReferenceColumn[];
  /** The answers to those rows, or to a sample of them. */
  predictions: ReferenceColumn[];
  /** Whole rows that are kept, and of how many of them it is known what really was. */
  keptRows: number;
  outcomes: number;
}

export interface NewReference {
  source: string;
  rows: number;
  features: StoredColumn[];
  predictions: StoredColumn[];
  kept: { rows: number; outcomes: number; bytes: Uint8Array };
}

const countsSchema = z.object({ count: z.number(), missing: z.number() });

/** How long after its columns a reference may be written: older columns without one are left behind. */
const writingMs = 3_600_000;

/**
 * Writes what a new reference consists of, a column at a time, since tens of megabytes in one go would hold up
 * everything else. It is there for readers once {@link insertReference} has named it.
 * @returns its id
 */
export async function writeReferenceColumns(
  database: Database,
  { features, predictions, kept }: NewReference,
  at: number,
): Promise<string> {
  await removeLeftBehind(database, at);
  const referenceId = uuidv7();
  for (const [part, columns] of [
    ['features', features],
    ['predictions', predictions],
  ] as const)
    for (const [position, { bytes, ...column }] of columns.entries()) {
      await database
        .insertInto('reference_columns')
        .values({ reference_id: referenceId, part, position, ...column, bytes: Buffer.from(bytes.buffer) })
        .execute();
      // With SQLite the statement above did not wait.
      await turn();
    }
  await database
    .insertInto('reference_rows')
    .values({
      reference_id: referenceId,
      row_count: kept.rows,
      outcomes: kept.outcomes,
      bytes: Buffer.from(kept.bytes.buffer, kept.bytes.byteOffset, kept.bytes.byteLength),
    })
    .execute();
  return referenceId;
}

/** Columns whose writer died before it named the reference. Ids begin with their time. */
async function removeLeftBehind(database: Database, at: number): Promise<void> {
  const oldest = Math.max(0, at - writingMs)
    .toString(16)
    .padStart(12, '0');
  const before = `${oldest.slice(0, 8)}-${oldest.slice(8)}`;
  for (const table of ['reference_columns', 'reference_rows'] as const)
    await database
      .deleteFrom(table)
      .where('reference_id', '<', before)
      .where('reference_id', 'not in', database.selectFrom('references').select('reference_id'))
      .execute();
}

/** Names what was written, as the version's newest reference: also where the clock has gone back since the last one. */
export async function insertReference(
  database: Database,
  record: VersionRecord,
  given: { referenceId: string; rows: number; source: string },
  at: number,
  by: string,
): Promise<void> {
  const newest = await database
    .selectFrom('references')
    .select('created_at')
    .where('model_id', '=', record.modelId)
    .where('version', '=', record.version)
    .orderBy('created_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  await database
    .insertInto('references')
    .values({
      reference_id: given.referenceId,
      model_id: record.modelId,
      version: record.version,
      created_at: newest === undefined ? at : Math.max(at, newest.created_at + 1),
      created_by: by,
      source: given.source,
      row_count: given.rows,
      profile: '',
    })
    .execute();
}

/** The version's newest reference. @throws NO_REFERENCE when none was set for the version. */
export function latestReference(database: Database, record: VersionRecord): Promise<Reference> {
  return findReference(database, record, undefined);
}

/**
 * The reference named, else the newest.
 * @throws NO_REFERENCE when none was set for the version; INVALID_INPUT when it has none of that id
 */
export async function findReference(
  database: Database,
  record: VersionRecord,
  referenceId: string | undefined,
): Promise<Reference> {
  const found = await database
    .selectFrom('references')
    .selectAll()
    .where('model_id', '=', record.modelId)
    .where('version', '=', record.version)
    .orderBy('created_at', 'desc')
    .orderBy('reference_id', 'desc')
    .$if(referenceId !== undefined, (query) => query.where('reference_id', '=', referenceId ?? ''))
    .limit(1)
    .executeTakeFirst();
  if (found === undefined) throw await notFound(database, record, referenceId);
  const columns = await listColumns(database, found);
  const kept = await database
    .selectFrom('reference_rows')
    .select(['row_count', 'outcomes'])
    .where('reference_id', '=', found.reference_id)
    .executeTakeFirst();
  return {
    referenceId: found.reference_id,
    createdAt: found.created_at,
    source: found.source,
    rows: found.row_count,
    ...columns,
    keptRows: kept?.row_count ?? 0,
    outcomes: kept?.outcomes ?? 0,
  };
}

const shownReferences = 5;

async function notFound(
  database: Database,
  record: VersionRecord,
  referenceId: string | undefined,
): Promise<ModelYardError> {
  const known = await database
    .selectFrom('references')
    .select(['reference_id', 'created_at'])
    .where('model_id', '=', record.modelId)
    .where('version', '=', record.version)
    .orderBy('created_at', 'desc')
    .limit(shownReferences)
    .execute();
  if (known.length === 0)
    return new ModelYardError(
      'NO_REFERENCE',
      `${record.modelId} ${record.version} has no reference data to compare with.`,
      'Call set_reference_data with rows like those the model was trained on, then detect_drift again.',
    );
  return new ModelYardError(
    'INVALID_INPUT',
    `${record.modelId} ${record.version} has no reference ${referenceId}.`,
    `Its newest: ${known.map((one) => `${one.reference_id} (${new Date(one.created_at).toISOString()})`).join(', ')}.`,
  );
}

async function listColumns(
  database: Database,
  { reference_id, profile }: { reference_id: string; profile: string },
): Promise<Pick<Reference, 'features' | 'predictions'>> {
  if (profile !== '') {
    const { features, predictions } = readProfile(profile);
    const described = ({ name, kind, count, missing }: FeatureProfile): ReferenceColumn => {
      return { name, kind, count, missing };
    };
    return { features: features.map(described), predictions: predictions.map(described) };
  }
  const rows = await database
    .selectFrom('reference_columns')
    .select(['part', 'name', 'kind', 'facts'])
    .where('reference_id', '=', reference_id)
    .orderBy('part')
    .orderBy('position')
    .execute();
  const of = (part: 'features' | 'predictions') =>
    rows
      .filter((row) => row.part === part)
      .map(({ name, kind, facts }) => ({ name, kind, ...countsSchema.parse(JSON.parse(facts)) }));
  return { features: of('features'), predictions: of('predictions') };
}

/** The profile from the text it is stored as, of a reference from before there were columns. */
export function readProfile(profile: string): { features: FeatureProfile[]; predictions: FeatureProfile[] } {
  const stored: { features: StoredProfile[]; predictions: StoredProfile[] } = JSON.parse(profile);
  return {
    features: stored.features.map(restoreProfile),
    predictions: stored.predictions.map(restoreProfile),
  };
}

/** The profiles of a part's columns, of those that are wanted, in their order; a column at a time. */
export async function readReferenceColumns(
  database: Database,
  { referenceId, ...reference }: Reference,
  part: 'features' | 'predictions',
  isWanted: (column: { name: string }) => boolean,
): Promise<StoredColumn[]> {
  const { profile } = await database
    .selectFrom('references')
    .select('profile')
    .where('reference_id', '=', referenceId)
    .executeTakeFirstOrThrow();
  if (profile !== '') return readProfile(profile)[part].filter(isWanted).map(encodeProfile);
  const columns: StoredColumn[] = [];
  for (const [position, column] of reference[part].entries()) {
    if (!isWanted(column)) continue;
    const { name, kind, facts, bytes } = await database
      .selectFrom('reference_columns')
      .select(['name', 'kind', 'facts', 'bytes'])
      .where('reference_id', '=', referenceId)
      .where('part', '=', part)
      .where('position', '=', position)
      .executeTakeFirstOrThrow();
    columns.push({ name, kind, facts, bytes: ownBytes(bytes) });
    // With SQLite the query above did not wait.
    await turn();
  }
  return columns;
}

/** Whole rows, as reference_rows.ts decodes them; undefined of a reference that keeps none. */
export async function readReferenceRows(
  database: Database,
  { referenceId }: Pick<Reference, 'referenceId'>,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const found = await database
    .selectFrom('reference_rows')
    .select('bytes')
    .where('reference_id', '=', referenceId)
    .where('row_count', '>', 0)
    .executeTakeFirst();
  return found && ownBytes(found.bytes);
}

/** In memory that no other value shares, so that it can be given to a thread. libsql gives an ArrayBuffer. */
function ownBytes(bytes: Buffer | ArrayBuffer): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
