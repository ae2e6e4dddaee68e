import { readFindings, type StreamFinding } from '../../change_detectors/index.ts';
import { messageOf } from '../../errors.ts';
import { readServingStatistics, type ServingStatistics } from '../../prediction_log/serving_statistics.ts';
import { type BreakerState, breakerState } from '../../serving/breaker.ts';
import {
  breakerColumns,
  routeColumns,
  routeOfDeployed,
  selectDeployed,
} from '../../serving/deployed_rows.ts';
import { readStoredVersion } from '../../serving/deployed_version.ts';
import { totalAgreement } from '../../serving/describe_traffic.ts';
import type { Route } from '../../serving/routing.ts';
import type { Database } from '../../storage/database.ts';
import type { Allowance, ArtifactWatch } from './artifact_watch.ts';
import type { HealthStatus } from './health_status.ts';
import { type EngineState, judgeModel } from './judge_model.ts';

export interface ModelHealth {
  modelId: string;
  version: string;
  stage: string;
  active: boolean;
  /** Archived, and neither in the route nor its shadow. */
  isOutOfUse: boolean;
  status: HealthStatus;
  detail: string;
  deployedAt: number;
  /** Its share of the model's calls. */
  weight: number;
  breaker: {
    state: BreakerState;
    trips: number;
    /** When calls are tried again; null unless it is open. */
    reopensAt: number | null;
    /** Why and when it last opened; null if it never did. */
    reason: string | null;
    trippedAt: number | null;
  };
  /** Whether it is the route's shadow. */
  isShadow: boolean;
  /** As the shadow version: the share of rows whose prediction agrees with the answer given; null without any. */
  shadowAgreement: number | null;
  statistics: ServingStatistics | undefined;
  /** Changes of its errors and latency that detectors found in the last day, newest first. */
  changes: StreamFinding[];
}

export interface ModelCheckDependencies {
  database: Database;
  engineStatus: (modelId: string, version: string) => EngineState;
  artifacts: Pick<ArtifactWatch, 'look' | 'report'>;
  thresholds: { errorRate: number; latencyMs: number };
  clock: () => number;
}

/** How long a change of errors or latency is shown, milliseconds. */
const changesMs = 24 * 3_600_000;

/**
 * The health of every deployed version (of some models, when named), by this process's engine and all processes' calls.
 */
export async function checkModels(
  dependencies: ModelCheckDependencies,
  modelIds: readonly string[] | undefined,
  allowance: Allowance,
): Promise<ModelHealth[]> {
  const { database, clock, thresholds } = dependencies;
  let query = selectDeployed(database)
    .selectAll('versions')
    .select([
      'deployments.deployed_at',
      'deployments.input_sizes',
      'deployments.error_threshold',
      'deployments.latency_threshold_ms',
      'deployments.probe_failure',
      ...routeColumns,
      ...breakerColumns,
      'breakers.last_reason',
      'breakers.last_tripped_at',
    ]);
  if (modelIds !== undefined) query = query.where('deployments.model_id', 'in', modelIds);
  const now = clock();
  const statistics = await readServingStatistics(database, modelIds, now);
  const damaged = new Map<string, string>();
  const [modelId, ...others] = modelIds ?? [];
  const ofOne = others.length === 0 ? modelId : undefined;
  const findings = await readFindings(database, { modelId: ofOne, since: now - changesMs }, (of, error) =>
    damaged.set(`${of.modelId}@${of.version}`, messageOf(error)),
  );
  const rows = await query.orderBy('deployments.deployed_at', 'desc').execute();
  return Promise.all(
    rows.map(async (row) => {
      const { model_id, version } = row;
      const own = statistics.get(`${model_id}@${version}`);
      const reopensAt = row.reopens_at ?? undefined;
      const breaker = breakerState({ reopensAt, openMs: row.open_ms ?? 0 }, now);
      const key = `${model_id}@${version}`;
      let weights: Route['weights'] = [];
      try {
        weights = routeOfDeployed(row)?.weights ?? [];
      } catch (error) {
        damaged.set(key, messageOf(error));
      }
      const isShadow = row.shadow_version === version;
      const isOutOfUse = row.stage === 'archived' && !isShadow && weights.every(([name]) => name !== version);
      const judged = judgeModel({
        engine: dependencies.engineStatus(model_id, version),
        statistics: own,
        artifact: await dependencies.artifacts.look(
          { sha256: row.artifact_sha256, bytes: row.artifact_bytes },
          allowance,
        ),
        breaker,
        probeFailure: row.probe_failure,
        thresholds: {
          errorRate: row.error_threshold ?? thresholds.errorRate,
          latencyMs: row.latency_threshold_ms ?? thresholds.latencyMs,
        },
        isOutOfUse,
      });
      const stored = readStoredVersion(row);
      if ('damage' in stored) damaged.set(key, stored.damage.message);
      const damage = damaged.get(key);
      return {
        modelId: model_id,
        version,
        stage: row.stage,
        active: row.active_version === version,
        weight: weights.find(([name]) => name === version)?.[1] ?? 0,
        deployedAt: row.deployed_at,
        isShadow,
        isOutOfUse,
        breaker: {
          state: breaker,
          trips: row.trips ?? 0,
          reopensAt: breaker === 'open' ? (reopensAt ?? null) : null,
          reason: row.last_reason,
          trippedAt: row.last_tripped_at,
        },
        shadowAgreement: isShadow ? (await totalAgreement(database, model_id, version)).agreement : null,
        statistics: own,
        changes: findings.filter((found) => found.modelId === model_id && found.version === version),
        ...(damage === undefined ? judged : { status: 'unhealthy' as const, detail: damage }),
      };
    }),
  );
}
