/** How many of a report's features could be judged, and how many of them drifted; predictions are not among them. */
export function driftedFeatures(
  results: readonly { feature: string; score: number | null; is_drift: boolean }[],
  features: readonly { name: string }[],
): { checked: number; drifted: number } {
  const names = new Set(features.map(({ name }) => name));
  const checked = results.filter(
    ({ feature, score, is_drift }) => names.has(feature) && (score !== null || is_drift),
  );
  return { checked: checked.length, drifted: checked.filter(({ is_drift }) => is_drift).length };
}
