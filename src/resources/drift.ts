import type { LatestMeasurements } from '../monitoring/latest/latest_measurements.ts';
import { storedTexts } from '../stored_texts.ts';
import type { Facts, Reading } from './reading.ts';

/** What was measured last of the versions of a model. @throws MODEL_NOT_FOUND */
export async function viewDrift(modelId: string, { ask }: Reading): Promise<Facts> {
  const measured = await ask(async ({ registry, monitoring }) => {
    // A model that there is not is told of.
    await registry.versionNames(modelId, '', 1);
    return monitoring.latestMeasurements([modelId]);
  });
  const versions = [...measured].flatMap(([key, latest]) => {
    const drift = latestDrift(latest);
    return drift === null ? [] : [{ version: key.slice(modelId.length + 1), ...drift }];
  });
  return {
    note: storedTexts,
    model_id: modelId,
    versions,
    ...(versions.length === 0 && {
      why: 'Nothing has been measured yet: the watch compares versions that have a reference (set_reference_data) and were called. detect_drift compares at once.',
    }),
  };
}

/** What was measured last, as JSON; null: nothing. */
export function latestDrift({ drift }: LatestMeasurements): Facts | null {
  if (drift === undefined) return null;
  return {
    measured_at: new Date(drift.at).toISOString(),
    rows: drift.rows,
    features_checked: drift.checked,
    features_drifted: drift.drifted,
    is_drift: drift.columns.some(({ isDrift }) => isDrift),
    results: drift.columns.map((column) => ({
      feature: column.name,
      is_prediction: column.isPrediction,
      method: column.method,
      score: column.score,
      p_adjusted: column.pAdjusted,
      effect: column.effect,
      is_drift: column.isDrift,
      severity: column.severity,
    })),
  };
}
