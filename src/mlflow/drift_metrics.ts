/** What a drift report says in numbers: features that could be judged, those that drifted, and their share. */
export function driftMetrics(
  results: readonly { feature: string; score: number | null; is_drift: boolean }[],
  features: readonly { name: string }[],
): Record<string, number> {
  const names = new Set(features.map(({ name }) => name));
  const checked = results.filter(
    ({ feature, score, is_drift }) => names.has(feature) && (score !== null || is_drift),
  );
  const drifted = checked.filter(({ is_drift }) => is_drift).length;
  return {
    'monitoring/features_checked': checked.length,
    'monitoring/features_drifted': drifted,
    'monitoring/drift_rate': checked.length === 0 ? 0 : drifted / checked.length,
  };
}
