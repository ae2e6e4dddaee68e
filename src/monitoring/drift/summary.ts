import type { ColumnChanges } from './column_changes.ts';
import type { DriftResult } from './result.ts';
import { relativeSize } from './severity.ts';

export interface DriftSummary {
  is_drift: boolean;
  /** Drifted features as a share of those that could be judged; 0 when none could. */
  drifted_share: number;
  /** Strongest drift first. */
  drifted_features: string[];
  /** One sentence. */
  recommendation: string;
}

/** From this share of drifted features on, the inputs as a whole have moved. */
const WIDESPREAD_SHARE = 0.3;

/** Columns that a sentence names. */
const MOST_NAMED = 5;

/**
 * Boils a report down to what to do next.
 *
 * @param changes columns that came or went; those that the model misses are named before any drift
 * @param answers names of the results that are about what the model answers, not about its features
 */
export function summariseDrift(
  results: readonly DriftResult[],
  changes?: ColumnChanges,
  answers: readonly string[] = [],
): DriftSummary {
  const judged = results.filter((result) => result.score !== null || result.is_drift);
  const drifted = judged
    .filter((result) => result.is_drift)
    .sort((one, other) => strength(other) - strength(one) || (one.p_adjusted ?? 0) - (other.p_adjusted ?? 0));
  const drifted_share = judged.length === 0 ? 0 : drifted.length / judged.length;
  return {
    is_drift: drifted.length > 0,
    drifted_share,
    drifted_features: drifted.map(({ feature }) => feature),
    recommendation:
      (changes === undefined ? '' : brokenColumns(changes)) +
      recommend(drifted, judged.length, results.length - judged.length, answers),
  };
}

/** How far a feature has moved, in multiples of what counts as moderate; comparable across methods. */
export function strength(result: DriftResult): number {
  const size = result.effect ?? result.score ?? 0;
  const missing = Math.abs(result.current_missing - result.reference_missing);
  return Math.max(relativeSize(result.method, size), relativeSize('missing_share', missing));
}

/** What is wrong with columns, to be put right before anything else; empty when nothing is. */
function brokenColumns({ absent, type_changed }: ColumnChanges): string {
  const broken = [...absent, ...type_changed.map(({ feature }) => feature)];
  if (broken.length === 0) return '';
  const named = broken.slice(0, MOST_NAMED).map((name) => JSON.stringify(name));
  const more = broken.length > named.length ? ', …' : '';
  return `Restore ${named.join(', ')}${more} first, absent or of another type in the current rows. `;
}

function recommend(
  drifted: readonly DriftResult[],
  judged: number,
  unjudged: number,
  answers: readonly string[],
): string {
  const rest = unjudged > 0 ? ` (${unjudged} more could not be judged, see their notes)` : '';
  const [strongest] = drifted;
  if (judged === 0) return 'No feature could be judged: see the notes, and collect more rows.';
  const all = `${judged} feature${judged === 1 ? '' : 's'}${rest}`;
  if (strongest === undefined) return `No drift in ${all}: keep the model as it is.`;
  const found = `Drift in ${drifted.length} of ${all}, strongest in ${JSON.stringify(strongest.feature)}`;
  if (drifted.every(({ feature }) => answers.includes(feature))) {
    return `${found}: the answers moved and no feature that was compared did, so check performance on recent outcomes and look for what else the answers depend on.`;
  }
  if (drifted.length / judged >= WIDESPREAD_SHARE) {
    return `${found}: the inputs as a whole have moved, so check performance on recent outcomes and plan retraining.`;
  }
  if (strongest.severity === 'high') {
    return `${found}: check how that feature is produced, then performance on recent outcomes.`;
  }
  return `${found}: watch it and check performance on recent outcomes before retraining.`;
}
