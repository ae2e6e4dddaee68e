/** What monitoring finds, under the names that it has in MLflow. */

/** Features that a drift report could judge, and those of them that drifted. */
export function driftMetrics(features: { checked: number; drifted: number }): Record<string, number> {
  const { checked, drifted } = features;
  return {
    'monitoring/features_checked': checked,
    'monitoring/features_drifted': drifted,
    'monitoring/drift_rate': checked === 0 ? 0 : drifted / checked,
  };
}

/** Metrics that are logged of those that can be measured: of a classifier one, of a regression two. */
const logged = ['accuracy', 'mae', 'rmse'];

/**
 * How well a version answered, by predictions of which it is known what really was.
 * @returns undefined where nothing is known.
 */
export function outcomeMetrics({
  outcomes,
  metrics,
}: {
  outcomes: number;
  metrics: Record<string, { value: number | null }>;
}): Record<string, number> | undefined {
  const known = logged.flatMap((name): [string, number][] => {
    const value = metrics[name]?.value;
    return typeof value === 'number' ? [[`monitoring/${name}`, value]] : [];
  });
  if (known.length === 0) return undefined;
  return Object.fromEntries([['monitoring/outcomes', outcomes], ...known]);
}
