import type { OutcomeWindow } from '../../prediction_log/outcome_window.ts';
import {
  type ArmEstimate,
  type ClassCount,
  type ComparableMetricName,
  comparableMetric,
  comparableMetricsOf,
  comparedClasses,
  comparedNumbers,
  countClasses,
  headlines,
} from '../performance/index.ts';
import { classificationRows } from './measure_rows.ts';

/** One version in a comparison, by the rows of the calls that the route's weights assigned to it. */
export interface Arm extends ArmEstimate {
  metric: ComparableMetricName | undefined;
  /** Whether the metric is the default, not one that the user asked for. */
  isDefault: boolean;
  /** Rows by class; empty for a regression. */
  classes: ClassCount[];
}

/** What a model of that task answers. */
const answersOf = { classification: 'classes', regression: 'numbers' } as const;

/**
 * @param metric default: accuracy, or the mean absolute error
 * @param known the classes that the model knows, in its order
 */
export function measureArm(
  { compared, probabilities, units: given, rows }: OutcomeWindow,
  metric: ComparableMetricName | undefined,
  known: readonly string[] | undefined,
): Arm {
  const isDefault = metric === undefined;
  if (compared.kind === 'arrays')
    return { metric, isDefault, estimate: undefined, reason: 'The model answers arrays.', classes: [] };
  const asked = metric ?? (compared.kind === 'classes' ? headlines.classification : headlines.regression);
  const definition = comparableMetric(asked);
  const units = given ?? Int32Array.from({ length: rows }, (_, row) => row);
  const classes = compared.kind === 'classes' ? countClasses(compared) : [];
  const arm = { metric: asked, isDefault, classes };
  if (definition.task === 'classification' && compared.kind === 'classes') {
    const measured = comparedClasses(classificationRows(compared, probabilities), units, known);
    return { ...arm, ...definition.comparison.estimate(measured) };
  }
  if (definition.task === 'regression' && compared.kind === 'numbers')
    return { ...arm, ...definition.comparison.estimate(comparedNumbers(compared, units)) };
  // Without a row nothing says of which kind the answers are.
  const reason =
    rows > 0
      ? `${asked} is of ${answersOf[definition.task]}, and the model answers ${compared.kind}: choose ${comparableMetricsOf(compared.kind === 'classes' ? 'classification' : 'regression').join(', ')}.`
      : undefined;
  return { ...arm, estimate: undefined, reason };
}
