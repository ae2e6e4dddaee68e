import {
  type ArmEstimate,
  type ComparableMetricName,
  comparableMetric,
  comparableMetricsOf,
  comparedClasses,
  comparedNumbers,
} from '../monitoring/performance/index.ts';
import { mcnemarExact, pairedShareInterval } from '../statistics/mcnemar.ts';
import { pairedDifference } from '../statistics/paired_difference.ts';
import type { JudgedRows } from './judged_rows.ts';
import type { PairedMetric } from './report.ts';
import { format, judge } from './verdict.ts';

/** Units of equal weight that a paired test by its asymptotic variance needs … */
const leastUnits = 30;
/** … and of labels, units in which the two differ: of fewer the normal approximation is too sure. */
const leastDiffering = 10;

/**
 * Compares both versions by every metric on the same rows. Accuracy over units of one row by McNemar's exact test; all else
 * by the paired difference over units, see statistics/paired_difference.ts. Metrics that can name a winner are corrected by
 * Holm (1979) together, so that of two versions that are the same any of them differs in at most 5 of 100 backtests.
 *
 * @param names of the classes' codes
 * @param classes that have probabilities, and `known`: those that the versions know, in their order
 */
export function pairedMetrics(
  judged: JudgedRows,
  names: readonly string[],
  classes: readonly string[],
  known: readonly string[] | undefined,
): PairedMetric[] {
  const estimates = estimatesOf(judged, names, classes, known);
  const evenness = evennessOf(judged);
  const differing = differingUnits(judged);
  return estimates.map(({ metric, one, other }) => compare(metric, one, other, judged, evenness, differing));
}

interface Estimates {
  metric: ComparableMetricName;
  one: ArmEstimate;
  other: ArmEstimate;
}

function estimatesOf(
  { classes: codes, numbers, probabilities, units }: JudgedRows,
  names: readonly string[],
  classes: readonly string[],
  known: readonly string[] | undefined,
): Estimates[] {
  if (codes !== undefined) {
    const labels = (of: Int32Array) => Array.from(of, (code) => names[code] ?? null);
    const actual = labels(codes.actual);
    const arm = (of: 'incumbent' | 'candidate') =>
      comparedClasses(
        {
          actual,
          predicted: labels(codes[of]),
          ...(probabilities && { probabilities: { classes, values: probabilities[of] } }),
        },
        units,
        known,
      );
    const [incumbent, candidate] = [arm('incumbent'), arm('candidate')];
    return comparableMetricsOf('classification').flatMap((metric) => {
      const definition = comparableMetric(metric);
      if (definition.task !== 'classification') return [];
      const { estimate } = definition.comparison;
      return [{ metric, one: estimate(incumbent), other: estimate(candidate) }];
    });
  }
  if (numbers === undefined) return [];
  const arm = (of: 'incumbent' | 'candidate') =>
    comparedNumbers({ actual: numbers.actual, predicted: numbers[of] }, units);
  const [incumbent, candidate] = [arm('incumbent'), arm('candidate')];
  return comparableMetricsOf('regression').flatMap((metric) => {
    const definition = comparableMetric(metric);
    if (definition.task !== 'regression') return [];
    const { estimate } = definition.comparison;
    return [{ metric, one: estimate(incumbent), other: estimate(candidate) }];
  });
}

function compare(
  metric: ComparableMetricName,
  one: ArmEstimate,
  other: ArmEstimate,
  judged: JudgedRows,
  effectiveUnits: number,
  differing: number,
): PairedMetric {
  const { better, comparison, task } = comparableMetric(metric);
  const base = {
    metric,
    incumbent: one.estimate?.value ?? null,
    candidate: other.estimate?.value ?? null,
    difference: null,
    interval: null,
    pValue: null,
    pAdjusted: null,
    test: 'paired_t' as const,
    verdict: 'not_enough_data' as const,
  };
  if (one.estimate === undefined || other.estimate === undefined)
    return { ...base, detail: one.reason ?? other.reason ?? 'No row has what it is of.' };
  const paired = pairedDifference(one.estimate, other.estimate, judged.unitCount, effectiveUnits);
  if (paired === undefined)
    return { ...base, detail: 'Two units with an outcome are the least that can be compared.' };
  const { difference, low, high } = paired;
  const measured = { ...base, difference, interval: { low, high } };
  const isByRow = judged.unitCount === judged.rows;
  const isOfLabels = task === 'classification' && !['log_loss', 'brier', 'roc_auc'].includes(metric);
  if (metric === 'accuracy' && isByRow) {
    const { onlyIncumbent, onlyCandidate } = discordant(judged);
    const pValue = mcnemarExact(onlyIncumbent, onlyCandidate);
    const interval = pairedShareInterval(onlyIncumbent, onlyCandidate, judged.rows);
    return judge(
      { ...measured, test: 'mcnemar_exact', interval, pValue },
      better,
      comparison.namesWinner,
      `${onlyCandidate} rows only the candidate got right, ${onlyIncumbent} only the incumbent`,
    );
  }
  if (effectiveUnits < leastUnits)
    return {
      ...measured,
      interval: null,
      detail: `${format(effectiveUnits)} units with an outcome (entities, else calls, however many rows each has; counted by how evenly the rows lie in them); ${leastUnits} are needed. A file that was logged has few calls: name its entity_column in predict_file, or compare the file itself (path).`,
    };
  if (isOfLabels && differing === 0) {
    // The rule of three: what happened in none of n rows is, with 95 % confidence, rarer than 3/n.
    const most = Math.min(1, 3 / Math.min(one.estimate.rows, other.estimate.rows));
    const interval = { low: -most, high: most };
    return judge(
      { ...measured, interval, pValue: 1 },
      better,
      comparison.namesWinner,
      'every answer is the same',
    );
  }
  if (isOfLabels && differing < leastDiffering)
    return {
      ...measured,
      interval: null,
      detail: `The two differ in ${differing} of ${judged.unitCount} units; ${leastDiffering} are needed for a test of ${metric}.`,
    };
  return judge(
    { ...measured, pValue: paired.pValue },
    better,
    comparison.namesWinner,
    `${judged.unitCount} units`,
  );
}

function discordant({ classes }: JudgedRows): { onlyIncumbent: number; onlyCandidate: number } {
  const counts = { onlyIncumbent: 0, onlyCandidate: 0 };
  classes?.actual.forEach((actual, row) => {
    const [one, other] = [classes.incumbent[row] === actual, classes.candidate[row] === actual];
    if (one && !other) counts.onlyIncumbent++;
    if (other && !one) counts.onlyCandidate++;
  });
  return counts;
}

/** Units of equal weight that say as much (Kish 1965). */
function evennessOf({ units, unitCount, rows }: JudgedRows): number {
  const counts = new Float64Array(unitCount);
  for (const unit of units) counts[unit] = (counts[unit] ?? 0) + 1;
  const squares = counts.reduce((sum, count) => sum + count * count, 0);
  return squares === 0 ? 0 : (rows * rows) / squares;
}

/** Units in which the two gave a row different labels. */
function differingUnits({ classes, units, unitCount }: JudgedRows): number {
  const differs = new Uint8Array(unitCount);
  classes?.incumbent.forEach((label, row) => {
    if (label !== classes.candidate[row]) differs[units[row] ?? 0] = 1;
  });
  return differs.reduce((sum, one) => sum + one, 0);
}
