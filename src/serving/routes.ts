import type { Transaction } from 'kysely';
import { changeModel } from '../access/change_model.ts';
import { nameOf, type Origin } from '../access/origin.ts';
import { ModelYardError } from '../errors.ts';
import { findVersion } from '../registry/lookup.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Database } from '../storage/database.ts';
import type { Tables } from '../storage/schema.ts';
import type { Engine } from './engine/engine.ts';
import type { Route } from './routing.ts';
import { engineKey, findServed, parseWeights, type ServedModels } from './served_models.ts';

export async function readRoute(transaction: Database, modelId: string): Promise<Route | undefined> {
  const row = await transaction
    .selectFrom('routes')
    .selectAll()
    .where('model_id', '=', modelId)
    .executeTakeFirst();
  return (
    row && {
      activeVersion: row.active_version,
      weights: parseWeights(row.weights),
      sticky: row.sticky === 1,
      shadowVersion: row.shadow_version ?? undefined,
    }
  );
}

export async function writeRoute(
  transaction: Transaction<Tables>,
  modelId: string,
  route: Route,
  at: number,
  by: string,
): Promise<void> {
  const values = {
    active_version: route.activeVersion,
    weights: JSON.stringify(route.weights),
    sticky: route.sticky ? 1 : 0,
    shadow_version: route.shadowVersion ?? null,
    changed_at: at,
    changed_by: by,
  };
  await transaction
    .insertInto('routes')
    .values({ model_id: modelId, ...values })
    .onConflict((conflict) => conflict.column('model_id').doUpdateSet(values))
    .execute();
}

/**
 * Gives one version all the traffic; it can no longer be its own shadow.
 * @throws NOT_DEPLOYED when it was retired meanwhile
 */
export async function activateVersion(
  transaction: Transaction<Tables>,
  modelId: string,
  version: string,
  at: number,
  by: string,
): Promise<void> {
  await requireDeployed(transaction, modelId, [version]);
  const before = await readRoute(transaction, modelId);
  const shadowVersion = before?.shadowVersion === version ? undefined : before?.shadowVersion;
  const route = {
    activeVersion: version,
    weights: [[version, 1]] as const,
    sticky: before?.sticky ?? true,
    shadowVersion,
  };
  await writeRoute(transaction, modelId, route, at, by);
}

export interface TrafficDependencies {
  database: Database;
  engine: Engine;
  served: ServedModels;
  clock: () => number;
}

export interface TrafficRequest {
  modelId: string;
  /** By version or alias, as is the shadow. */
  weights: Record<string, number>;
  shadowVersion?: string | undefined;
  sticky: boolean;
}

/**
 * Sets where a model's calls go: A/B, canary, blue-green switch and shadow are all this. Every version is loaded
 * and warm before any call can reach it; the change is one transaction.
 * @throws INVALID_INPUT, MODEL_NOT_FOUND, VERSION_NOT_FOUND, NOT_DEPLOYED, and what loading throws
 */
export async function setTraffic(
  dependencies: TrafficDependencies,
  request: TrafficRequest,
  origin: Origin,
): Promise<{ previous: Route | undefined; current: Route; warnings: string[] }> {
  const { database, engine, served } = dependencies;
  const { modelId } = request;
  requireWeights(request);
  const model = await served.read(modelId);
  const load = async (name: string) => {
    const found = await findServed(database, modelId, name, model);
    await engine.load(found.engineModel);
    return found.record;
  };
  const weighted = await Promise.all(
    Object.entries(request.weights).map(async ([name, weight]) => ({
      name,
      weight,
      record: await load(name),
    })),
  );
  const shadow = request.shadowVersion === undefined ? undefined : await load(request.shadowVersion);
  const shadowVersion = shadow?.version;
  requireDifferent(weighted, shadowVersion);
  const records = [...weighted.map(({ record }) => record), ...(shadow === undefined ? [] : [shadow])];
  const versions = records.map(({ version }) => version);
  // The ranges of a growing canary only grow when the order of the versions never changes.
  const created = new Map(records.map((record) => [record.version, record.createdAt]));
  const weights = weighted
    .map(({ record, weight }) => [record.version, weight] as const)
    .sort(([a], [b]) => (created.get(a) ?? 0) - (created.get(b) ?? 0) || (a < b ? -1 : 1));
  const [activeVersion] = weights.reduce((most, entry) => (entry[1] > most[1] ? entry : most));
  const current = { activeVersion, weights, sticky: request.sticky, shadowVersion };
  const previous = await changeModel(dependencies, origin, { modelId }, async (transaction, at) => {
    await requireDeployed(transaction, modelId, versions);
    const before = await readRoute(transaction, modelId);
    await writeRoute(transaction, modelId, current, at, nameOf(origin.caller));
    return { result: before, before, after: current };
  });
  served.forget(modelId);
  const archived = records.filter((record) => record.stage === 'archived').map((record) => record.version);
  return {
    previous,
    current,
    warnings: archived.length > 0 ? [`Archived, but serving: ${archived.join(', ')}.`] : [],
  };
}

