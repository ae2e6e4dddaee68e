import { type Approval, approvedBy } from '../access/approval.ts';
import { changeModel } from '../access/change_model.ts';
import { nameOf, type Origin } from '../access/origin.ts';
import { embeddedEngine } from '../engine_settings.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Database } from '../storage/database.ts';
import type { InputSizes } from './engine/warmup.ts';
import { type Probe, parseProbe, probeText } from './probe.ts';
import type { Route } from './routing.ts';
import { activateVersion, readRoute } from './stored_route.ts';

export interface DeploymentSettings {
  setActive: boolean;
  errorThreshold?: number | undefined;
  latencyThresholdMs?: number | undefined;
  probe?: Probe | undefined;
  /** Engine hosts side by side; undefined keeps what it was, or one. */
  instances?: number | undefined;
  /** The engine that runs it; undefined keeps what it was, or is the default. */
  engine?: string | undefined;
}

/** The approval to move the traffic, and the check in the change's transaction that it still holds. */
interface Leave {
  approval: Approval;
  requireAgreed(transaction: Database): Promise<void>;
}

export interface StoredDeployment {
  instances: number;
  /** Undefined: it is not deployed. */
  engine: string | undefined;
  probe: Probe | undefined;
}

/** What an earlier deployment of the version set. */
export async function readDeployment(
  database: Database,
  { modelId, version }: Pick<VersionRecord, 'modelId' | 'version'>,
): Promise<StoredDeployment> {
  const row = await database
    .selectFrom('deployments')
    .select(['instances', 'engine', 'probe'])
    .where('model_id', '=', modelId)
    .where('version', '=', version)
    .executeTakeFirst();
  const probe = row?.probe ?? null;
  return {
    instances: row?.instances ?? 1,
    engine: row?.engine,
    probe: probe === null ? undefined : parseProbe({ model_id: modelId, version, probe }),
  };
}

/**
 * Stores a version as deployed, and its settings, in one transaction with the change of traffic.
 * @param deployment undefined: deployed by a promotion; an existing deployment keeps its settings.
 * @param engine that runs it from now on
 * @returns the route before
 */
export async function recordDeployment(
  dependencies: { database: Database; clock: () => number },
  record: VersionRecord,
  deployment: DeploymentSettings | undefined,
  engine: string,
  sizes: InputSizes | undefined,
  origin: Origin,
  leave: Leave | undefined,
): Promise<Route | undefined> {
  const { modelId, version } = record;
  const by = nameOf(origin.caller);
  return changeModel(dependencies, origin, { modelId, version }, async (transaction, at) => {
    await leave?.requireAgreed(transaction);
    await leave?.approval.use(transaction, at);
    const when = { deployed_at: at, deployed_by: by };
    const given = deployment === undefined ? {} : { ...givenSettings(deployment, sizes, at), engine };
    await transaction
      .insertInto('deployments')
      .values({
        model_id: modelId,
        version,
        ...when,
        error_threshold: null,
        latency_threshold_ms: null,
        instances: 1,
        engine,
        probe: null,
        probed_at: null,
        probe_failure: null,
        input_sizes: null,
        ...given,
      })
      .onConflict((conflict) => {
        const key = conflict.columns(['model_id', 'version']);
        return deployment === undefined ? key.doNothing() : key.doUpdateSet({ ...when, ...given });
      })
      .execute();
    const before = await readRoute(transaction, modelId);
    if (deployment?.setActive) await activateVersion(transaction, modelId, version, at, by);
    const after = await readRoute(transaction, modelId);
    return {
      result: before,
      before: { route: before },
      after: {
        route: after,
        deployed: true,
        ...(engine !== embeddedEngine && { engine }),
        ...(leave && approvedBy(leave.approval)),
      },
    };
  });
}

/** The settings that a deployment gives; those it leaves out stay as they were. */
function givenSettings(deployment: DeploymentSettings, sizes: InputSizes | undefined, at: number) {
  const { errorThreshold, latencyThresholdMs, instances, probe } = deployment;
  return {
    ...(errorThreshold !== undefined && { error_threshold: errorThreshold }),
    ...(latencyThresholdMs !== undefined && { latency_threshold_ms: latencyThresholdMs }),
    ...(instances !== undefined && { instances }),
    ...(probe !== undefined && { probe: probeText(probe), probed_at: at, probe_failure: null }),
    ...(sizes !== undefined && { input_sizes: JSON.stringify([...sizes]) }),
  };
}
