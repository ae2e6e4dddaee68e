import type { Estimate, Metric } from '../performance/index.ts';
import { rowsOf } from './compare_reference.ts';
import { metricsOf } from './measure_rows.ts';
import type { VersionMeasurement } from './measure_version.ts';

interface StandingMetric {
  value: number;
  low: number | null;
  high: number | null;
}

/** How a version does at present, in plain numbers: of predictions with outcomes, and estimated of those without. */
export interface Standing {
  /** When the predictions were made, milliseconds since 1970. */
  since: number;
  until: number;
  outcomes: number;
  /** With their intervals. */
  metrics: Record<string, StandingMetric>;
  /** With their bands; null where no estimate is possible. */
  estimate: { rows: number; metrics: Record<string, StandingMetric> } | null;
}

/** @returns undefined where there is no number to tell */
export function standingOf(
  { measured, estimate }: VersionMeasurement,
  { since, until }: { since: number; until: number },
): Standing | undefined {
  const outcomes = rowsOf(measured);
  const metrics =
    outcomes === 0 ? {} : known(metricsOf(measured), ({ interval }: Metric) => interval ?? undefined);
  const estimated =
    estimate &&
    known(
      { accuracy: estimate.accuracy, f1: estimate.f1, roc_auc: estimate.roc_auc },
      ({ band }: Estimate) => band,
    );
  const isEstimated = estimated !== undefined && Object.keys(estimated).length > 0;
  if (Object.keys(metrics).length === 0 && !isEstimated) return undefined;
  return {
    since,
    until,
    outcomes,
    metrics,
    estimate: isEstimated ? { rows: estimate?.count ?? 0, metrics: estimated } : null,
  };
}

function known<Found extends { value: number | null }>(
  metrics: Readonly<Record<string, Found>>,
  boundsOf: (metric: Found) => { low: number; high: number } | null | undefined,
): Record<string, StandingMetric> {
  return Object.fromEntries(
    Object.entries(metrics).flatMap(([name, metric]): [string, StandingMetric][] => {
      const { value } = metric;
      if (value === null || !Number.isFinite(value)) return [];
      const bounds = boundsOf(metric);
      return [[name, { value, low: bounds?.low ?? null, high: bounds?.high ?? null }]];
    }),
  );
}
