import type { DriftOptions, DriftResult } from './result.ts';
import { type DriftSummary, strength, summariseDrift } from './summary.ts';
import { type Comparison, judge } from './verdict.ts';

/** Longest name of a group that a sentence quotes, since names are text from outside. */
const maxName = 60;

/** The comparison of one group of rows: a segment, or a span of time. */
export interface GroupDrift extends DriftSummary {
  group: string;
  reference_n: number;
  current_n: number;
  results: DriftResult[];
  /** Why there are no results. */
  note?: string;
}

/** A report over several groups of rows. */
export interface GroupedDrift<Group extends GroupDrift> {
  is_drift: boolean;
  /** In the order of time, or of the segments. */
  groups: Group[];
  /** Groups with drift, strongest first. */
  drifted_groups: string[];
  /** One sentence. */
  recommendation: string;
}

/**
 * Judges the comparisons of all groups as one family: the correction is taken over every feature of every group,
 * so that a report over ten groups raises no more false alarms than one over a single group.
 *
 * @param noun what a group is called in the recommendation
 */
export function judgeGroups<Facts extends Pick<GroupDrift, 'group' | 'reference_n' | 'current_n' | 'note'>>(
  groups: readonly { facts: Facts; comparisons: readonly Comparison[] }[],
  options: DriftOptions,
  noun: string,
): GroupedDrift<Facts & GroupDrift> {
  const results = judge(
    groups.flatMap(({ comparisons }) => comparisons),
    options,
  );
  let start = 0;
  const judged = groups.map(({ facts, comparisons }) => {
    const own = results.slice(start, start + comparisons.length);
    start += comparisons.length;
    return { ...facts, ...summariseDrift(own, undefined, options.predictions), results: own };
  });
  const drifted = judged
    .filter(({ is_drift }) => is_drift)
    .map((group) => ({ group, size: Math.max(...group.results.filter((one) => one.is_drift).map(strength)) }))
    .sort((one, other) => other.size - one.size)
    .map(({ group }) => group);
  return {
    is_drift: drifted.length > 0,
    groups: judged,
    drifted_groups: drifted.map(({ group }) => group),
    recommendation: recommend(judged, drifted, noun),
  };
}

function recommend(groups: readonly GroupDrift[], drifted: readonly GroupDrift[], noun: string): string {
  const compared = groups.filter(({ results }) => results.length > 0).length;
  const left = groups.length - compared;
  const rest = left > 0 ? ` (${left} more have too few rows)` : '';
  if (compared === 0) return `No ${noun} has rows enough for a verdict: collect more, or cut fewer of them.`;
  const all = `${compared} ${noun}${compared === 1 ? '' : 's'}${rest}`;
  const [strongest] = drifted;
  if (strongest === undefined) return `No drift in ${all}: keep the model as it is.`;
  const feature = JSON.stringify(strongest.drifted_features[0] ?? strongest.drifted_predictions[0] ?? '');
  const found = `Drift in ${drifted.length} of ${all}, strongest in ${JSON.stringify(strongest.group.slice(0, maxName))} (${feature})`;
  return drifted.length === compared
    ? `${found}: it is everywhere, so look at how the data are produced before looking at any one ${noun}.`
    : `${found}: check the rows of that ${noun} and the model's performance on them.`;
}
