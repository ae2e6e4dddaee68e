import { changeModel } from '../access/change_model.ts';
import { nameOf, type Origin } from '../access/origin.ts';
import { ModelYardError } from '../errors.ts';
import { findVersion } from '../registry/lookup.ts';
import type { Registration } from '../registry/register.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Database } from '../storage/database.ts';
import type { Engine, LoadReport } from './engine/engine.ts';
import { scoreRecords } from './predict.ts';
import { judgeProbe, type Probe, parseProbe } from './probe.ts';
import { activateVersion, readRoute } from './routes.ts';
import { engineModel, type ServedModels } from './served_models.ts';

/** What deployment needs of the registry when the version is new. */
export type Register = (
  registration: Registration,
  origin: Origin,
  signal?: AbortSignal,
  /** Told of what is downloaded, where the source is not a file here. */
  downloaded?: (receivedBytes: number, totalBytes: number) => void,
) => Promise<{ record: VersionRecord; created: boolean }>;

export interface Deployment {
  /** `source` is missing when the version is registered already. */
  registration: Omit<Registration, 'source'> & { source?: string | undefined };
  setActive: boolean;
  errorThreshold?: number | undefined;
  latencyThresholdMs?: number | undefined;
  probe?: Probe | undefined;
  /** Engine hosts side by side; undefined keeps what it was, or one. */
  instances?: number | undefined;
}

export interface DeploymentOutcome {
  record: VersionRecord;
  active: boolean;
  previousActive: string | null;
  loadMs: number;
  warmupMs: number;
  warnings: string[];
}

export interface DeployDependencies {
  database: Database;
  engine: Engine;
  served: ServedModels;
  register: Register;
  clock: () => number;
}

export type Progress = (done: number, total: number, message: string) => void;

/**
 * Makes a version serve: registers it where it is new, loads, warms and probes it, and only then records it
 * as deployed and moves the traffic, in one transaction. When any step fails, what served before goes on.
 * @throws what registration and loading throw; GATE_FAILED by the probe; CANCELLED
 */
export async function deployVersion(
  dependencies: DeployDependencies,
  deployment: Deployment,
  origin: Origin,
  progress: Progress,
  signal: AbortSignal,
): Promise<DeploymentOutcome> {
  const { engine } = dependencies;
  progress(0, 3, 'registering');
  const { record, warnings } = await registeredVersion(dependencies, deployment, origin, progress, signal);
  requireNotCancelled(signal);
  progress(1, 3, 'loading and warming');
  const stored = await readDeployment(dependencies.database, record);
  const report = await engine.load(engineModel(record, deployment.instances ?? stored.instances));
  requireNotCancelled(signal);
  progress(2, 3, 'probing');
  await probeOrRequireWarm(engine, record, deployment.probe ?? stored.probe, report);
  requireNotCancelled(signal);
  const previousActive = await recordDeployment(dependencies, record, deployment, origin);
  progress(3, 3, 'ready');
  const active = deployment.setActive ? record.version : previousActive;
  return {
    record,
    active: active === record.version,
    previousActive,
    loadMs: report.loadMs,
    warmupMs: report.warmupMs,
    warnings: [
      ...warnings,
      ...(record.stage === 'archived' ? [`${record.version} is archived; it serves all the same.`] : []),
      ...(active === null
        ? [`No version of ${record.modelId} is active: predict must name a version until one is.`]
        : []),
    ],
  };
}

/** Loads, warms and records a version as deployed without touching the traffic. */
export async function prepareVersion(
  dependencies: DeployDependencies,
  record: VersionRecord,
  origin: Origin,
): Promise<void> {
  const { instances, probe, isDeployed } = await readDeployment(dependencies.database, record);
  const report = await dependencies.engine.load(engineModel(record, instances));
  await probeOrRequireWarm(dependencies.engine, record, probe, report);
  if (!isDeployed) await recordDeployment(dependencies, record, undefined, origin);
}

/** Runs the probe that a version was deployed with. @returns why it failed, or undefined when it passes. */
export async function storedProbeFailure(
  { database, engine }: DeployDependencies,
  record: VersionRecord,
): Promise<string | undefined> {
  const { instances, probe } = await readDeployment(database, record);
  if (probe === undefined) return 'No probe is set: deploy the version with one first.';
  try {
    await engine.load(engineModel(record, instances));
    judgeProbe(probe, await scoreRecords(engine, record, probe.inputs));
    return undefined;
  } catch (error) {
    if (!(error instanceof ModelYardError)) throw error;
    return error.message;
  }
}

