/** Results of monitoring under their names in MLflow. */

/** Features that a drift report could judge, and those of them that drifted. */
export function driftMetrics(features: { checked: number; drifted: number }): Record<string, number> {
  const { checked, drifted } = features;
  return {
    'monitoring/features_checked': checked,
    'monitoring/features_drifted': drifted,
    'monitoring/drift_rate': checked === 0 ? 0 : drifted / checked,
  };
}

/** Metrics that are logged where they can be measured: one of a classifier, two of a regression. */
const logged = ['accuracy', 'mae', 'rmse'];

/**
 * The performance of a version on predictions with known outcomes.
 *
 * @returns undefined where there are none
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

/** An A/B test, as far as its numbers are logged; B is held against A. */
export interface ComparedVersions {
  arms: readonly { version: string; units: number; calls: number }[];
  comparisons: readonly {
    versionA: string;
    versionB: string;
    metric: string;
    verdict: string | null;
    a: number | null;
    b: number | null;
    difference: number | null;
    interval: { low: number; high: number } | null;
  }[];
}

/**
 * What an A/B test says, by version: its units and its value of the metric and of the error rate; of every version but the
 * baseline also the difference from that with its interval, and the verdict: 1 better, −1 worse, 0 neither is proven.
 */
export function comparisonMetrics({
  arms,
  comparisons,
}: ComparedVersions): Map<string, Record<string, number>> {
  return new Map(
    arms.map(({ version, units, calls }) => {
      const found: [string, number | null | undefined][] = [
        ['ab/units', units],
        ['ab/calls', calls],
      ];
      for (const { versionA, versionB, metric, a, b, difference, interval, verdict } of comparisons) {
        if (versionA === version) found.push([`ab/${metric}`, a]);
        if (versionB !== version) continue;
        found.push(
          [`ab/${metric}`, b],
          [`ab/${metric}_difference`, difference],
          [`ab/${metric}_difference_low`, interval?.low],
          [`ab/${metric}_difference_high`, interval?.high],
          [`ab/${metric}_verdict`, verdict === 'b_better' ? 1 : verdict === 'a_better' ? -1 : 0],
        );
      }
      const known = found.flatMap(([name, value]) => (value == null ? [] : [[name, value] as const]));
      return [version, Object.fromEntries(known)];
    }),
  );
}
