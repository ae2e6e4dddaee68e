import { uuidv7 } from 'uuidv7';
import { ModelYardError } from '../errors.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Database } from '../storage/database.ts';
import {
  type FeatureProfile,
  profileColumn,
  restoreProfile,
  type StoredProfile,
  storeProfile,
} from './drift/index.ts';
import type { Column } from './drift/profile.ts';

/** What current rows are compared with: profiles of the features and of the predictions on the same rows. */
export interface ReferenceProfile {
  features: FeatureProfile[];
  predictions: FeatureProfile[];
}

export interface Reference {
  referenceId: string;
  createdAt: number;
  source: string;
  rows: number;
  profile: ReferenceProfile;
}

/** The stored sample is exact; this is what one row of the database can sensibly hold. */
export const maxReferenceRows = 100_000;

/** @throws LIMIT_EXCEEDED */
export function profileReference(given: {
  features: Column[];
  predictions: Column[];
  rows: number;
}): ReferenceProfile {
  if (given.rows > maxReferenceRows)
    throw new ModelYardError(
      'LIMIT_EXCEEDED',
      `The reference has ${given.rows} rows; at most ${maxReferenceRows} are kept.`,
      'Give a random sample of the rows.',
    );
  return {
    features: given.features.map(profileColumn),
    predictions: given.predictions.map(profileColumn),
  };
}

export async function storeReference(
  database: Database,
  record: VersionRecord,
  given: { profile: ReferenceProfile; rows: number; source: string },
  at: number,
  by: string,
): Promise<Reference> {
  const { profile } = given;
  const referenceId = uuidv7();
  await database
    .insertInto('references')
    .values({
      reference_id: referenceId,
      model_id: record.modelId,
      version: record.version,
      created_at: at,
      created_by: by,
      source: given.source,
      row_count: given.rows,
      profile: JSON.stringify({
        features: profile.features.map(storeProfile),
        predictions: profile.predictions.map(storeProfile),
      }),
    })
    .execute();
  return { referenceId, createdAt: at, source: given.source, rows: given.rows, profile };
}

/** @throws NO_REFERENCE when none was set for the version. */
export async function latestReference(database: Database, record: VersionRecord): Promise<Reference> {
  const row = await database
    .selectFrom('references')
    .selectAll()
    .where('model_id', '=', record.modelId)
    .where('version', '=', record.version)
    .orderBy('created_at', 'desc')
    .orderBy('reference_id', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (row === undefined)
    throw new ModelYardError(
      'NO_REFERENCE',
      `${record.modelId} ${record.version} has no reference data to compare with.`,
      'Call set_reference_data with rows like those the model was trained on, then detect_drift again.',
    );
  return {
    referenceId: row.reference_id,
    createdAt: row.created_at,
    source: row.source,
    rows: row.row_count,
    profile: readProfile(row.profile),
  };
}

/** The profile from the text it is stored as. */
export function readProfile(text: string): ReferenceProfile {
  const stored: { features: StoredProfile[]; predictions: StoredProfile[] } = JSON.parse(text);
  return {
    features: stored.features.map(restoreProfile),
    predictions: stored.predictions.map(restoreProfile),
  };
}