/** What an earlier deployment of the version set. */
async function readDeployment(
  database: Database,
  { modelId, version }: VersionRecord,
): Promise<{ instances: number; probe: Probe | undefined; isDeployed: boolean }> {
  const row = await database
    .selectFrom('deployments')
    .select(['instances', 'probe'])
    .where('model_id', '=', modelId)
    .where('version', '=', version)
    .executeTakeFirst();
  const probe = row?.probe ?? null;
  return {
    instances: row?.instances ?? 1,
    probe: probe === null ? undefined : parseProbe(probe),
    isDeployed: row !== undefined,
  };
}

async function registeredVersion(
  { database, register }: DeployDependencies,
  { registration }: Deployment,
  origin: Origin,
  progress: Progress,
  signal: AbortSignal,
): Promise<{ record: VersionRecord; warnings: string[] }> {
  const { source, ...facts } = registration;
  if (source === undefined) {
    const record = await findVersion(database, registration.modelId, registration.version).catch(
      (error: unknown) => {
        if (!(error instanceof ModelYardError)) throw error;
        throw new ModelYardError(
          error.code,
          error.message,
          `${error.hint} To register a new version here, give its source.`,
        );
      },
    );
    return { record, warnings: [...record.warnings, ...unusedFacts({ ...facts, version: record.version })] };
  }
  const { record, created } = await register({ ...facts, source }, origin, signal, (received, total) =>
    progress(Math.min(received / total, 0.99), 3, `downloaded ${(received / 1e6).toFixed(1)} MB`),
  );
  return { record, warnings: [...record.warnings, ...(created ? [] : unusedFacts(facts))] };
}

/** Facts given for a version that is registered already are not written; say so. */
function unusedFacts(facts: Omit<Registration, 'source'>): string[] {
  const { modelId: _, version, ...rest } = facts;
  const given = Object.entries(rest).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  const descriptive = given
    .filter((name) => name !== 'featureNames' && name !== 'classLabels')
    .map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  return descriptive.length === 0
    ? []
    : [`${version} was registered before; not changed: ${descriptive.join(', ')}.`];
}

async function probeOrRequireWarm(
  engine: Engine,
  record: VersionRecord,
  probe: Probe | undefined,
  report: LoadReport,
): Promise<void> {
  if (probe !== undefined) judgeProbe(probe, await scoreRecords(engine, record, probe.inputs));
  else if (report.warmupFailure !== undefined)
    throw new ModelYardError(
      report.warmupFailure.code,
      `${record.modelId} ${record.version} loads, but its warm-up run on zeros failed. ${report.warmupFailure.message}`,
      'Call deploy_model again with a probe: inputs that the model can answer.',
    );
}

/**
 * @param deployment undefined: deployed by a promotion; an existing deployment keeps its settings.
 * @returns the version that was active before, or null.
 */
async function recordDeployment(
  dependencies: DeployDependencies,
  record: VersionRecord,
  deployment: Omit<Deployment, 'registration'> | undefined,
  origin: Origin,
): Promise<string | null> {
  const { modelId, version } = record;
  const by = nameOf(origin.caller);
  const previous = await changeModel(dependencies, origin, { modelId, version }, async (transaction, at) => {
    const when = { deployed_at: at, deployed_by: by };
    const given = deployment === undefined ? {} : givenSettings(deployment, at);
    await transaction
      .insertInto('deployments')
      .values({
        model_id: modelId,
        version,
        ...when,
        error_threshold: null,
        latency_threshold_ms: null,
        instances: 1,
        probe: null,
        probed_at: null,
        probe_failure: null,
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
      result: before?.activeVersion ?? null,
      before: { route: before },
      after: { route: after, deployed: true },
    };
  });
  dependencies.served.forget(modelId);
  return previous;
}

/** The settings that a deployment gives; those it leaves out stay as they were. */
function givenSettings(deployment: Omit<Deployment, 'registration'>, at: number) {
  const { errorThreshold, latencyThresholdMs, instances, probe } = deployment;
  return {
    ...(errorThreshold !== undefined && { error_threshold: errorThreshold }),
    ...(latencyThresholdMs !== undefined && { latency_threshold_ms: latencyThresholdMs }),
    ...(instances !== undefined && { instances }),
    ...(probe !== undefined && { probe: JSON.stringify(probe), probed_at: at, probe_failure: null }),
  };
}

function requireNotCancelled(signal: AbortSignal): void {
  if (signal.aborted)
    throw new ModelYardError(
      'CANCELLED',
      'The deployment was cancelled.',
      'What served before goes on serving.',
    );
}
