import { meanAuc, type RocAuc, rocAuc as rocAucOf } from '../../../statistics/roc_auc.ts';
import { influencedByUnits } from '../../../statistics/unit_estimate.ts';
import { type ArmEstimate, found } from '../arm_estimate.ts';
import {
  classScores,
  estimateOfProbabilities,
  measureProbabilities,
  positiveScores,
} from '../class_probabilities.ts';
import { type Metric, metric, noMetric } from '../metric.ts';
import type { ScoredRows } from '../rows.ts';
import type { Task } from '../task.ts';
import { sumByUnit } from '../unit_sums.ts';
import type { ClassMetric } from './metric_definition.ts';

/** Area under the ROC curve of the positive class; of more than two classes the mean of each against the rest. */
export const rocAuc = {
  name: 'roc_auc',
  task: 'classification',
  better: 'higher',
  uses: ['drops', 'charts', 'segments'],
  measure: (rows) => measureProbabilities(rows, (scored) => measureAuc(scored, rows.task)),
  comparison: {
    estimate: (rows) =>
      estimateOfProbabilities(rows, 'roc_auc', (scored, units) => estimateByUnits(scored, units, rows.task)),
    namesWinner: false,
    instead: 'log_loss and brier',
  },
} as const satisfies ClassMetric;

/** Rows × classes that the AUCs of each class against the rest may cost. */
const maxScores = 2_000_000;
const oneOutcome = 'Every row has the same outcome.';

function measureAuc(rows: ScoredRows, task: Task): Metric {
  if (task.kind === 'binary') {
    const { probability, actual } = positiveScores(rows, task.positive);
    const one = rocAucOf(probability, actual);
    return one === undefined ? noMetric(oneOutcome) : metricOf([one]);
  }
  const affordable = Math.max(2, Math.floor(maxScores / rows.actual.length));
  const chosen = mostFrequentClasses(rows).slice(0, affordable);
  const aucs = aucsOf(rows, chosen);
  if (aucs.length === 0) return noMetric(oneOutcome);
  const left = rows.classes.length - aucs.length;
  if (left === 0) return metricOf(aucs);
  const why = chosen.length < rows.classes.length ? 'with few rows or none' : 'that never occurred';
  return metricOf(aucs, `Without ${left} of ${rows.classes.length} classes, ${why}.`);
}

function metricOf(aucs: readonly RocAuc[], note?: string): Metric {
  const { auc, interval } = meanAuc(aucs);
  return metric(auc, interval, note);
}

/** Of the classes at those positions that occur, and not in every row. */
function aucsOf(rows: ScoredRows, classes: Iterable<number>): RocAuc[] {
  return [...classes].flatMap((index) => {
    const { probability, actual } = classScores(rows, index);
    return rocAucOf(probability, actual) ?? [];
  });
}

/** Positions of the classes, those with the most rows first. */
function mostFrequentClasses({ classes, actual }: ScoredRows): number[] {
  const support = new Float64Array(classes.length);
  for (const label of actual) if (label >= 0) support[label] = (support[label] ?? 0) + 1;
  return [...classes.keys()].sort(
    (left, right) => (support[right] ?? 0) - (support[left] ?? 0) || left - right,
  );
}

/** DeLong's components of the rows, added up by unit: Obuchowski (1997), "Nonparametric analysis of clustered ROC curve data". */
function estimateByUnits(rows: ScoredRows, units: Int32Array, task: Task): ArmEstimate {
  const classes = task.kind === 'binary' ? [rows.classes.indexOf(task.positive)] : rows.classes.keys();
  const aucs = aucsOf(rows, classes);
  if (aucs.length === 0) return { estimate: undefined, reason: 'Every compared row had the same outcome.' };
  const scale = units.length * aucs.length;
  const influence = new Float64Array(units.length);
  for (const { influence: own } of aucs) {
    if (own === undefined) return { estimate: undefined, reason: 'A class has fewer than two rows.' };
    own.forEach((part, row) => {
      influence[row] = (influence[row] ?? 0) + part / scale;
    });
  }
  const auc = aucs.reduce((sum, one) => sum + one.auc, 0) / aucs.length;
  const { sums, counts } = sumByUnit(units, influence);
  return found(influencedByUnits(auc, sums, counts));
}
