import { z } from 'zod';
import { type HealthStatus, healthStatuses, type ModelHealth } from '../src/monitoring/health.ts';
import { packageVersion } from '../src/package_info.ts';
import { defineTool } from './define_tool.ts';
import { isoTime, modelId } from './schemas.ts';
import { streamChange, streamChangeAnswer } from './stream_change.ts';

const status = z.enum(healthStatuses);

/** Most models shown; the worst first. */
const shownModels = 20;
/** Of a version, the newest. */
const shownChanges = 3;
const rank: Record<HealthStatus, number> = { unhealthy: 0, degraded: 1, unknown: 2, healthy: 3 };

export const healthCheck = defineTool({
  name: 'health_check',
  title: 'Check health',
  description:
    'Says whether the store and the deployed versions (of one model, if named) work: status, calls, errors, latency quantiles, last error, from what all server processes on this store have served. Counts are since deployment; status and latency are of the last hour. unknown means not called lately and not loaded here. Use detect_drift for the quality of what is predicted.',
  permission: 'READ',
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  input: z.strictObject({ model_id: modelId.optional().describe('Only this model') }),
  output: z.strictObject({
    status,
    checks: z.array(z.strictObject({ name: z.string(), status, detail: z.string() })),
    models: z.array(
      z.strictObject({
        model_id: z.string(),
        version: z.string(),
        stage: z.string(),
        active: z.boolean(),
        weight: z.number(),
        status,
        detail: z.string(),
        circuit_breaker: z.strictObject({
          state: z.enum(['closed', 'open', 'half_open']),
          trips: z.number(),
          reopens_at: z.string().nullable(),
        }),
        shadow_agreement: z.number().nullable(),
        request_count: z.number(),
        error_count: z.number(),
        error_rate: z.number(),
        latency_ms: z.strictObject({
          p50: z.number().nullable(),
          p95: z.number().nullable(),
          p99: z.number().nullable(),
        }),
        last_request_at: z.string().nullable(),
        last_error_at: z.string().nullable(),
        last_error: z.string().nullable(),
        uptime_s: z.number(),
        changes: z.array(streamChange),
      }),
    ),
    models_total: z.number(),
    server: z.strictObject({
      version: z.string(),
      role: z.string(),
      read_only: z.boolean(),
      approvals: z.string(),
      store: z.string(),
      mlflow: z.string(),
      uptime_s: z.number(),
    }),
  }),
  async handle(services, input, { caller }) {
    const health = await services.monitoring.health(input.model_id);
    const mlflow = await services.mlflow.health();
    const now = Date.now();
    return {
      // An outage of MLflow costs no call: it is told, and makes nothing worse than degraded.
      status: health.status === 'healthy' && mlflow.check?.status === 'degraded' ? 'degraded' : health.status,
      checks: [...health.checks, ...(mlflow.check === undefined ? [] : [mlflow.check])],
      models: health.models
        .toSorted((a, b) => rank[a.status] - rank[b.status])
        .slice(0, shownModels)
        .map((model) => describe(model, now)),
      models_total: health.models.length,
      server: {
        version: packageVersion,
        role: caller.role,
        read_only: caller.readOnly,
        approvals: services.settings.approvals,
        store: services.storeKind,
        mlflow: mlflow.summary,
        uptime_s: secondsSince(services.startedAt, now),
      },
    };
  },
});

function describe(model: ModelHealth, now: number) {
  const { statistics } = model;
  const calls = statistics?.calls ?? 0;
  const errors = statistics?.errors ?? 0;
  const time = (at: number | null | undefined) => (at === null || at === undefined ? null : isoTime(at));
  return {
    model_id: model.modelId,
    version: model.version,
    stage: model.stage,
    active: model.active,
    weight: model.weight,
    status: model.status,
    detail: model.detail,
    circuit_breaker: {
      state: model.breaker.state,
      trips: model.breaker.trips,
      reopens_at: time(model.breaker.reopensAt),
    },
    shadow_agreement: model.shadowAgreement,
    request_count: calls,
    error_count: errors,
    error_rate: calls === 0 ? 0 : errors / calls,
    latency_ms: statistics?.recent.latencyMs ?? { p50: null, p95: null, p99: null },
    last_request_at: time(statistics?.lastCallAt),
    last_error_at: time(statistics?.lastErrorAt),
    last_error: statistics?.lastError ?? null,
    uptime_s: secondsSince(model.deployedAt, now),
    changes: model.changes.slice(0, shownChanges).map(streamChangeAnswer),
  };
}

/** None when the clock was set back. */
function secondsSince(then: number, now: number): number {
  return Math.max(0, Math.round((now - then) / 1000));
}
