import { z } from 'zod';
import type { ModelHealth } from '../src/monitoring/health/check_models.ts';
import { type HealthStatus, healthStatuses } from '../src/monitoring/health/health_status.ts';
import { packageVersion } from '../src/package_info.ts';
import { noQuantiles } from '../src/prediction_log/latency.ts';
import { nameOfStep } from '../src/rollouts/rollout_store.ts';
import type { Services } from '../src/services.ts';
import { latency, latencyAnswer, queueTime, queueTimeAnswer } from './answers/latency.ts';
import { openAlerts, openAlertsOf } from './answers/open_alerts.ts';
import { beginning, roomFor } from './answers/room.ts';
import { isoTime, notWhole } from './answers/schemas.ts';
import { storedNote, storedTexts } from './answers/stored_texts.ts';
import { streamChange, streamChangeAnswer } from './answers/stream_change.ts';
import { modelId, responseFormat } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

const status = z.enum(healthStatuses);

/** Rollouts named at most. */
const shownRollouts = 20;
/** Characters of a concise answer's parts; versions have what is left. */
const most = { checks: 1500, detail: 600, versionDetail: 300 };
/** Changes shown of a version, the newest first. */
const shownChanges = 3;
const rank: Record<HealthStatus, number> = { unhealthy: 0, degraded: 1, unknown: 2, healthy: 3 };

export const healthCheck = defineTool({
  name: 'health_check',
  title: 'Check health',
  description:
    'Whether the store and deployed versions work: calls, errors, latency, of all processes. Counts since deployment; status and latency of the last hour; unknown: not called lately nor loaded here. Prediction quality: detect_drift.',
  permission: 'READ',
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  input: z.strictObject({ model_id: modelId.optional(), response_format: responseFormat }),
  output: z.strictObject({
    note: storedNote,
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
          trips: z.int(),
          reopens_at: z.string().nullable(),
          reason: z.string().nullable(),
          tripped_at: z.string().nullable(),
        }),
        shadow_agreement: z.number().nullable(),
        request_count: z.int(),
        error_count: z.int(),
        error_rate: z.number(),
        latency_ms: latency,
        queue_ms: queueTime,
        last_request_at: z.string().nullable(),
        last_error_at: z.string().nullable(),
        last_error: z.string().nullable(),
        uptime_s: z.number(),
        changes: z.array(streamChange),
      }),
    ),
    models_total: z.int(),
    not_whole: notWhole,
    ...openAlerts,
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
    const [rollouts, engines] = await Promise.all([
      rolloutCheck(services, input.model_id),
      engineChecks(services),
    ]);
    const isDegraded = [...engines, ...(mlflow.check ? [mlflow.check] : [])].some(
      (check) => check.status === 'degraded',
    );
    const now = Date.now();
    const isWhole = input.response_format === 'detailed';
    const room = roomFor(isWhole);
    const alerts = input.model_id === undefined ? {} : await openAlertsOf(services, input.model_id);
    room.take({ alerts, server: 'x'.repeat(250) });
    const text = (given: string, characters: number) => (isWhole ? given : beginning(given, characters));
    const checks = room.items(
      [...health.checks, ...(mlflow.check === undefined ? [] : [mlflow.check]), ...engines, ...rollouts].map(
        (check) => ({ ...check, detail: text(check.detail, most.detail) }),
      ),
      'checks',
      most.checks,
    );
    const models = health.models
      .toSorted((a, b) => rank[a.status] - rank[b.status])
      .map((model) => describe(model, now))
      .map((model) => ({
        ...model,
        detail: text(model.detail, most.versionDetail),
        last_error: model.last_error && text(model.last_error, most.versionDetail),
      }));
    return {
      note: storedTexts,
      // An outage of MLflow costs no call, and what one of an engine costs is the models' status: degraded at most.
      status: health.status === 'healthy' && isDegraded ? 'degraded' : health.status,
      checks,
      models: room.items(models, `versions, the worst first (${countedByStatus(health.models)})`),
      models_total: health.models.length,
      ...room.notWhole('One model: model_id. All: response_format=detailed.'),
      ...alerts,
      server: {
        version: packageVersion,
        role: caller.role,
        read_only: caller.readOnly,
        approvals: services.settings.approvals,
        store: services.store.kind,
        mlflow: mlflow.summary,
        uptime_s: secondsSince(services.startedAt, now),
      },
    };
  },
});

/** Such as `2 unhealthy, 40 healthy`. */
function countedByStatus(models: readonly ModelHealth[]): string {
  return healthStatuses
    .map((one) => ({ one, count: models.filter((model) => model.status === one).length }))
    .filter(({ count }) => count > 0)
    .map(({ one, count }) => `${count} ${one}`)
    .join(', ');
}

/** The engines of other machines; none while the store is away. */
async function engineChecks({ serving }: Services) {
  const engines = await serving.engineHealth().catch(() => []);
  return engines.map(({ name, isUp, deployed, lookedFor, ready, left, fault }) => {
    const models =
      deployed === 0
        ? 'no version is deployed on it'
        : `${ready} of ${lookedFor} versions ready${deployed > lookedFor ? ` (${deployed} are deployed on it)` : ''}`;
    return {
      name: `engine ${name}`,
      status: isUp && ready === lookedFor ? ('healthy' as const) : ('degraded' as const),
      detail: isUp
        ? `${models}${left === 0 ? '' : `; ${left} no longer deployed and still to be unloaded`}`
        : (fault ?? 'it is there, but not ready'),
    };
  });
}

/** The rollouts that are not over; none while the store is away. */
async function rolloutCheck(services: Services, modelId: string | undefined) {
  const open = await services.rollouts.open().catch(() => []);
  const own = open.filter((rollout) => modelId === undefined || rollout.modelId === modelId);
  if (own.length === 0) return [];
  const shown = own
    .slice(0, shownRollouts)
    .map(
      ({ modelId: of, version, state, plan, step }) =>
        `${of} ${version} at ${nameOfStep(plan, step)} (${state})`,
    );
  const detail = `${shown.join(', ')}${own.length > shown.length ? ', …' : ''}: get_rollout`;
  return [{ name: 'rollouts', status: 'healthy' as const, detail }];
}

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
      reason: model.breaker.reason,
      tripped_at: time(model.breaker.trippedAt),
    },
    shadow_agreement: model.shadowAgreement,
    request_count: calls,
    error_count: errors,
    error_rate: calls === 0 ? 0 : errors / calls,
    latency_ms: latencyAnswer(statistics?.recent.latencyMs ?? noQuantiles),
    queue_ms: queueTimeAnswer(statistics?.recent.queueMs ?? noQuantiles),
    last_request_at: time(statistics?.lastCallAt),
    last_error_at: time(statistics?.lastErrorAt),
    last_error: statistics?.lastError ?? null,
    uptime_s: secondsSince(model.deployedAt, now),
    changes: model.changes.slice(0, shownChanges).map(streamChangeAnswer),
  };
}

/** 0 when the clock was set back. */
function secondsSince(then: number, now: number): number {
  return Math.max(0, Math.round((now - then) / 1000));
}
