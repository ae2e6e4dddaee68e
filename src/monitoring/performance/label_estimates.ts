import { influencedByUnits, meanOfUnits, shareOfUnits } from '../../statistics/unit_estimate.ts';
import type { CountedNames } from './ab_verdict.ts';
import { type ArmEstimate, found } from './arm_estimate.ts';
import type { ComparedClasses } from './metrics/metric_definition.ts';
import type { EncodedRows } from './rows.ts';
import { sumByUnit } from './unit_sums.ts';

/** The score of a class as a ratio of sums over rows: precision, recall, F1. */
interface LabelRatio {
  name: string;
  /** What a hit (a row whose actual and predicted label are the class) adds to the numerator; with 1 the ratio is a share. */
  hit: 1 | 2;
  /** What a row adds to the denominator, 0 where neither is true. */
  weight: (isActual: boolean, isPredicted: boolean) => number;
  /** What the class never was where the denominator is 0. */
  without: string;
  /** What is counted of the positive class. */
  counted: (positive: string) => CountedNames;
}

/** The score of the positive class; of more than two classes the mean over those that are actual or predicted. */
export function labelEstimate({ encoded, units, task }: ComparedClasses, ratio: LabelRatio): ArmEstimate {
  return task.kind === 'binary'
    ? positiveEstimate(encoded, units, ratio, task.positive)
    : macroEstimate(encoded, units, ratio);
}

function positiveEstimate(
  { labels, actual, predicted }: EncodedRows,
  units: Int32Array,
  { name, hit, weight, without, counted }: LabelRatio,
  positive: string,
): ArmEstimate {
  const label = labels.indexOf(positive);
  const hits = new Float64Array(actual.length);
  const weights = actual.map((truth, row) =>
    label < 0 ? 0 : weight(truth === label, predicted[row] === label),
  );
  actual.forEach((truth, row) => {
    if (truth === label && predicted[row] === label) hits[row] = hit;
  });
  const { sums, counts } = sumByUnit(units, hits, weights);
  const estimate = hit === 1 ? shareOfUnits(sums, counts) : meanOfUnits(sums, counts);
  if (estimate !== undefined) return { ...found(estimate), names: counted(positive) };
  return {
    estimate: undefined,
    reason: `"${positive}" was never ${without} in the compared rows, so there is no ${name} of it.`,
  };
}

/** A score that is not defined counts as 0, as in scikit-learn. */
function macroEstimate(
  { labels, actual, predicted }: EncodedRows,
  units: Int32Array,
  { hit, weight }: LabelRatio,
): ArmEstimate {
  const weights = new Float64Array(labels.length);
  const hits = new Float64Array(labels.length);
  const isSeen = new Uint8Array(labels.length);
  eachClassOfRows(actual, predicted, (_, label, isActual, isPredicted) => {
    isSeen[label] = 1;
    weights[label] = (weights[label] ?? 0) + weight(isActual, isPredicted);
    if (isActual && isPredicted) hits[label] = (hits[label] ?? 0) + hit;
  });
  const classes = isSeen.reduce((sum, seen) => sum + seen, 0);
  const scores = hits.map((count, label) => ((weights[label] ?? 0) > 0 ? count / (weights[label] ?? 1) : 0));
  const value = scores.reduce((sum, score) => sum + score, 0) / classes;
  const influence = new Float64Array(actual.length);
  eachClassOfRows(actual, predicted, (row, label, isActual, isPredicted) => {
    const total = weights[label] ?? 0;
    if (total === 0) return;
    const own = (isActual && isPredicted ? hit : 0) - (scores[label] ?? 0) * weight(isActual, isPredicted);
    influence[row] = (influence[row] ?? 0) + own / (total * classes);
  });
  const { sums, counts } = sumByUnit(units, influence);
  return found(influencedByUnits(value, sums, counts));
}

/** Calls back for the actual and the predicted class of each row; once where they are the same. */
function eachClassOfRows(
  actual: Int32Array,
  predicted: Int32Array,
  visit: (row: number, label: number, isActual: boolean, isPredicted: boolean) => void,
): void {
  actual.forEach((truth, row) => {
    const said = predicted[row] ?? -1;
    visit(row, truth, true, truth === said);
    if (said !== truth) visit(row, said, false, true);
  });
}
