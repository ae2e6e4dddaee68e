import type { VersionRecord } from '../../registry/version_record.ts';
import type { Database } from '../../storage/database.ts';
import { featureKinds, predictionColumns, toColumn } from '../columns.ts';
import type { Column } from '../drift/profile.ts';

/** The logged rows of one version in a stretch of time, as columns. */
export interface LogWindow {
  rows: number;
  features: Column[];
  predictions: Column[];
  /** True when the window held more rows than are read; then the newest were taken. */
  truncated: boolean;
}

const maxWindowRows = 500_000;

/** Reads answered predictions from `since` (inclusive) to `until` (exclusive), milliseconds since 1970. */
export async function readWindow(
  database: Database,
  record: VersionRecord,
  since: number,
  until: number,
): Promise<LogWindow> {
  const rows = await database
    .selectFrom('predictions')
    .select(['features', 'value', 'probabilities'])
    .where('model_id', '=', record.modelId)
    .where('version', '=', record.version)
    .where('at', '>=', since)
    .where('at', '<', until)
    .where('error_code', 'is', null)
    .where('route', '!=', 'shadow')
    .orderBy('at', 'desc')
    .limit(maxWindowRows + 1)
    .execute();
  const kept = rows.slice(0, maxWindowRows);
  const features = kept.map((row) => new Map(parsePairs(row.features)));
  const predictions = kept.map((row) => ({
    value: row.value === null ? null : parseJson(row.value),
    probabilities: row.probabilities === null ? null : parseProbabilities(row.probabilities),
  }));
  return {
    rows: kept.length,
    features: featureKinds(record.signature).map((feature) =>
      toColumn(
        feature,
        features.map((row) => row.get(feature.name)),
      ),
    ),
    predictions: kept.length === 0 ? [] : predictionColumns(predictions),
    truncated: rows.length > maxWindowRows,
  };
}

function parseJson(text: string): unknown {
  return JSON.parse(text);
}

function parsePairs(text: string | null): [string, unknown][] {
  if (text === null) return [];
  const pairs: [string, unknown][] = JSON.parse(text);
  return pairs;
}

function parseProbabilities(text: string): [string, number][] {
  const pairs: [string, number][] = JSON.parse(text);
  return pairs;
}
