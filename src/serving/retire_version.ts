import { type Approver, approvedBy, type ChangePlan, stillAgreed } from '../access/approval.ts';
import { untouched } from '../access/approval_policy.ts';
import { changeModel } from '../access/change_model.ts';
import { nameOf, type Origin } from '../access/origin.ts';
import { ModelYardError, messageOf } from '../errors.ts';
import { findVersionName } from '../registry/lookup.ts';
import { untilSettled } from '../registry/settled.ts';
import { describeShares, type GuardedStanding, readStanding } from '../registry/standing.ts';
import type { Database } from '../storage/database.ts';
import { engineKey } from './deployed_version.ts';
import type { PlacedModel } from './engine/engine.ts';
import type { Route } from './routing.ts';
import type { TrafficDependencies } from './set_traffic.ts';
import { readRoute, writeRoute } from './stored_route.ts';

export interface Retirement {
  modelId: string;
  version: string;
  /** Also when it carries traffic. */
  force: boolean;
}

export interface Retired {
  version: string;
  /** The routes before and after; undefined where nothing has traffic. */
  previous: Route | undefined;
  current: Route | undefined;
  /** What it was deployed with. */
  settings: {
    errorThreshold: number | undefined;
    latencyThresholdMs: number | undefined;
    instances: number;
    engine: string | undefined;
    hasProbe: boolean;
  };
  warnings: string[];
}

/**
 * Takes a version out of service: out of the route, then, when what is under way has ended, out of memory.
 * @throws VERSION_NOT_FOUND, NOT_DEPLOYED, APPROVAL_REQUIRED, INVALID_INPUT when it carries traffic and force is false
 */
export async function retireVersion(
  dependencies: TrafficDependencies,
  request: Retirement,
  origin: Origin,
  approver: Approver,
): Promise<Retired> {
  const { database, engine } = dependencies;
  const { modelId } = request;
  const version = await findVersionName(database, modelId, request.version);
  const { settings, ...placed } = await readPlaced(database, modelId, version);
  const { previous, current } = await untilSettled(async (stale) => {
    const before = await requireRetirable(database, request, version);
    const plan = retirementPlan(modelId, version, before, await readStanding(database, modelId));
    const approval = await approver.obtain(plan);
    return changeModel(dependencies, origin, { modelId, version }, async (transaction, at) => {
      const now = await requireRetirable(transaction, request, version);
      const planNow = retirementPlan(modelId, version, now, await readStanding(transaction, modelId));
      if (!stillAgreed(approver, approval, plan, planNow)) throw stale;
      await approval.use(transaction, at);
      const after = now && withoutVersion(now, version);
      if (after === undefined)
        await transaction.deleteFrom('routes').where('model_id', '=', modelId).execute();
      else await writeRoute(transaction, modelId, after, at, nameOf(origin.caller));
      await transaction
        .deleteFrom('deployments')
        .where('model_id', '=', modelId)
        .where('version', '=', version)
        .execute();
      return {
        result: { previous: now, current: after },
        before: { route: now, deployed: true },
        after: { route: after, deployed: false, ...approvedBy(approval) },
      };
    });
  });
  // It is out of service, whether or not an engine of another machine can be told.
  const stays = await engine.unload(placed).then(
    () => [],
    (error: unknown) => [
      `It may still be loaded in the engine ${placed.engine}, and is unloaded when that lets itself be told: ${messageOf(error)}`,
    ],
  );
  return {
    version,
    previous,
    current,
    settings,
    warnings: [...(current === undefined ? [`No version of ${modelId} is active any more.`] : []), ...stays],
  };
}

/** Where it is loaded, and what it was deployed with. */
async function readPlaced(
  database: Database,
  modelId: string,
  version: string,
): Promise<PlacedModel & Pick<Retired, 'settings'>> {
  const row = await database
    .selectFrom('versions')
    .leftJoin('deployments', (join) =>
      join
        .onRef('deployments.model_id', '=', 'versions.model_id')
        .onRef('deployments.version', '=', 'versions.version'),
    )
    .select(['artifact_sha256', 'artifact_bytes', 'deployments.engine', 'error_threshold'])
    .select(['latency_threshold_ms', 'instances', 'probe'])
    .where('versions.model_id', '=', modelId)
    .where('versions.version', '=', version)
    .executeTakeFirstOrThrow();
  return {
    key: engineKey(modelId, version),
    engine: row.engine ?? undefined,
    artifact: { sha256: row.artifact_sha256, bytes: row.artifact_bytes },
    settings: {
      errorThreshold: row.error_threshold ?? undefined,
      latencyThresholdMs: row.latency_threshold_ms ?? undefined,
      instances: row.instances ?? 1,
      engine: row.engine ?? undefined,
      hasProbe: row.probe !== null,
    },
  };
}

/** @returns the route that it may stand in */
async function requireRetirable(
  database: Database,
  { modelId, force }: { modelId: string; force: boolean },
  version: string,
): Promise<Route | undefined> {
  const { deployments } = await database
    .selectFrom('deployments')
    .select((eb) => eb.fn.countAll<number>().as('deployments'))
    .where('model_id', '=', modelId)
    .where('version', '=', version)
    .executeTakeFirstOrThrow();
  if (Number(deployments) === 0)
    throw new ModelYardError(
      'NOT_DEPLOYED',
      `${modelId} ${version} is not deployed.`,
      'Nothing needs to be done.',
    );
  const route = await readRoute(database, modelId);
  const carries = route?.weights.some(([name, weight]) => name === version && weight > 0) ?? false;
  if (carries && !force)
    throw new ModelYardError(
      'INVALID_INPUT',
      `${modelId} ${version} carries traffic.`,
      'Move the traffic with set_traffic or deploy_model first, or retire it with force=true.',
    );
  return route;
}

function retirementPlan(
  modelId: string,
  version: string,
  route: Route | undefined,
  { standing, productionWantsPerson }: GuardedStanding,
): ChangePlan {
  const left = route && withoutVersion(route, version);
  const after = { ...standing, weights: left?.weights ?? [] };
  return {
    modelId,
    summary: [
      `Version ${version} of model ${modelId}${version === standing.production ? ', which is in production,' : ''} is taken out of service.`,
      `The calls go to ${describeShares(after)}; now they go to ${describeShares(standing)}.`,
    ],
    change: { ...untouched(standing), after, retires: version, productionWantsPerson },
    facts: { version, production: standing.production ?? null, traffic: standing.weights },
  };
}

/** The route when a version is gone: the others share its part, standbys take it over. undefined when none is left. */
function withoutVersion(route: Route, version: string): Route | undefined {
  const left = route.weights.filter(([name]) => name !== version);
  const total = left.reduce((sum, [, weight]) => sum + weight, 0);
  if (left.length === 0) return undefined;
  const weights = left.map(
    ([name, weight]) => [name, total === 0 ? 1 / left.length : weight / total] as const,
  );
  const [activeVersion] = weights.reduce((most, entry) => (entry[1] > most[1] ? entry : most));
  const shadowVersion = route.shadowVersion === version ? undefined : route.shadowVersion;
  return { ...route, activeVersion, weights, shadowVersion };
}