function requireWeights({ weights }: TrafficRequest): void {
  const entries = Object.entries(weights);
  const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
  const negative = entries.find(([, weight]) => weight < 0);
  if (negative !== undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `The weight of ${negative[0]} is ${negative[1]}, below 0.`,
      'Give every version a share from 0 to 1, such as {"1": 0.9, "2": 0.1}.',
    );
  if (entries.length === 0 || Math.abs(total - 1) > 1e-6)
    throw new ModelYardError(
      'INVALID_INPUT',
      `The weights sum to ${Number(total.toFixed(9))}, not 1.`,
      'Give every version its share of the calls, such as {"1": 0.9, "2": 0.1}.',
    );
}

/** An alias and its version are one, which can have one weight, and no weight where it is the shadow. */
function requireDifferent(
  weighted: readonly { name: string; weight: number; record: VersionRecord }[],
  shadowVersion: string | undefined,
): void {
  for (const { name, weight, record } of weighted) {
    const twin = weighted.find((other) => other.name !== name && other.record.version === record.version);
    if (twin !== undefined)
      throw new ModelYardError(
        'INVALID_INPUT',
        `${name} and ${twin.name} are the same version, ${record.version}, but both have a weight.`,
        'Give every version one weight.',
      );
    if (record.version === shadowVersion && weight > 0)
      throw new ModelYardError(
        'INVALID_INPUT',
        `shadow_version=${shadowVersion} has a weight of its own, so it would shadow itself.`,
        'Leave it out of the weights, or choose another shadow.',
      );
  }
}

async function requireDeployed(
  transaction: Database,
  modelId: string,
  versions: readonly string[],
): Promise<void> {
  const rows = await transaction
    .selectFrom('deployments')
    .select('version')
    .where('model_id', '=', modelId)
    .execute();
  const gone = versions.filter((version) => !rows.some((row) => row.version === version));
  if (gone.length > 0)
    throw new ModelYardError(
      'NOT_DEPLOYED',
      `${modelId} ${gone.join(', ')} was retired meanwhile.`,
      'Deploy it again.',
    );
}

/**
 * Takes a version out of service: out of the route, then, when what is under way has ended, out of memory.
 * @throws VERSION_NOT_FOUND, NOT_DEPLOYED, INVALID_INPUT when it carries traffic and force is false
 */
export async function retireVersion(
  dependencies: TrafficDependencies,
  request: { modelId: string; version: string; force: boolean },
  origin: Origin,
): Promise<{ version: string; current: Route | undefined; warnings: string[] }> {
  const { database, engine, served } = dependencies;
  const { modelId } = request;
  const { version } = await findVersion(database, modelId, request.version);
  const current = await changeModel(dependencies, origin, { modelId, version }, async (transaction, at) => {
    const { deployments } = await transaction
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
    const before = await readRoute(transaction, modelId);
    const after = before && withoutVersion(before, version);
    const carries = before?.weights.some(([name, weight]) => name === version && weight > 0) ?? false;
    if (carries && !request.force)
      throw new ModelYardError(
        'INVALID_INPUT',
        `${modelId} ${version} carries traffic.`,
        'Move the traffic with set_traffic or deploy_model first, or retire it with force=true.',
      );
    if (after === undefined) await transaction.deleteFrom('routes').where('model_id', '=', modelId).execute();
    else await writeRoute(transaction, modelId, after, at, nameOf(origin.caller));
    await transaction
      .deleteFrom('deployments')
      .where('model_id', '=', modelId)
      .where('version', '=', version)
      .execute();
    return {
      result: after,
      before: { route: before, deployed: true },
      after: { route: after, deployed: false },
    };
  });
  served.forget(modelId);
  await engine.unload(engineKey(modelId, version));
  return {
    version,
    current,
    warnings: current === undefined ? [`No version of ${modelId} is active any more.`] : [],
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
