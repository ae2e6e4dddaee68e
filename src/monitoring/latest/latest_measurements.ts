import { z } from 'zod';
import { ModelYardError } from '../../errors.ts';
import type { Database } from '../../storage/database.ts';
import type { LatestMeasurementRow } from '../../storage/schema.ts';
import { readStored } from '../../storage/stored_json.ts';

const drift = z.strictObject({
  /** Rows that were compared with the reference. */
  rows: z.number(),
  /** Features that could be judged, and those of them that drifted; predictions are not among them. */
  checked: z.number(),
  drifted: z.number(),
  /** What drifted first, then by size; see {@link keptColumns}. */
  columns: z.array(
    z.strictObject({
      name: z.string(),
      isPrediction: z.boolean(),
      method: z.string(),
      score: z.number().nullable(),
      effect: z.number().nullable(),
      pAdjusted: z.number().nullable(),
      isDrift: z.boolean(),
      severity: z.string(),
    }),
  ),
});

const measured = z.strictObject({
  value: z.number(),
  /** An interval of it; of an estimate, its band. */
  low: z.number().nullable(),
  high: z.number().nullable(),
});

const performance = z.strictObject({
  /** When the predictions were made, milliseconds since 1970. */
  since: z.number(),
  until: z.number(),
  /** Predictions with an outcome. */
  outcomes: z.number(),
  metrics: z.record(z.string(), measured),
  /** By the probabilities alone, of all rows without outcomes. */
  estimate: z.strictObject({ rows: z.number(), metrics: z.record(z.string(), measured) }).nullable(),
});

type LatestDrift = z.output<typeof drift>;
type LatestPerformance = z.output<typeof performance>;

/** What was measured last of a version, and when: milliseconds since 1970. */
export interface LatestMeasurements {
  drift?: (LatestDrift & { at: number }) | undefined;
  performance?: (LatestPerformance & { at: number }) | undefined;
}

/** Columns of a drift report that are kept. */
const keptColumns = 50;

/** What a drift report says of a column. */
interface ReportedColumn {
  feature: string;
  isPrediction: boolean;
  method: string;
  score: number | null;
  effect: number | null;
  p_adjusted: number | null;
  is_drift: boolean;
  severity: string;
}

/** A drift report as it is kept. */
export function keptDrift({
  rows,
  checked,
  drifted,
  results,
}: {
  rows: number;
  checked: number;
  drifted: number;
  results: readonly ReportedColumn[];
}): LatestDrift {
  const sizeOf = ({ effect, score }: ReportedColumn) => Math.abs(effect ?? score ?? 0);
  const order = results.toSorted(
    (one, other) => Number(other.is_drift) - Number(one.is_drift) || sizeOf(other) - sizeOf(one),
  );
  const columns = order.slice(0, keptColumns).map((result) => ({
    name: result.feature,
    isPrediction: result.isPrediction,
    method: result.method,
    score: result.score,
    effect: result.effect,
    pAdjusted: result.p_adjusted,
    isDrift: result.is_drift,
    severity: result.severity,
  }));
  return { rows, checked, drifted, columns };
}

export type Measurement = { modelId: string; version: string; at: number } & (
  | { kind: 'drift'; facts: LatestDrift }
  | { kind: 'performance'; facts: LatestPerformance }
);

/** Keeps what was measured of a version in place of what was before. @throws STORAGE_UNAVAILABLE */
export async function keepLatest(database: Database, measurement: Measurement): Promise<void> {
  const { modelId: model_id, version, kind, at, facts } = measurement;
  // PostgreSQL cannot store NUL in text, and names of features come from outside.
  const values = { at, facts: JSON.stringify(facts).replaceAll('\\u0000', '\\ufffd') };
  await database
    .insertInto('latest_measurements')
    .values({ model_id, version, kind, ...values })
    .onConflict((conflict) => conflict.columns(['model_id', 'version', 'kind']).doUpdateSet(values))
    .execute();
}

/**
 * What was measured last of the versions of some models, by `model@version`. What is damaged is left out: it is soon measured
 * again.
 */
export async function readLatest(
  database: Database,
  modelIds: readonly string[],
): Promise<Map<string, LatestMeasurements>> {
  const found = new Map<string, LatestMeasurements>();
  if (modelIds.length === 0) return found;
  const rows = await database
    .selectFrom('latest_measurements')
    .selectAll()
    .where('model_id', 'in', modelIds)
    .execute();
  for (const row of rows) {
    const key = `${row.model_id}@${row.version}`;
    const at = Number(row.at);
    const before = found.get(key);
    const read = row.kind === 'drift' ? readKept(drift, row) : readKept(performance, row);
    if (read !== undefined) found.set(key, { ...before, [row.kind]: { ...read, at } });
  }
  return found;
}

function readKept<Schema extends z.ZodType>(
  schema: Schema,
  { model_id, version, facts }: LatestMeasurementRow,
): z.output<Schema> | undefined {
  try {
    const of = `${model_id} ${version}`;
    return readStored(schema, facts, { table: 'latest_measurements', column: 'facts', of });
  } catch (error) {
    if (error instanceof ModelYardError) return undefined;
    throw error;
  }
}
