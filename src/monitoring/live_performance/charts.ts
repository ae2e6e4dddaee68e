import type { Compared } from '../../prediction_log/outcome_window.ts';
import type { VersionRecord } from '../../registry/version_record.ts';
import {
  type ChartSpec,
  classificationChart,
  performanceOverTimeChart,
  regressionChart,
  type ShownMetric,
  type TimeLine,
} from '../charts/index.ts';
import { isHigherBetter, metricsFor } from '../performance/index.ts';
import { headlineOf, type Measured, metricsOf } from './measure_rows.ts';

/** Reliability and confusion, or predicted against actual values; undefined for what is not measured. */
export function performanceChart(
  { modelId, version }: VersionRecord,
  measured: Measured,
  compared: Compared,
): ChartSpec | undefined {
  const subject = { model_id: modelId, version, metrics: metricsShown(measured) };
  if (measured.task === 'classification') {
    const bins = measured.performance.calibration?.equal_width?.bins.map(
      ({ low, high, interval, ...bin }) => ({
        ...bin,
        from: low,
        to: high,
        low: interval.low,
        high: interval.high,
      }),
    );
    const { count, confusion_matrix } = measured.performance;
    if (count === 0) return undefined;
    return classificationChart({ ...subject, rows: count, calibration: bins, confusion: confusion_matrix });
  }
  if (measured.task === 'none' || compared.kind !== 'numbers' || measured.performance.count === 0)
    return undefined;
  return regressionChart({ ...subject, actual: compared.actual, predicted: compared.predicted });
}

/** The headline metric over time; undefined where no line has a value. */
export function overTimeChart(
  { modelId, version }: VersionRecord,
  measured: Measured,
  reference: Measured | undefined,
  bucketMs: number,
  lines: readonly TimeLine[],
): ChartSpec | undefined {
  const headline = headlineOf(measured);
  const drawn = lines.filter(({ values }) => values.some(({ value }) => value !== null));
  // With a single bucket there is no course over time to draw; its value is in the answer and the other picture.
  const times = new Set(drawn.flatMap(({ values }) => values.map(({ at }) => at)));
  if (headline === undefined || times.size < 2) return undefined;
  const baseline = reference && metricsOf(reference)[headline]?.value;
  return performanceOverTimeChart({
    model_id: modelId,
    version,
    metric: headline === 'mae' ? 'MAE' : headline,
    higher_is_better: isHigherBetter(headline),
    bucket_ms: bucketMs,
    lines: drawn,
    ...(typeof baseline === 'number' && { baseline }),
  });
}

function metricsShown(measured: Measured): ShownMetric[] {
  const metrics = metricsOf(measured);
  return metricsFor('charts').flatMap(({ name }): ShownMetric[] => {
    const found = metrics[name];
    if (found === undefined || found.value === null) return [];
    return [{ name, value: found.value, low: found.interval?.low, high: found.interval?.high }];
  });
}
