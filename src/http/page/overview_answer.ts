import type { ModelStanding, VersionStanding } from '../../overview/model_standing.ts';
import type { Summary } from '../../overview/read_summary.ts';

const time = (at: number) => new Date(at).toISOString();
const timeOrNull = (at: number | null | undefined) => (at === null || at === undefined ? null : time(at));

/** What stands at the head of the page, as JSON. */
export function summaryAnswer(summary: Summary) {
  const { models, versions, modelsInService, versionsInService, calls, errors } = summary;
  return {
    totals: {
      models,
      versions,
      models_in_service: modelsInService,
      versions_in_service: versionsInService,
      calls_last_hour: calls,
      errors_last_hour: errors,
    },
    checks: summary.checks,
    alerts: {
      counts: summary.alerts.counts,
      newest: summary.alerts.newest.map(({ modelId, openedAt, ...alert }) => ({
        ...alert,
        model_id: modelId,
        opened_at: time(openedAt),
      })),
    },
    rollouts: {
      total: summary.rollouts.total,
      newest: summary.rollouts.newest.map((rollout) => ({
        rollout_id: rollout.rolloutId,
        model_id: rollout.modelId,
        version: rollout.version,
        incumbent: rollout.incumbent ?? null,
        state: rollout.state,
        step: rollout.step,
        steps: rollout.steps,
        step_name: rollout.stepName,
        waiting: rollout.waiting,
        started_at: time(rollout.startedAt),
      })),
    },
    changes: summary.changes.map(({ at, modelId, ...change }) => ({
      ...change,
      at: time(at),
      model_id: modelId,
    })),
  };
}

/** A model with what is deployed of it, as JSON. */
export function modelAnswer({ modelId, served, servedTotal, ...model }: ModelStanding) {
  return { model_id: modelId, ...model, served: served.map(versionAnswer), served_total: servedTotal };
}

function versionAnswer({ statistics, breaker, latest, ...version }: VersionStanding) {
  const { drift, performance } = latest;
  const noLatency = { p50: null, p95: null, p99: null };
  const { p50, p95, p99 } = statistics?.recent.latencyMs ?? noLatency;
  return {
    version: version.version,
    stage: version.stage,
    active: version.active,
    shadow: version.isShadow,
    weight: version.weight,
    status: version.status,
    detail: version.detail,
    circuit_breaker: {
      state: breaker.state,
      reason: breaker.reason,
      reopens_at: timeOrNull(breaker.reopensAt),
    },
    calls: statistics?.calls ?? 0,
    errors: statistics?.errors ?? 0,
    last_call_at: timeOrNull(statistics?.lastCallAt),
    last_error: statistics?.lastError ?? null,
    recent: {
      calls: statistics?.recent.calls ?? 0,
      errors: statistics?.recent.errors ?? 0,
      latency_ms: { p50, p95, p99 },
    },
    drift:
      drift === undefined
        ? null
        : {
            at: time(drift.at),
            rows: drift.rows,
            checked: drift.checked,
            drifted: drift.drifted,
            columns: drift.columns.map(({ name, isPrediction, method, score, isDrift, severity }) => ({
              name,
              kind: isPrediction ? 'prediction' : 'feature',
              ...{ method, score, severity },
              is_drift: isDrift,
            })),
          },
    performance:
      performance === undefined
        ? null
        : {
            at: time(performance.at),
            outcomes: performance.outcomes,
            metrics: performance.metrics,
            estimate: performance.estimate,
          },
  };
}
