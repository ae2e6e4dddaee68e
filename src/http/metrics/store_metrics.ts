import { Counter, Gauge, Registry } from 'prom-client';
import type { LatestMeasurements } from '../../monitoring/latest/latest_measurements.ts';
import type { Gauges } from '../../overview/read_gauges.ts';

/** Columns of a version's drift report that are told of, and series of drift and of performance in all. */
const mostColumns = 20;
const mostMeasurements = 3000;

const breakerStates = { closed: 0, half_open: 1, open: 2 };

/** Whether the store's database answers; while it does not, the metrics of the store are left out. */
export function storeAnswers(isSo: boolean): Registry {
  const registry = new Registry();
  const help = 'Whether the database of the store answered: 1, or 0 while it is away.';
  new Gauge({ name: 'modelyard_store_up', help, registers: [registry] }).set(Number(isSo));
  return registry;
}

/** What is the same for every process of the store, as metrics: never to be summed over processes. */
export function storeMetrics({ versions, omitted, alerts, rollouts }: Gauges): Registry {
  const registry = new Registry();
  const gauge = <Name extends string>(name: string, help: string, labelNames: readonly Name[]) =>
    new Gauge<Name>({ name: `modelyard_${name}`, help, labelNames, registers: [registry] });
  const ofVersion = ['model', 'version'] as const;
  const counter = (name: string, help: string, labelNames: readonly ('model' | 'version')[]) =>
    new Counter({ name: `modelyard_${name}`, help, labelNames, registers: [registry] });

  gauge('versions_in_service', 'Deployed versions.', []).set(versions.length + omitted);
  gauge(
    'versions_omitted',
    'Deployed versions that the metrics of the store leave out: those called least recently.',
    [],
  ).set(omitted);
  const weight = gauge('traffic_weight', "The version's share of its model's calls, 0 to 1.", ofVersion);
  const breaker = gauge('breaker_state', 'Circuit breaker: 0 closed, 1 half open, 2 open.', ofVersion);
  const trips = counter('breaker_trips_total', 'How often the circuit breaker opened.', ofVersion);
  const calls = counter('store_calls_total', 'Calls that all processes of the store logged.', ofVersion);
  const errors = counter('store_call_errors_total', 'Those of them that the model failed.', ofVersion);
  for (const { modelId: model, version, ...found } of versions) {
    const labels = { model, version };
    if (found.weight !== undefined) weight.set(labels, found.weight);
    breaker.set(labels, breakerStates[found.breaker]);
    trips.inc(labels, found.trips);
    calls.inc(labels, found.calls);
    errors.inc(labels, found.errors);
  }
  const cut = addMeasurements(gauge, versions);
  gauge('measurements_omitted', 'Series of drift and performance that are left out.', []).set(cut);

  const open = gauge('alerts_open', 'Alerts that are open or acknowledged.', ['model', 'severity']);
  for (const { modelId: model, severity, count } of alerts) open.set({ model, severity }, count);
  const running = gauge('rollout', 'A rollout that is not over: 1 for its state and step.', [
    'model',
    'version',
    'state',
    'step',
  ]);
  for (const { modelId: model, version, state, stepName: step } of rollouts)
    running.set({ model, version, state, step }, 1);
  return registry;
}

/** @returns how many series were left out */
function addMeasurements(
  gauge: <Name extends string>(name: string, help: string, labels: readonly Name[]) => Gauge<Name>,
  versions: readonly { modelId: string; version: string; latest: LatestMeasurements }[],
): number {
  const ofVersion = ['model', 'version'] as const;
  const ofColumn = ['model', 'version', 'column', 'kind', 'method'] as const;
  const ofMetric = ['model', 'version', 'metric'] as const;
  const size = gauge('drift_score', 'Distance of a column from the reference by its method.', ofColumn);
  const isDrift = gauge('drift_detected', 'Whether the column drifted: evidence and size.', ofColumn);
  const share = gauge('drifted_features', 'Features that drifted in the last report.', ofVersion);
  const driftAt = gauge('drift_measured_timestamp_seconds', 'When that report was made.', ofVersion);
  const live = gauge('performance', 'A metric by the outcomes of the last day.', ofMetric);
  const outcomes = gauge('performance_outcomes', 'Outcomes that it was measured by.', ofVersion);
  const estimated = gauge('performance_estimate', 'A metric estimated without outcomes.', ofMetric);
  const measuredAt = gauge('performance_measured_timestamp_seconds', 'When that was measured.', ofVersion);
  let [left, cut] = [mostMeasurements, 0];
  const set = <Name extends string>(metric: Gauge<Name>, labels: Record<Name, string>, value: number) => {
    if (left > 0) metric.set(labels, value);
    else cut++;
    left--;
  };
  for (const { modelId: model, version, latest } of versions) {
    const labels = { model, version };
    const { drift, performance } = latest;
    if (drift !== undefined) {
      set(share, labels, drift.drifted);
      set(driftAt, labels, drift.at / 1000);
      cut += Math.max(0, drift.columns.length - mostColumns);
      for (const { name, isPrediction, method, score, ...column } of drift.columns.slice(0, mostColumns)) {
        const of = { ...labels, column: name, kind: isPrediction ? 'prediction' : 'feature', method };
        if (score !== null) set(size, of, score);
        set(isDrift, of, Number(column.isDrift));
      }
    }
    if (performance !== undefined) {
      set(outcomes, labels, performance.outcomes);
      set(measuredAt, labels, performance.at / 1000);
      for (const [metric, { value }] of Object.entries(performance.metrics))
        set(live, { ...labels, metric }, value);
      for (const [metric, { value }] of Object.entries(performance.estimate?.metrics ?? {}))
        set(estimated, { ...labels, metric }, value);
    }
  }
  return cut;
}
