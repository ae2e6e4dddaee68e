import { compareAnswers } from '../../prediction_log/outcome_window.ts';
import type { VersionRecord } from '../../registry/version_record.ts';
import type { Database } from '../../storage/database.ts';
import type { Column } from '../../tables/column.ts';
import { decodeReferenceRows } from '../reference/reference_rows.ts';
import type { AnsweredRows } from './measure_rows.ts';

/** A reference whose rows have outcomes. */
export interface ReferenceWithOutcomes {
  referenceId: string;
  rows: number;
}

/** The version's newest reference with outcomes; undefined where there is none. */
export async function findReferenceOutcomes(
  database: Database,
  { modelId, version }: Pick<VersionRecord, 'modelId' | 'version'>,
): Promise<ReferenceWithOutcomes | undefined> {
  const row = await database
    .selectFrom('references')
    .innerJoin('reference_rows', 'reference_rows.reference_id', 'references.reference_id')
    .select(['references.reference_id', 'reference_rows.outcomes'])
    .where('references.model_id', '=', modelId)
    .where('references.version', '=', version)
    .where('reference_rows.outcomes', '>', 0)
    .orderBy('references.created_at', 'desc')
    .orderBy('references.reference_id', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row && { referenceId: row.reference_id, rows: row.outcomes };
}

/**
 * Predicted and actual values of a reference's rows; undefined where it was replaced meanwhile or has no predictions.
 */
export async function readReferenceOutcomes(
  database: Database,
  record: VersionRecord,
  referenceId: string,
): Promise<(AnsweredRows & { features: Column[] }) | undefined> {
  const row = await database
    .selectFrom('reference_rows')
    .select('bytes')
    .where('reference_id', '=', referenceId)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  // libsql returns an ArrayBuffer.
  const { rows, features, values, probabilities, outcome } = decodeReferenceRows(new Uint8Array(row.bytes));
  if (outcome === undefined || values.length === 0) return undefined;
  return { rows, features, compared: compareAnswers(record, values, outcome, rows), probabilities };
}
