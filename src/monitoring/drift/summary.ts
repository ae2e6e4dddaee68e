import type { ColumnChanges } from './column_changes.ts';
import { driftMethods } from './methods/index.ts';
import { isBrokenColumn } from './over_threshold.ts';
import type { DriftResult } from './result.ts';
import { badDataScale, relativeSize } from './severity.ts';
import { shownShare } from './verdict.ts';

export interface DriftSummary {
  is_drift: boolean;
  /** Drifted features as a share of those that could be judged, or predictions where no feature could; 0 when none could. */
  drifted_share: number;
  /** Strongest drift first. */
  drifted_features: string[];
  drifted_predictions: string[];
  /** One sentence or a few. */
  recommendation: string;
}

/** From this share of drifted features on, the inputs as a whole have drifted. */
const widespreadShare = 0.3;

/** Columns that a sentence names at most. */
const maxNamed = 5;

/**
 * Summarises a report and says what to do next: bad data before values that moved.
 *
 * @param changes column changes; columns that the model lacks are named first
 * @param predictions names of the results that are about the model's predictions, not its features
 */
export function summariseDrift(
  results: readonly DriftResult[],
  changes?: ColumnChanges,
  predictions: readonly string[] = [],
): DriftSummary {
  const features = judgedOf(results.filter(({ feature }) => !predictions.includes(feature)));
  const answers = judgedOf(results.filter(({ feature }) => predictions.includes(feature)));
  const counted = features.judged > 0 ? features : answers;
  return {
    is_drift: features.drifted.length + answers.drifted.length > 0,
    drifted_share: counted.judged === 0 ? 0 : counted.drifted.length / counted.judged,
    drifted_features: features.drifted.map(({ feature }) => feature),
    drifted_predictions: answers.drifted.map(({ feature }) => feature),
    // With few rows an absent column is no finding, but still the first thing to mend.
    recommendation:
      (changes === undefined || results.some(isBrokenColumn) ? '' : brokenColumns(changes)) +
      recommend(features, answers),
  };
}

/** Results of one kind of column. */
interface Judged {
  judged: number;
  unjudged: number;
  /** Strongest first. */
  drifted: DriftResult[];
}

function judgedOf(results: readonly DriftResult[]): Judged {
  const judged = results.filter(({ score, is_drift }) => score !== null || is_drift);
  const drifted = judged
    .filter(({ is_drift }) => is_drift)
    .sort((one, other) => strength(other) - strength(one) || (one.p_adjusted ?? 0) - (other.p_adjusted ?? 0));
  return { judged: judged.length, unjudged: results.length - judged.length, drifted };
}

/** How far a feature has moved, in multiples of a moderate drift; comparable across methods. */
export function strength(result: DriftResult): number {
  if (isBrokenColumn(result)) return Number.MAX_VALUE;
  const size = relativeSize(driftMethods[result.method].severity, result.effect ?? result.score ?? 0);
  if (result.missing_shift !== true) return size;
  const change = Math.abs(result.current_missing - result.reference_missing);
  return Math.max(size, relativeSize(badDataScale(), change));
}

/** A sentence on broken columns, which are to be mended before anything else; empty when there are none. */
function brokenColumns({ absent, type_changed }: ColumnChanges): string {
  const broken = [...absent, ...type_changed.map(({ feature }) => feature)];
  if (broken.length === 0) return '';
  const named = broken.slice(0, maxNamed).map((name) => JSON.stringify(name));
  const more = broken.length > named.length ? ', …' : '';
  return `Restore ${named.join(', ')}${more} first, absent or of another type in the current rows. `;
}

function recommend(features: Judged, answers: Judged): string {
  const { judged, unjudged, drifted } = features;
  if (judged + answers.judged === 0)
    return 'No feature could be judged, so is_drift=false says nothing: these rows are not enough to tell. See the notes, and collect more rows.';
  const rest = unjudged > 0 ? ` (${unjudged} more could not be judged, see their notes)` : '';
  const all = `${judged} feature${judged === 1 ? '' : 's'}${rest}`;
  const bad = drifted.filter(({ cause }) => cause !== undefined && cause !== 'values');
  const moved = drifted.filter((result) => !bad.includes(result));
  const [worst] = bad;
  if (worst !== undefined) {
    const others =
      moved.length > 0
        ? ` The values of ${moved.length} more moved, most in ${quoted(moved[0])}: judge them when the data are right.`
        : '';
    return `Look first at ${quoted(worst)}: ${whatIsBad(worst)}. Bad data in ${bad.length} of ${all}: check the data pipeline before the model, and do not retrain on them.${others}`;
  }
  const [strongest] = moved;
  if (strongest === undefined) {
    if (answers.drifted.length === 0)
      return `No drift in ${judged === 0 ? 'the predictions' : all}: keep the model as it is.`;
    const found = `Drift in the predictions, most in ${quoted(answers.drifted[0])}`;
    if (judged === 0)
      return `${found}: check performance on recent outcomes, and the features (target: all).`;
    return `${found}, and in none of ${all}: check performance on recent outcomes and look for what else the answers depend on.`;
  }
  const found = `Drift in ${moved.length} of ${all}, strongest in ${quoted(strongest)}`;
  if (moved.length / judged >= widespreadShare) {
    return `${found}: the inputs as a whole have moved, so check performance on recent outcomes and plan retraining.`;
  }
  if (strongest.severity === 'high') {
    return `${found}: check how that feature is produced, then performance on recent outcomes.`;
  }
  return `${found}: watch it and check performance on recent outcomes before retraining.`;
}

function whatIsBad({ cause, reference_missing, current_missing }: DriftResult): string {
  if (cause === 'absent') return 'it is absent in the current rows';
  if (cause === 'type') return 'it is of another type in the current rows';
  if (cause === 'unseen') return 'it has values that the reference never had';
  return `${shownShare(current_missing)} of its values are missing, ${shownShare(reference_missing)} in the reference`;
}

function quoted(result: DriftResult | undefined): string {
  return JSON.stringify(result?.feature ?? '');
}
