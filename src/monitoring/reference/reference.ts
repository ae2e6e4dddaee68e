import { setImmediate as turn } from 'node:timers/promises';
import { z } from 'zod';
import { ModelYardError } from '../../errors.ts';
import type { VersionRecord } from '../../registry/version_record.ts';
import type { Database } from '../../storage/database.ts';
import { readStored } from '../../storage/stored_json.ts';
import type { FeatureProfile } from './profile.ts';
import type { StoredColumn } from './stored_column.ts';

/** A column of a reference without its values. */
interface ReferenceColumn {
  name: string;
  kind: FeatureProfile['kind'];
  /** Rows with and without a value, among the rows that the reference keeps. */
  count: number;
  missing: number;
}

/** What current rows are compared with. */
export interface Reference {
  referenceId: string;
  /** Milliseconds since 1970. */
  createdAt: number;
  source: string;
  /** Rows that it was made from. */
  rows: number;
  features: ReferenceColumn[];
  /** Predictions for those rows, or for a sample of them. */
  predictions: ReferenceColumn[];
  /** Whole rows that are kept, and how many of them have an outcome. */
  keptRows: number;
  outcomes: number;
}

export interface NewReference {
  source: string;
  rows: number;
  features: StoredColumn[];
  predictions: StoredColumn[];
  kept: { rows: number; outcomes: number; bytes: Uint8Array<ArrayBuffer> };
}

const countsSchema = z.object({ count: z.number(), missing: z.number() });

/** How many values a reference's column has and lacks, from the facts that are stored of it. */
export function readCounts(name: string, facts: string): { count: number; missing: number } {
  return readStored(countsSchema, facts, {
    table: 'reference_columns',
    column: 'facts',
    of: `the reference data of ${name}`,
  });
}

/**
 * The reference with that id, or the newest.
 *
 * @throws NO_REFERENCE when the version has none; INVALID_INPUT when it has none with that id
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
  const columns = await listColumns(database, found.reference_id);
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

/** The id of the version's newest reference, which is compared with; undefined where it has none. */
export async function newestReferenceId(
  database: Database,
  { modelId, version }: Pick<VersionRecord, 'modelId' | 'version'>,
): Promise<string | undefined> {
  const row = await database
    .selectFrom('references')
    .select('reference_id')
    .where('model_id', '=', modelId)
    .where('version', '=', version)
    .orderBy('created_at', 'desc')
    .orderBy('reference_id', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.reference_id;
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
    `Name one of the newest: ${known.map((one) => `${one.reference_id} (${new Date(one.created_at).toISOString()})`).join(', ')}.`,
  );
}

async function listColumns(
  database: Database,
  referenceId: string,
): Promise<Pick<Reference, 'features' | 'predictions'>> {
  const rows = await database
    .selectFrom('reference_columns')
    .select(['part', 'name', 'kind', 'facts'])
    .where('reference_id', '=', referenceId)
    .orderBy('part')
    .orderBy('position')
    .execute();
  const of = (part: 'features' | 'predictions') =>
    rows
      .filter((row) => row.part === part)
      .map(({ name, kind, facts }) => ({ name, kind, ...readCounts(name, facts) }));
  return { features: of('features'), predictions: of('predictions') };
}

/** The profiles of the wanted columns of a part, in their order, read one at a time. */
export async function readReferenceColumns(
  database: Database,
  { referenceId, ...reference }: Pick<Reference, 'referenceId' | 'features' | 'predictions'>,
  part: 'features' | 'predictions',
  isWanted: (column: { name: string }) => boolean,
): Promise<StoredColumn[]> {
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
    // SQLite runs the query synchronously, so other calls get their turn here.
    await turn();
  }
  return columns;
}

/** The whole rows, encoded as in reference_rows.ts; undefined for a reference that keeps none. */
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

/** A copy in memory of its own, so that it can be transferred to a thread. libsql returns an ArrayBuffer. */
function ownBytes(bytes: Buffer | ArrayBuffer): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
