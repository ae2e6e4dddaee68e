import type { Metric } from '../metric.ts';
import { accuracy } from './accuracy.ts';
import { bias } from './bias.ts';
import { brier } from './brier.ts';
import { calibrationError } from './calibration_error.ts';
import { f1 } from './f1.ts';
import { logLoss } from './log_loss.ts';
import { mae } from './mae.ts';
import { medianAbsoluteError } from './median_absolute_error.ts';
import type { ClassMetric, JudgedClasses, JudgedNumbers, NumberMetric } from './metric_definition.ts';
import { precision } from './precision.ts';
import { r2 } from './r2.ts';
import { recall } from './recall.ts';
import { rmse } from './rmse.ts';
import { rocAuc } from './roc_auc.ts';

/**
 * All metrics by name, in the order of answers. A new one is a file beside this one and its line here: answers, drops,
 * charts, segments, the tool's argument and comparisons of versions follow.
 */
const metrics = {
  [accuracy.name]: accuracy,
  [precision.name]: precision,
  [recall.name]: recall,
  [f1.name]: f1,
  [logLoss.name]: logLoss,
  [brier.name]: brier,
  [rocAuc.name]: rocAuc,
  [calibrationError.name]: calibrationError,
  [mae.name]: mae,
  [rmse.name]: rmse,
  [r2.name]: r2,
  [bias.name]: bias,
  [medianAbsoluteError.name]: medianAbsoluteError,
};

type KnownMetric = (typeof metrics)[keyof typeof metrics];
type ComparableMetric = Extract<KnownMetric, { comparison: unknown }>;
/** A metric that versions can be compared by. */
export type ComparableMetricName = ComparableMetric['name'];

const all: readonly KnownMetric[] = Object.values(metrics);

/** The one metric that stands for all others in a verdict or a chart. */
export const headlines = { classification: accuracy.name, regression: mae.name } as const;
export type Headline = (typeof headlines)[keyof typeof headlines];

export const comparableMetricNames: readonly ComparableMetricName[] = all.flatMap((metric) =>
  'comparison' in metric ? [metric.name] : [],
);

/** The metrics by which versions of a model of that task can be compared. */
export function comparableMetricsOf(task: KnownMetric['task']): ComparableMetricName[] {
  return comparableMetricNames.filter((name) => metrics[name].task === task);
}

export function comparableMetric(name: ComparableMetricName): ComparableMetric {
  return metrics[name];
}

/** Every metric of classes that can be measured of these rows, by name. */
export function measureClasses(rows: JudgedClasses): Record<string, Metric> {
  return byName(
    all.flatMap((metric): ClassMetric[] => (metric.task === 'classification' ? [metric] : [])),
    rows,
  );
}

/** Every metric of numbers that can be measured of these rows, by name. */
export function measureNumbers(rows: JudgedNumbers): Record<string, Metric> {
  return byName(
    all.flatMap((metric): NumberMetric[] => (metric.task === 'regression' ? [metric] : [])),
    rows,
  );
}

function byName<Rows>(
  some: readonly { name: string; measure: (rows: Rows) => Metric | undefined }[],
  rows: Rows,
): Record<string, Metric> {
  return Object.fromEntries(
    some.flatMap(({ name, measure }): [string, Metric][] => {
      const value = measure(rows);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** The metrics with that use, in the order of answers. */
export function metricsFor(use: ClassMetric['uses'][number]): Pick<ClassMetric, 'name' | 'better'>[] {
  const some: readonly (ClassMetric | NumberMetric)[] = all;
  return some.filter(({ uses }) => uses.includes(use));
}

/** Whether more of the headline is better. */
export function isHigherBetter(headline: Headline): boolean {
  const { better }: ClassMetric | NumberMetric = metrics[headline];
  return better === 'higher';
}
