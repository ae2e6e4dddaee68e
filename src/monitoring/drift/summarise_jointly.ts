import type { ColumnChanges } from './column_changes.ts';
import type { MultivariateResult } from './multivariate_result.ts';
import { type DriftSummary, summariseDrift } from './summary.ts';

/** A feature with at least this share of the distance is named as drifted. */
const leastShare = 0.1;

/**
 * Summarises a joint comparison and says what to do next; its drifted features are those that the finding rests on.
 */
export function summariseJointly(
  result: MultivariateResult,
  changes: ColumnChanges | undefined,
): DriftSummary {
  const { is_drift, features, parts, contributions, changed_pairs, p_value, effect } = result;
  const named = new Set([
    ...contributions.filter(({ share }) => share >= leastShare).map(({ feature }) => feature),
    ...changed_pairs.flatMap((pair) => pair.features),
  ]);
  const drifted = is_drift ? [...named] : [];
  // Absent and added columns are reported in the same words as for single features.
  const broken = summariseDrift([], changes).recommendation.replace(summariseDrift([]).recommendation, '');
  return {
    is_drift,
    drifted_share: features === 0 ? 0 : drifted.length / features,
    // Column changes are part of reports on features; predictions are compared separately.
    drifted_features: changes === undefined ? [] : drifted,
    drifted_predictions: changes === undefined ? drifted : [],
    recommendation: broken + sentence(),
  };

  function sentence(): string {
    if (p_value === null) return `No verdict on the features together: ${result.note ?? 'too few rows'}`;
    const all = `${features} numeric features taken together`;
    if (!is_drift) return `No drift in ${all}: keep the model as it is.`;
    const [pair] = changed_pairs;
    const [strongest] = contributions;
    const effectOf = (name: 'energy' | 'correlation') =>
      parts.find((part) => part.name === name)?.effect ?? 0;
    const isOfPair = strongest === undefined || effectOf('correlation') > effectOf('energy');
    const where =
      pair !== undefined && isOfPair
        ? `most in how ${pair.features.map((name) => JSON.stringify(name)).join(' and ')} go together`
        : `most in ${JSON.stringify(strongest?.feature ?? '')}`;
    return `Drift in ${all} (effect ${(effect ?? 0).toPrecision(2)}), ${where}: check performance on recent outcomes.`;
  }
}
