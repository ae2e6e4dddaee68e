import { setTimeout as pause } from 'node:timers/promises';
import { type Approver, type ChangePlan, stillAgreed } from '../access/approval.ts';
import { untouched } from '../access/approval_policy.ts';
import type { Origin } from '../access/origin.ts';
import { embeddedEngine } from '../engine_settings.ts';
import { ModelYardError, messageOf } from '../errors.ts';
import type { Register } from '../registry/registration.ts';
import { untilSettled } from '../registry/settled.ts';
import { describeShares, type GuardedStanding, readStanding } from '../registry/standing.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Database } from '../storage/database.ts';
import { isDeployedOn } from './deployed_rows.ts';
import { engineModel } from './deployed_version.ts';
import type { Engine, EngineModel } from './engine/engine.ts';
import type { Engines } from './engines.ts';
import { judgeProbe, probeSizes } from './probe.ts';
import { type DeployedRegistration, type Progress, registeredVersion } from './registered_version.ts';
import type { Route } from './routing.ts';
import { scoreInput } from './score_version.ts';
import type { ServedModels } from './served_models.ts';
import { type DeploymentSettings, readDeployment, recordDeployment } from './stored_deployment.ts';

export interface Deployment extends DeploymentSettings {
  registration: DeployedRegistration;
}

export interface DeploymentOutcome {
  record: VersionRecord;
  active: boolean;
  /** The route before; undefined where nothing had traffic. */
  previous: Route | undefined;
  /** Whether the version was deployed before. */
  wasDeployed: boolean;
  loadMs: number;
  warmupMs: number;
  warnings: string[];
}

export interface DeployDependencies {
  database: Database;
  engine: Engines;
  served: ServedModels;
  /** The registry's, for a version that is new. */
  register: Register;
  clock: () => number;
  /** The engine of versions that are deployed without one. */
  defaultEngine: string;
}

/** Other processes take a moment to hear that a version has moved: its calls there are still answered where it was. */
const movedMs = 1_500;

/**
 * Makes a version serve: registers it where it is new, loads, warms and probes it, and only then records it
 * as deployed and moves the traffic, in one transaction. When any step fails, what served before goes on. Where the
 * change of traffic needs a person's word, it is asked for before anything is loaded.
 * @throws what registration and loading throw; GATE_FAILED by the probe; APPROVAL_REQUIRED; CANCELLED; INVALID_INPUT
 *   for an engine that is not configured
 */
export async function deployVersion(
  dependencies: DeployDependencies,
  deployment: Deployment,
  origin: Origin,
  approver: Approver,
  progress: Progress,
  signal: AbortSignal,
): Promise<DeploymentOutcome> {
  const { database, engine } = dependencies;
  if (deployment.engine !== undefined) engine.requireKnown(deployment.engine);
  progress(0, 3, 'registering');
  const { record, created, warnings } = await registeredVersion(
    dependencies,
    deployment.registration,
    origin,
    progress,
    signal,
  );
  requireNotCancelled(signal);
  const planIn = async (now: Database) =>
    deploymentPlan(record, deployment.setActive, created, await readStanding(now, record.modelId));
  const { report, untried, previous, wasDeployed, left } = await untilSettled(async (stale) => {
    const plan = await planIn(database);
    const approval = await approver.obtain(plan);
    requireNotCancelled(signal);
    progress(1, 3, 'loading and warming');
    const stored = await readDeployment(database, record);
    const probe = deployment.probe ?? stored.probe;
    const sizes = probe && probeSizes(record, probe);
    const on = deployment.engine ?? stored.engine ?? dependencies.defaultEngine;
    const model = engineModel(record, deployment.instances ?? stored.instances, sizes, on);
    const serve = async () => {
      const report = await engine.load(model);
      requireNotCancelled(signal);
      progress(2, 3, 'probing');
      if (probe !== undefined) judgeProbe(probe, await scoreInput(engine, record, probe.input, on));
      requireNotCancelled(signal);
      const previous = await recordDeployment(dependencies, record, deployment, on, sizes, origin, {
        approval,
        async requireAgreed(transaction) {
          if (!stillAgreed(approver, approval, plan, await planIn(transaction))) throw stale;
        },
      });
      return {
        report,
        untried: probe === undefined ? report.warmupFailure : undefined,
        previous,
        wasDeployed: stored.engine !== undefined,
        left:
          stored.engine === undefined || stored.engine === on
            ? undefined
            : { ...model, engine: stored.engine },
      };
    };
    try {
      return await serve();
    } catch (error) {
      // Nothing idles out of an engine that others run. Another process may have deployed the version there meanwhile.
      if (on !== embeddedEngine && !(await isDeployedOn(dependencies.database, model.key, on)))
        await engine.unload(model).catch(() => undefined);
      throw error;
    }
  });
  const stays = left === undefined ? undefined : await leaveEngine(engine, left);
  progress(3, 3, 'ready');
  const active = deployment.setActive ? record.version : (previous?.activeVersion ?? null);
  return {
    record,
    active: active === record.version,
    previous,
    wasDeployed,
    loadMs: report.loadMs,
    warmupMs: report.warmupMs,
    warnings: [
      ...warnings,
      ...(untried === undefined ? [] : [notRunYet(record, untried)]),
      ...(stays === undefined ? [] : [stays]),
      ...(record.stage === 'archived' ? [`${record.version} is archived; it serves all the same.`] : []),
      ...(active === null
        ? [`No version of ${record.modelId} is active: predict must name a version until one is.`]
        : []),
    ],
  };
}

function deploymentPlan(
  { modelId, version, artifact }: VersionRecord,
  setActive: boolean,
  created: boolean,
  { standing, productionWantsPerson }: GuardedStanding,
): ChangePlan {
  const after = setActive ? { ...standing, weights: [[version, 1] as const] } : standing;
  return {
    modelId,
    summary: [
      `Version ${version} of model ${modelId} is deployed; the calls go to ${describeShares(after)}.`,
      `Now they go to ${describeShares(standing)}.`,
    ],
    change: { ...untouched(standing), after, productionWantsPerson },
    facts: {
      version,
      artifact: artifact.sha256,
      production: standing.production ?? null,
      traffic: standing.weights,
      active: setActive,
    },
    kept: created ? `version ${version} was registered, and nothing else was changed` : undefined,
  };
}

/** Loads, warms and records a version as deployed without touching the traffic. */
export async function prepareVersion(
  dependencies: DeployDependencies,
  record: VersionRecord,
  origin: Origin,
): Promise<void> {
  const { engine } = dependencies;
  const { instances, probe, engine: deployedOn } = await readDeployment(dependencies.database, record);
  const on = deployedOn ?? dependencies.defaultEngine;
  await engine.load(engineModel(record, instances, probe && probeSizes(record, probe), on));
  if (probe !== undefined) judgeProbe(probe, await scoreInput(engine, record, probe.input, on));
  if (deployedOn === undefined)
    await recordDeployment(dependencies, record, undefined, on, undefined, origin, undefined);
}

/** Takes a version out of the engine that it has left. @returns a warning where that cannot be done */
async function leaveEngine(engine: Engine, left: EngineModel): Promise<string | undefined> {
  await pause(movedMs);
  try {
    await engine.unload(left);
    return undefined;
  } catch (error) {
    return `It may still be loaded in ${left.engine}, where it was, and is unloaded when that lets itself be told: ${messageOf(error)}`;
  }
}

/** Runs the probe that a version was deployed with. @returns why it failed, or undefined when it passes. */
export async function storedProbeFailure(
  { database, engine }: DeployDependencies,
  record: VersionRecord,
): Promise<string | undefined> {
  const { instances, probe, engine: on = embeddedEngine } = await readDeployment(database, record);
  if (probe === undefined) return 'No probe is set: deploy the version with one first.';
  try {
    await engine.load(engineModel(record, instances, probeSizes(record, probe), on));
    judgeProbe(probe, await scoreInput(engine, record, probe.input, on));
    return undefined;
  } catch (error) {
    if (!(error instanceof ModelYardError) || error.code === 'STORAGE_UNAVAILABLE') throw error;
    return error.message;
  }
}

/** That the model fails on inputs which were made up says nothing of proper ones. */
function notRunYet({ modelId, version }: VersionRecord, failure: ModelYardError): string {
  const reason = failure.message.replace(/\.$/, '');
  const what =
    failure.code === 'ENGINE_CRASHED'
      ? `${reason.replace(/^T/, 't')} on inputs that were made up to try it, which it need not on proper ones`
      : `it failed on inputs that were made up to try it, which proper ones need not (${reason})`;
  return `${modelId} ${version} has not run yet: ${what}. Call deploy_model again with a probe, inputs that it must answer, to have it tried.`;
}

function requireNotCancelled(signal: AbortSignal): void {
  if (signal.aborted)
    throw new ModelYardError(
      'CANCELLED',
      'The deployment was cancelled.',
      'What served before goes on serving: call again if it is wanted.',
    );
}
